"""Trainings that a person declares, not a search: one network, or the report's models, with their tables."""
