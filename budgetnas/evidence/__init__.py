"""Statistics that test a result, as pure functions of numbers."""
