"""A run on disk, read back without its data: settings, result, verdict, files."""
