"""What every function costs, measured on py-evm under the rules of Prague, whole transactions.

`python -m tests.unit.settlement.contracts.gas` writes docs/gas.md anew.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any, Final

from settlement.contracts import packing
from settlement.contracts.decoding import plan
from settlement.contracts.evm import Contract, floor_gas
from settlement.contracts.packing import Progress
from settlement.contracts.planning import Suspect
from settlement.hashing import ZERO_HASH
from settlement.stf import leaves
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, Executed
from settlement.stf.header import Header
from settlement.stf.state import Account, State
from settlement.stf.witness import Witnessing
from settlement.trees.sparse import prove
from tests.unit.settlement.contracts.machines import machine
from tests.unit.settlement.contracts.towns import carry_out, town
from tests.unit.settlement.contracts.worlds import (
    E6,
    FULL,
    World,
    chunk_argument,
    fill,
    full_venue,
    hold,
    opening,
    venue,
    words_of,
)

TABLE: Final = Path(__file__).parents[4] / "docs" / "gas.md"
ROW: Final = re.compile(r"^\| (.+?) \| ([\d,]+) \|$", re.MULTILINE)
MAKER, TAKER, SMALL = 64 + 5_000, 64 + 123, 64 + 77

Table = dict[str, int]


def busy_venue() -> State:
    """10,000 accounts, 1,000 instruments; a maker with 64 positions on 8 pages, a taker with 12 on 3."""
    rng, state = random.Random(3), venue(10_000, 1_000, 3)
    for number in range(64, 64 + 10_000):
        state.accounts[number].owner = rng.randbytes(20)
    for page in range(8):
        for k in range(8):
            hold(state, MAKER, 16 * page + k + 1, rng.randrange(1, 100), rng.randrange(1, 10**9))
    for page in range(3):
        for k in range(4):
            hold(state, TAKER, 16 * page + k + 1, -rng.randrange(1, 100), -rng.randrange(1, 10**9))
    return state


def measure() -> Table:
    """Every figure, in the order of the table."""
    found: Table = {}
    with machine("py-evm") as (evm, senders):
        state = busy_venue()
        state.accounts[SMALL] = Account(owner=senders[4])
        _of_life(World(evm, senders, state), found)
    return found


def _of_life(world: World, found: Table) -> None:
    bridge, inbox = world.contracts.bridge, world.contracts.inbox

    def cost(name: str, contract: Contract, sender: bytes, function: str, *values: Any) -> Any:
        receipt = contract.transact(sender, function, *values)
        found[name] = receipt.gas_used
        return contract.returned(function, receipt.output) if receipt.output else None

    cost("Bridge.deposit, the first", bridge, world.user, "deposit", SMALL, 50 * E6)
    cost("Bridge.deposit", bridge, world.user, "deposit", SMALL, 50 * E6)
    steps = [s.Step(s.DEPOSIT, first=SMALL, ident=n, p=50 * E6) for n in (1, 2)]
    steps += [
        s.Step(s.HELD, first=SMALL, ident=1, p=20 * E6),
        s.Step(s.RESOLVED, first=SMALL, second=0, ident=1, p=20 * E6),
        s.Step(s.MARK, instrument=1, ident=5, p=50 * E6),
    ]
    world.execute(steps)
    header = _of_disputes(world, found, cost)
    world.evm.advance(world.settings.challenge_s + world.settings.dispute_s)
    cost("Inbox.finalise, two batches", inbox, world.user, "finalise")
    opened = opening(world.commitment, header)
    held = world.state.withdrawals[0]
    one = (0, held.ident, held.account, held.status, held.amount_micro, held.owner)
    proof = tuple(prove(world.commitment.withdrawals, 0))
    cost("Bridge.withdraw", bridge, world.user, "withdraw", opened, one, proof)
    words = words_of(world.commitment.account_preimage(SMALL))
    path = tuple(prove(world.commitment.accounts, SMALL))
    cost("Bridge.request", bridge, world.user, "request", SMALL, E6, opened, words, path)
    _of_escape(world, opened, cost)


def _of_disputes(world: World, found: Table, cost: Any) -> Header:
    """A batch of four fills, executed step by step for its witnesses, posted and disputed."""
    dispute, runner = world.contracts.dispute, world.contracts.runner
    executor = world.contracts.executor(s.FILL)
    witnessing = Witnessing(world.state, world.commitment)
    progress = packing.start(witnessing.running())
    state = packing.running(witnessing.running())
    chunk = Chunk(0, tuple(fill(MAKER, TAKER, 17, price=1_200 + n, ident=1 + n) for n in range(4)))
    packed = [packing.pack(step, witness) for step, witness in witnessing.chunk(chunk)]
    fees = packing.fee_account(witnessing.of_end())
    world.state.end_chunk()
    root = world.commitment.update()
    header = world.header([chunk], Executed(root, (chunk.leaf,), (root,)), layer=2)
    found["Inbox.post, data in blobs or outside"] = world.post(header, b"").gas_used

    argument = chunk_argument([chunk], [root], 0, header.previous_root)
    begun = (header.bound(), ZERO_HASH, argument, state)
    name = cost("Dispute.begin", dispute, world.challenger, "begin", *begun)
    one = (name, progress, packed[0])
    told = cost("FillSteps.step, a FILL at depth 32 with positions", executor, world.challenger, "step", *one)
    rest = [executor.address] * (len(packed) - 1), packed[1:]
    progress = Progress(*cost("Runner.steps, 3 FILLs", runner, world.challenger, "steps", name, told, *rest))
    index, kind, count, steps_root, _, _, _, behind, _ = argument
    subject = (world.challenger, header.hash, ZERO_HASH, index, kind, count, steps_root, behind)
    hashes = [step.hash() for step in chunk.steps]
    arguments = (header.bound(), subject, progress, hashes, fees)
    cost("Dispute.finish, 4 steps, batch right", dispute, world.challenger, "finish", *arguments)
    number = cost(
        "Demands.demand", world.contracts.demands, world.challenger, "demand", header.bound(), ZERO_HASH, 0
    )
    answer = (number, header.bound(), argument, hashes)
    cost("Demands.answer_chunk, 4 steps", world.contracts.demands, world.operator, "answer_chunk", *answer)
    return header


def _of_escape(world: World, opened: tuple[Any, ...], cost: Any) -> None:
    escape, state, trees = world.contracts.escape, world.state, world.commitment
    world.evm.advance(world.settings.silence_s + 1)
    cost("Escape.open", escape, world.user, "open", opened, words_of(state.parameters.money.words()))
    for number in sorted(instrument for page in state.accounts[TAKER].pages.values() for instrument in page):
        words = words_of(leaves.instrument_preimage(state.instruments[number]))
        cost("Escape.mark", escape, world.user, "mark", number, words, *prove(trees.instruments, number))
    pages = [leaves.page_words(page) for _, page in sorted(state.accounts[TAKER].pages.items())]
    words, path = words_of(trees.account_preimage(TAKER)), prove(trees.accounts, TAKER)
    arguments = (TAKER, words, *path, pages, trees.positions.page_list(TAKER))
    cost("Escape.count, 12 positions on 3 pages", escape, world.user, "count", *arguments)
    world.evm.advance(world.settings.claim_s + 1)
    cost("Escape.close", escape, world.user, "close")
    cost("Escape.pay", escape, world.user, "pay", state.accounts[TAKER].owner)


def of_a_chunk() -> int:
    """A chunk of 64 fills in one transaction, on the machine in process: without what a cold start adds."""
    with machine("revm") as (evm, senders):
        world = World(evm, senders, busy_venue())
        fills = tuple(fill(MAKER, TAKER, 17 + 16 * (n % 3), price=1_200 + n, ident=1 + n) for n in range(64))
        before = Witnessing(world.state, world.commitment)
        progress = packing.start(before.running())
        packed = [packing.pack(step, witness) for step, witness in before.chunk(Chunk(0, fills))]
        executor, runner = world.contracts.executor(s.FILL), world.contracts.runner
        arguments = (bytes(32), progress, [executor.address] * 64, packed)
        receipt = runner.transact(world.challenger, "steps", *arguments)
        assert Progress(*runner.returned("steps", receipt.output)).done == 64
        return max(receipt.gas_used, floor_gas(runner.data("steps", *arguments)))


def of_wide_fill() -> int:
    """A FILL between accounts with positions on all of 2,048 pages, and 1,024 underlyings."""
    with machine("revm") as (evm, senders):
        world = World(evm, senders, full_venue(2_048, 1_024))
        step, witnessing = fill(FULL[0], FULL[1], 16 * 5, ident=1), Witnessing(world.state, world.commitment)
        witness = witnessing.of(step)
        packed, progress = packing.pack(step, witness), packing.start(witness.before)
        executor = world.contracts.executor(s.FILL, wide=packed.is_wide)
        arguments = (bytes(32), progress, packed)
        receipt = executor.transact(world.challenger, "step", *arguments)
        assert packed.is_wide
        assert Progress(*executor.returned("step", receipt.output)).code == 0
        return max(receipt.gas_used, floor_gas(executor.data("step", *arguments)))


def of_decoding() -> Table:
    """A chunk of 64 fills proven to be decoded wrongly, its data in calldata."""
    with machine("revm") as one:
        found = town(one)
        header = found.wrongly(0)
        found.world.post(header, found.payload)
        calls = plan(Suspect(header, found.payload), found.before, found.committed, found.world.challenger)
        return {DECODING[name]: gas for name, gas in carry_out(found.world, calls).items()}


def kept() -> Table:
    """The table of docs/gas.md."""
    return {name: int(figure.replace(",", "")) for name, figure in ROW.findall(TABLE.read_text())}


def main() -> None:
    """Write the table anew."""
    table = measure() | {CHUNK: of_a_chunk(), WIDE: of_wide_fill()} | of_decoding()
    rows = "\n".join(f"| {name} | {figure:,} |" for name, figure in table.items())
    head, _, _ = TABLE.read_text().partition("| function |")
    TABLE.write_text(f"{head}| function | gas |\n|---|---|\n{rows}\n")


CHUNK: Final = "Runner.steps, a chunk of 64 FILLs"
WIDE: Final = "WideFillSteps.step, both accounts with 2,048 pages, 1,024 underlyings"
DECODING: Final = {
    "Decoding.begin": "Decoding.begin",
    "Payloads.show_payload": "Payloads.show_payload, 2 ranges of 7 kB",
    "Directory.go_on": "Directory.go_on, 3 chunks",
    "FillDecoder.decode": "FillDecoder.decode, 64 fills",
    "Decoding.prove": "Decoding.prove, 20 look-ups",
    "Decoding.judge": "Decoding.judge",
}
"""What the rows of a decoding dispute are called, by function."""

if __name__ == "__main__":
    main()
