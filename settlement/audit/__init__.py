"""The audit: re-runs the command log, and holds what the sequencer and its headers said against it."""
