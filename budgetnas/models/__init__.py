"""Torch modules built from the layers of an architecture."""
