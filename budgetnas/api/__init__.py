"""The commands as functions: keyword arguments in, results out; a module a subject, heavy imports inside."""
