"""Callbacks of the user: which runs, for how long, and for which interaction."""
