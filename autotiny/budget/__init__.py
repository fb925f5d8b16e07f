"""Limits, what counts against them, and what can be said of a model under them."""
