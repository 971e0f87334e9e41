"""Write the golden journals of a rules version: `python -m tests.golden.journals.make_journals`.

Run once per rules version, when engine and reference agree. The journals of a released version are never
written again: the engine must replay them to the same bytes for ever.
"""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path

from exchange.core.engine import Engine
from exchange.domain.limits import RULES_VERSION
from tests.reference.differential import compare_stream
from tests.reference.generator import PROFILES
from tests.reference.replay import replay

HERE = Path(__file__).parent
COMMANDS = 1_200


def main() -> int:
    """One journal a traffic profile."""
    expected = {}
    for seed, profile in enumerate(PROFILES):
        stream = b"".join(compare_stream(seed, COMMANDS, keep=True).batches)
        name = f"rules-{RULES_VERSION}-{profile.name}.commands.xz"
        (HERE / name).write_bytes(lzma.compress(stream, preset=9 | lzma.PRESET_EXTREME))
        expected[name] = replay(stream, Engine())._asdict()
    (HERE / f"rules-{RULES_VERSION}.json").write_text(json.dumps(expected, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
