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
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import PROFILES, Traffic
from tests.reference.replay import replay

HERE = Path(__file__).parent
COMMANDS = 1_200


def stream_of(seed: int) -> bytes:
    """The commands of a seed, aimed by the reference."""
    engine = ReferenceEngine()
    traffic = Traffic(seed, engine)
    made = [traffic.opening()]
    engine.apply(made[0])
    while engine.next_seq <= COMMANDS:
        made.append(traffic.batch(50))
        engine.apply(made[-1])
    return b"".join(made)


def main() -> int:
    """One journal a traffic profile; nothing is written unless both engines agree on all."""
    streams = {
        f"rules-{RULES_VERSION}-{profile.name}.commands.xz": stream_of(seed)
        for seed, profile in enumerate(PROFILES)
    }
    expected = {}
    for name, stream in streams.items():
        outcome = replay(stream, ReferenceEngine())
        if replay(stream, Engine()) != outcome:
            print(f"{name}: engine and reference disagree; nothing written")
            return 1
        expected[name] = outcome._asdict()
    for name, stream in streams.items():
        (HERE / name).write_bytes(lzma.compress(stream, preset=9 | lzma.PRESET_EXTREME))
    (HERE / f"rules-{RULES_VERSION}.json").write_text(json.dumps(expected, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
