"""A chain of batches from genesis, as posted."""
