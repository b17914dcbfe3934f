"""What a result is worth: statistics as pure functions of numbers."""
