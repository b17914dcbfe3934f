"""Proposals of architectures, and posterior scores of the trained ones, as pure functions of a history."""
