"""What C code takes on a core, before it is compiled."""
