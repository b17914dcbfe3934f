"""The state of this machine for a search, and advice."""
