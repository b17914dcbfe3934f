"""What a study left in its storage, read back without its data: facts, what they are worth, words and files."""
