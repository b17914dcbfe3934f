"""A trained network as a folder that proves itself: written, read, verified, used."""
