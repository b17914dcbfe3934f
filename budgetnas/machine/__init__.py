"""What this machine has for a search, and advice about it."""
