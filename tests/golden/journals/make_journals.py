"""Write the golden journals of a rules version: `python -m tests.golden.journals.make_journals [VERSION]`.

Run once per rules version, when engine and reference agree. The journals of a released version are never
written again: the engine must replay them to the same bytes for ever.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from pathlib import Path

from exchange.core.engine import Engine
from exchange.domain.limits import RULES_VERSION
from tests.reference.combo_generator import COMBO_PROFILES, ComboTraffic
from tests.reference.combo_margin_scenarios import ALL_COMBO_SCENARIOS
from tests.reference.corner_scenarios import CORNER_SCENARIOS
from tests.reference.differential import TrafficOf
from tests.reference.engine import ReferenceEngine
from tests.reference.forced_scenarios import FORCED_SCENARIOS
from tests.reference.generator import Traffic
from tests.reference.move_scenarios import MOVE_SCENARIOS
from tests.reference.moves_generator import MOVE_PROFILES, MoveTraffic
from tests.reference.order_scenarios import ORDER_SCENARIOS
from tests.reference.orders_generator import ORDER_PROFILES, OrderTraffic
from tests.reference.profiles import PROFILES
from tests.reference.replay import replay
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS
from tests.reference.trigger_scenarios import TRIGGER_SCENARIOS
from tests.reference.triggers_generator import TRIGGER_PROFILES, TriggerTraffic

HERE = Path(__file__).parent
COMMANDS = 1_200
SCENARIOS = RISK_SCENARIOS | CORNER_SCENARIOS
SCRIPTED = (
    "many_cancelled",
    "takeovers",
    "refused",
    "families_pay",
    "torn_spreads",
    "cut_slices",
    "amends",
    "losing_makers_standard",
    "losing_makers_portfolio",
)
SCRIPTED_3 = (
    "client_ids",
    "compare_and_amend",
    "configuring",
    "most_to_quote",
    "windows",
    "blocks_refused",
    "blocks_done",
)
SCRIPTED_COMBOS = (
    "refused",
    "orders",
    "in_and_out",
    "rounded",
    "divided",
    "ties",
    "own_book_alone",
    "own_orders",
    "ends",
    "losing_standard",
    "losing_portfolio",
    "filled_or_killed",
)
SCRIPTED_MOVES = ("moves_refused", "shapes", "moves_done", "moves_uncovered", "several_takers", "grants")
SCRIPTED_TRIGGERS = ("queue", "orders_come", "incremental", "ends", "refused_members")


def stream_of(seed: int, traffic_of: TrafficOf) -> bytes:
    """The commands of a seed, aimed by the reference."""
    engine = ReferenceEngine()
    traffic = traffic_of(seed, engine)
    made = [traffic.opening()]
    engine.apply(made[0])
    while engine.next_seq <= COMMANDS:
        made.append(traffic.batch(50))
        engine.apply(made[-1])
    return b"".join(made)


def streams_of(version: int) -> dict[str, bytes]:
    """Streams by name: one a traffic profile; from version 2 on scripted ones too."""
    if version == 1:
        return {profile.name: stream_of(seed, Traffic) for seed, profile in enumerate(PROFILES)}
    if version == 3:
        streams = {profile.name: stream_of(seed, OrderTraffic) for seed, profile in enumerate(ORDER_PROFILES)}
        for seed, profile in enumerate(TRIGGER_PROFILES):
            streams[profile.name] = stream_of(seed, TriggerTraffic)
        streams |= {name: b"".join(ORDER_SCENARIOS[name]()) for name in SCRIPTED_3}
        streams |= {f"triggers_{name}": b"".join(TRIGGER_SCENARIOS[name]()) for name in SCRIPTED_TRIGGERS}
        return streams
    if version == 4:
        streams = {profile.name: stream_of(seed, ComboTraffic) for seed, profile in enumerate(COMBO_PROFILES)}
        scripted = {name: b"".join(ALL_COMBO_SCENARIOS[name]()) for name in SCRIPTED_COMBOS}
        return streams | {f"scripted_{name}": stream for name, stream in scripted.items()}
    if version == 5:
        streams = {
            profile.name.replace("combos", "moves"): stream_of(seed, MoveTraffic)
            for seed, profile in enumerate(MOVE_PROFILES)
        }
        return streams | {f"scripted_{name}": b"".join(MOVE_SCENARIOS[name]()) for name in SCRIPTED_MOVES}
    if version == 6:
        return {f"scripted_{name}": b"".join(made()) for name, made in FORCED_SCENARIOS.items()}
    streams = {profile.name: stream_of(seed, RiskTraffic) for seed, profile in enumerate(RISK_PROFILES)}
    return streams | {name: b"".join(SCENARIOS[name]()) for name in SCRIPTED}


def main(arguments: list[str] | None = None) -> int:
    """Write the journals of a version (the newest); nothing is written unless both engines agree on all."""
    parser = argparse.ArgumentParser(description="Write the golden journals of a rules version.")
    parser.add_argument("version", type=int, nargs="?", default=RULES_VERSION)
    version = parser.parse_args(arguments).version
    streams = {
        f"rules-{version}-{name}.commands.xz": stream for name, stream in streams_of(version).items()
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
    (HERE / f"rules-{version}.json").write_text(json.dumps(expected, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
