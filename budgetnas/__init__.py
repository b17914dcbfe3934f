"""Find the most accurate residual network under a hard cap on parameters."""

__version__ = "0.1.0"
