"""What survives a run: Optuna studies, and files that are whole or not there."""
