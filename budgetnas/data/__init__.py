"""Data sets as uint8 arrays: sources, checks, splits."""
