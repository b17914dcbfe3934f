"""Optuna studies, and files that are whole or absent."""
