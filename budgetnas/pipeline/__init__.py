"""The driver of searches, calibrations and declared trainings: prepare, plan, train, promote, report."""
