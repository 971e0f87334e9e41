"""Settlement format 2 as a chain of batches: building them from the venue's events, and deriving the state
again from what the L1 has (docs/protocol.md)."""
