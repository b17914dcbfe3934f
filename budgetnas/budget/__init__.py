"""The cap as people write it, and the check of a network against it."""
