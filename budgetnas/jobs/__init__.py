"""Trainings that a person declares, not a search: one network, or the models of Pei et al., with their tables."""
