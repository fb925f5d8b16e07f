"""A study: its configuration, its trials, how it is searched and how it is stored."""
