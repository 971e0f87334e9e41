"""The attestor: the child process that keeps the sequencer's chain, signs its heads, makes receipts."""
