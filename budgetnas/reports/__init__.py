"""Tables, figures and self-contained pages of a run, made from plain facts."""
