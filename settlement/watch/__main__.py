"""`python -m settlement.watch verify|watch|exit|settlement …`: the commands where they are not installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

from settlement.watch import costing, exiting, verifying, watching

COMMANDS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "verify": verifying.main,
    "watch": watching.main,
    "exit": exiting.main,
    "settlement": costing.main,
}


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    command = COMMANDS.get(argv[0]) if argv else None
    if command is None:
        print(f"name one of {', '.join(COMMANDS)}; each explains itself with --help", file=sys.stderr)
        return 2
    return command(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
