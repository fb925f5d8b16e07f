"""Training in one compiled loop."""
