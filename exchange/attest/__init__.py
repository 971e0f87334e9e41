"""What is signed and proven: the sequencer's chain and its receipts. Pure."""
