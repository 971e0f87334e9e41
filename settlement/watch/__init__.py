"""A stranger's programs over the L1: verify, watch, leave, and what posting costs (docs/watchtower.md)."""
