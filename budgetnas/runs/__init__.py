"""A run on disk, read without its data: settings, result, verdict, files."""
