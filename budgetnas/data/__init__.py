"""Data sets as uint8 arrays: where they come from, how they are checked, split and named."""
