"""Architectures: immutable specs, the layers that they lower to, and exact counts of both."""
