"""The commands as functions: keyword arguments in, results out. Heavy imports are inside the functions."""
