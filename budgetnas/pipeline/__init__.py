"""The driver: from a study file to a report, top to bottom."""
