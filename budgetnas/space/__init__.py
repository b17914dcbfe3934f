"""Search spaces as arrays of integers, and the exact set of their members that fits a budget."""
