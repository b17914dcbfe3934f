"""A trained network exported as a self-verifying folder: writing, reading, verifying, predicting."""
