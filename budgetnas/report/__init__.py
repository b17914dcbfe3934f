"""What a person reads of a run: tables and one self-contained page."""
