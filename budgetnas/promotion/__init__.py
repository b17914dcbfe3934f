"""Who goes up, and who wins: decisions over finished trials, by validation scores only."""
