"""Vectors of codec 5 for other implementations."""
