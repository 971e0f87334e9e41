"""Wiring, configuration, clock and the command line."""

import os

# The venue computes on the engine's thread: a pool of linear-algebra threads would only take the cores of its
# children. Read by OpenBLAS when numpy is first imported; whoever has set it keeps what was set.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
