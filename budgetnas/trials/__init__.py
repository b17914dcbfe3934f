"""A trial: what is trained, at which level, with which seed, and what is known of it."""
