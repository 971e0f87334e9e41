"""The trees of settlement format 2 (docs/protocol.md): the sparse tree's compact proofs, binary trees."""
