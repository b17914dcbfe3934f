"""Trials: their facts, levels, looks at the test set, random streams, and selection."""
