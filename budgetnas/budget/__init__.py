"""The cap on trainable parameters, as people write it."""
