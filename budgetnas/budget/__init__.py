"""Caps: reading them, and checking networks against them."""
