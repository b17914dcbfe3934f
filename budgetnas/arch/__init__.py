"""Architectures: immutable specs that lower to one vocabulary of layers."""
