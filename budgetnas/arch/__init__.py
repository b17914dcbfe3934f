"""Architectures: immutable specs, the vocabulary of layers that they lower to, and exact counts of both."""
