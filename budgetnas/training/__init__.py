"""Training and testing one network, as an engine's worker does it."""
