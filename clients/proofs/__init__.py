"""A trader's proofs: what the venue has promised and what settlement has posted of a fill."""
