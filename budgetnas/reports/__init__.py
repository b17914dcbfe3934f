"""What a person opens of a run: tables, figures and self-contained pages, from plain facts."""
