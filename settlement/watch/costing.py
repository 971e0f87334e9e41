"""`strikebook settlement costs`: what a fill costs on each data layer, on the live stream."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from settlement.data.costs import NAMES, Prices, micro_usd, quotes
from settlement.l1.feed import Arrived, Feed
from settlement.l1.market import Market
from settlement.l1.port import L1Error, L1Unavailable
from settlement.l1.rollup import Rollup
from settlement.stf.header import NETTED, Header
from settlement.watch.connect import SetupError, add_arguments, connect
from settlement.watch.patience import Clock, Patience
from settlement.watch.progress import Progress

NOT_BEGUN, L1_SILENT = 2, 4
WEI_A_GWEI: Final = 10**9
EPILOG: Final = """\
The newest batches posted are priced on every layer at the L1's prices of now: bytes of payload, execution gas
and blob gas, and their price, for one fill. "posted" counts the batches each layer really carries. Blobs are
paid whole: a batch that leaves them half empty pays for both halves. "paid" is what the L1's receipts say of
these batches as they were posted. --token-usd prices ether.

exit status: 0; 2 it could not begin; 4 the L1 does not answer.
"""


class Row(msgspec.Struct, frozen=True):
    """One layer; figures a fill, prices in wei and micro-dollars (0 without --token-usd)."""

    layer: str
    posted: int
    batches: int
    fills: int
    bytes_per_fill: float
    gas_per_fill: float
    blob_gas_per_fill: float
    wei_per_fill: int
    micro_usd_per_fill: float


class Paid(msgspec.Struct, frozen=True):
    """What posting these batches has cost by the L1's receipts, a fill."""

    gas_per_fill: float
    blob_gas_per_fill: float
    wei_per_fill: int


class Costs(msgspec.Struct, frozen=True):
    """The table, and the prices it was made with (wei a unit)."""

    gas_wei: int
    blob_gas_wei: int
    batches: int
    fills: int
    rows: list[Row]
    paid: Paid | None = None


class Sample(msgspec.Struct, frozen=True):
    """A batch that was posted."""

    header: Header
    payload: bytes
    transaction: bytes


def sampled(rollup: Rollup, feed: Feed, most: int) -> list[Sample]:
    """The newest batches with fills whose data can be had, at most so many. Raises L1Error."""
    head = rollup.ethereum.head()
    found: list[Sample] = []
    while True:
        before = feed.marks
        for item in feed.poll():
            if isinstance(item, Arrived) and item.header and item.payload is not None and item.header.fills:
                found.append(Sample(item.header, item.net or item.payload, item.posted.transaction))
                del found[:-most]
        if feed.marks == before or feed.marks[-1].number >= head.number:
            return found


def table(samples: Sequence[Sample], prices: Prices) -> list[Row]:
    """Every layer's row; a layer that cannot take one of the payloads is priced without it."""
    rows: list[Row] = []
    for layer, name in NAMES.items():
        taken = [
            (one, quote) for one in samples for quote in quotes(one.payload, prices) if quote.layer == layer
        ]
        fills = sum(one.header.fills for one, _ in taken)
        if not fills:
            continue
        wei = sum(quote.wei for _, quote in taken)
        rows.append(
            Row(
                name, sum(one.header.layer & ~NETTED == layer for one in samples), len(taken), fills,
                round(sum(len(one.payload) for one, _ in taken) / fills, 3),
                round(sum(quote.gas for _, quote in taken) / fills, 2),
                round(sum(quote.blob_gas for _, quote in taken) / fills, 2),
                wei // fills, round(micro_usd(wei, prices) / fills, 3),
            )
        )  # fmt: skip
    return rows


def paid(rollup: Rollup, samples: Sequence[Sample]) -> Paid | None:
    """What the receipts say; None where there are none. Raises L1Error."""
    receipts = [rollup.ethereum.receipt(one.transaction) for one in samples]
    pairs = [(one, found) for one, found in zip(samples, receipts, strict=True) if found is not None]
    fills = sum(one.header.fills for one, _ in pairs)
    if not fills:
        return None
    gas, blob_gas = (sum(getattr(found, name) for _, found in pairs) for name in ("gas_used", "blob_gas"))
    wei = sum(one.gas_used * one.price_wei + one.blob_gas * one.blob_price_wei for _, one in pairs)
    return Paid(round(gas / fills, 2), round(blob_gas / fills, 2), wei // fills)


def _dollars(micro_usd: float) -> str:
    """Micro-dollars; nothing is priced without the price of an ether."""
    return f"{micro_usd:>12,.1f}" if micro_usd else f"{'–':>12}"


def printed(costs: Costs) -> str:
    """The table for people."""
    lines = [
        f"{costs.batches:,} batches with {costs.fills:,} fills; gas {costs.gas_wei / WEI_A_GWEI:.3f} gwei, "
        f"blob gas {costs.blob_gas_wei / WEI_A_GWEI:.6f} gwei",
        f"{'a fill':<10}{'posted':>8}{'bytes':>9}{'gas':>12}{'blob gas':>12}{'gwei':>14}{'micro-USD':>12}",
    ]
    lines += (
        f"{row.layer:<10}{row.posted:>8,}{row.bytes_per_fill:>9.2f}{row.gas_per_fill:>12,.1f}"
        f"{row.blob_gas_per_fill:>12,.1f}{row.wei_per_fill / WEI_A_GWEI:>14,.1f}"
        f"{_dollars(row.micro_usd_per_fill)}"
        for row in costs.rows
    )
    if costs.paid is not None:
        lines.append(
            f"{'paid':<10}{costs.batches:>8,}{'':>9}{costs.paid.gas_per_fill:>12,.1f}"
            f"{costs.paid.blob_gas_per_fill:>12,.1f}{costs.paid.wei_per_fill / WEI_A_GWEI:>14,.1f}"
        )
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(prog="strikebook settlement", description="Settlement from the L1.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="costs")
    costs = actions.add_parser(
        "costs", help="bytes, gas and price of a fill on each data layer", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(costs)
    add = costs.add_argument
    add("--batches", type=int, default=100, metavar="N", help="of the newest so many (%(default)s)")
    add("--token-usd", type=float, default=0.0, metavar="USD", help="what an ether costs, for dollars")
    add("--json", action="store_true", help="print JSON")
    add("--patience", type=float, default=60.0, metavar="S", help="how long a silent L1 is waited for")
    return parser.parse_args(argv)


def costs_of(options: argparse.Namespace, clock: Clock) -> Costs:
    """Raises SetupError, L1Error."""
    patience = Patience(clock, options.patience, Progress(clock, sys.stderr).waiting)
    connection = patience.of(lambda: connect(options))
    rollup = connection.rollup
    market = Market(rollup.ethereum, clock.now_ms, round(options.token_usd * 10**6))
    prices = market.refresh()
    if market.error:
        raise L1Unavailable(market.error)
    samples = patience.of(lambda: sampled(rollup, connection.feed_from(()), max(1, options.batches)))
    fills = sum(one.header.fills for one in samples)
    receipts = patience.of(lambda: paid(rollup, samples))
    return Costs(prices.gas_wei, prices.blob_gas_wei, len(samples), fills, table(samples, prices), receipts)


def main(argv: Sequence[str] | None = None) -> int:
    """`strikebook settlement`: the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        costs = costs_of(options, Clock())
    except SetupError as error:
        print(f"strikebook settlement: {error}", file=sys.stderr)
        return NOT_BEGUN
    except L1Error as error:
        print(f"strikebook settlement: the L1 does not answer: {error}", file=sys.stderr)
        return L1_SILENT
    except KeyboardInterrupt:
        return 130
    print(msgspec.json.format(msgspec.json.encode(costs)).decode() if options.json else printed(costs))
    return 0
