"""An Ethereum-like node of our own: blocks on disk, contracts in a real EVM, faults at will."""
