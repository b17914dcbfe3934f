"""Training and testing one network: what an engine's worker runs."""
