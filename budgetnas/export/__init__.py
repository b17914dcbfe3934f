"""The winner as files that leave the tool, and back."""
