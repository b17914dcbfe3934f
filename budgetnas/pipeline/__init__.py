"""The driver: prepare, plan, train, promote, report; for searches, calibrations and declared trainings."""
