"""Measuring C code without a board: a cross-compiler and an emulator from the package index."""
