"""Settlement of format 2 on the venue's side: a directory's format, its L1, its contracts, its money."""
