"""Compiled C without an interpreter: a model becomes plain C99."""
