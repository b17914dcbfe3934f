"""Torch modules, built from the vocabulary of layers."""
