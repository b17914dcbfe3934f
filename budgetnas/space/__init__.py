"""Search spaces as integer arrays, and the exact sets of their members that fit a budget."""
