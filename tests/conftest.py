"""What all tests share."""

from __future__ import annotations

import sys

_RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    """Ethereum's packages for Python raise the recursion limit when tests import them, beyond what the stack
    holds: another test's deep nesting would then end the process."""
    sys.setrecursionlimit(_RECURSION_LIMIT)
