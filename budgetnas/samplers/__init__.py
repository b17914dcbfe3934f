"""Which architecture to try next, and which of the tried to trust: pure functions of a history."""
