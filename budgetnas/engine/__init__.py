"""Where tasks run: processes on this machine."""
