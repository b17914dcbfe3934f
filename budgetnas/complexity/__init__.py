"""Exact parameters, MACs and activations: of layers one network at a time, of arrays millions at a time."""
