"""The cap on trainable parameters: how people write it, and the gate that every candidate must pass."""
