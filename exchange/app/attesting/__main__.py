"""`python -m exchange.app.attesting`: started by the venue, which it outlives by a moment at most."""

from __future__ import annotations

import sys

from exchange.app.attesting.process import main

if __name__ == "__main__":
    sys.exit(main())
