"""The process that settles in format 2: events in, batches on the L1, withdrawals paid (docs/posting.md)."""
