"""`python -m settlement.contracts`: compile what is not compiled yet, so that no first start waits for it."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor

from settlement.contracts.compiler import CompilerMissing, compiled, is_compiled
from settlement.contracts.deployment import EXECUTOR_NAMES, SOURCES


def _compile(name: str) -> str:
    compiled(name)
    return name


def main() -> int:
    """The exit status: 2 without the compiler."""
    missing = [name for name in (*SOURCES.values(), *EXECUTOR_NAMES) if not is_compiled(name)]
    if not missing:
        return 0
    print(f"compiling {len(missing)} contracts …", flush=True)
    try:
        with ProcessPoolExecutor(max_workers=min(len(missing), os.cpu_count() or 1)) as pool:
            list(pool.map(_compile, missing))
    except CompilerMissing as error:
        print(f"strikebook: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
