"""The bytes of every record type never change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.golden.formats import samples
from tests.reference.engine import ReferenceEngine

HERE = Path(__file__).parent
COMMANDS: dict[str, str] = json.loads((HERE / "commands.json").read_text())
EVENTS: dict[str, str] = json.loads((HERE / "events.json").read_text())


def head(kind: int, units: int, index: int, account: int, instrument: int, event_id: int) -> e.Header:
    return e.Header(kind, 1, units, index, 2 << 56 | 1_234, account, instrument, event_id)


TRADE = e.Trade(
    head(3, 5, 1, 64, 7, 4),
    maker_order_id=5,
    taker_order_id=6,
    price_ticks=2_015,
    size_lots=15,
    maker_account=66,
    taker_account=64,
    maker_fee_micro=45_000,
    taker_fee_micro=60_000,
    flags=1,
    time_ms=1_700_000_000_789,
    index_micro=50_000_123_456,
    mark_micro=2_500_000_000,
    forward_micro=50_100_000_000,
    trade_seq=3,
    value_micro=1_511_250_000,
    maker_label=6,
    taker_label=9,
    zero=0,
)
MEANING: dict[str, e.Event] = {
    "rejected": e.Rejected(head(1, 2, 0, 64, 7, 77), 16, 2, (1 << 64) - 1, 2_100, -1),
    "rejected_quote": e.Rejected(head(1, 2, 1, 66, 7, 0), 29, 5, 6, 0, 3),
    "order": e.Order(
        head(2, 4, 2, 64, 7, 77),
        price_ticks=2_015,
        size_lots=40,
        filled_lots=15,
        open_lots=25,
        flags=r.FLAG_SELL | r.FLAG_POST_ONLY,
        kind=r.ORDER_FILLED,
        state=r.ORDER_STATE_OPEN,
        reason=0,
        client_order_id=3,
        label=9,
        grant=2,
        filled_value=30_300,
        time_ms=1_700_000_000_789,
        created_ms=1_700_000_000_123,
        shown_lots=5,
        level_lots=30,
    ),
    "order_moved": e.Order(
        head(2, 5, 0, 64, 7, 77),
        price_ticks=2_015,
        size_lots=40,
        filled_lots=0,
        open_lots=0,
        flags=0,
        kind=r.ORDER_AMENDED,
        state=r.ORDER_STATE_CANCELLED,
        reason=r.CANCEL_SELF_TRADE,
        client_order_id=3,
        label=9,
        grant=0,
        filled_value=0,
        time_ms=8,
        created_ms=7,
        shown_lots=0,
        level_lots=0,
        old_price_ticks=2_010,
        old_level_lots=11,
    ),
    "trade": TRADE,
    "cash": e.Cash(head(4, 3, 0, 67, 0, 13), -250_000_000, 750_000_000, r.CASH_WITHDRAWAL, 3, 99),
    "settled": e.Settled(
        head(5, 4, 0, 64, 9, r.SETTLED_DELIVERY),
        size_lots=-15,
        cash_delta_micro=-9_000,
        fee_micro=45,
        price=49_876_543_210,
        time_ms=99,
        entry_before_micro=-1_511_250_000,
        entry_after_micro=0,
        balance_micro=4_242,
    ),
    "account": e.Account(head(6, 3, 0, 67, 0, 0), bytes(range(1, 21)), 99, 1),
    "instrument": e.Instrument(head(7, 8, 0, 0, 9, 0), samples.OPTION, r.STATE_HALTED, 99),
    "marked": e.Marked(head(8, 2, 0, 0, 3, 99), 50_000_123_456, 2, 98),
    "done": e.Done(head(9, 2, 3, 66, 0, 0), r.MASS_QUOTE, 2, 6, 99),
    "underlying": e.Underlying(head(10, 2, 0, 0, 3, 0), int.from_bytes(b"SOLANA88", "little"), 99),
    "trade_liquidation_rebate": TRADE._replace(
        maker_fee_micro=-45_000, flags=1 | r.TRADE_LIQUIDATION, taker_label=0
    ),
    "cash_withdrawal_paid": e.Cash(
        head(4, 3, 0, 67, 0, 13), 0, 750_000_000, r.CASH_WITHDRAWAL_PAID, 3, 99, 250_000_000
    ),
    "cash_transfer": e.Cash(head(4, 3, 1, 68, 0, 14), 5, 6, r.CASH_TRANSFER, 67, 99, 0),
    "cash_moved": e.Cash(head(4, 3, 4, 67, 0, 0), -1_511_250_000, 6, r.CASH_MOVED, 68, 99),
    "subaccount": e.Account(
        head(6, 3, 0, 68, 0, 0),
        bytes(range(1, 21)),
        99,
        1,
        main=67,
        model=r.MODEL_PORTFOLIO,
        tier=7,
        liquidation=r.LIQUIDATION_AUCTION,
        locked=1,
        max_orders=1_000,
        max_positions=200,
    ),
    "marked_tables": e.Marked(head(8, 2, 0, 0, 3, 99), 50_000_123_456, 2, 98, tables=1),
    "underlying_halted": e.Underlying(
        head(10, 2, 0, 0, 3, 0), int.from_bytes(b"SOLANA88", "little"), 99, r.STATE_HALTED
    ),
    "risk": e.Risk(head(11, 7, 0, 0, 3, 0), samples.RISK),
    "liquidation": e.Liquidation(
        head(12, 4, 5, 67, 9, 78),
        r.LIQ_OPTION,
        maintenance_micro=1_500_000_000,
        balance_micro=1_400_000_000,
        amount_micro=2_000_000,
        lots=-15,
        counter_account=0,
        time_ms=99,
    ),
    "liquidation_takeover": e.Liquidation(
        head(12, 4, 6, 67, 0, 0), r.LIQ_TAKEOVER, 0, 1_400_000_000, 77, 500_000, 66, 99
    ),
    "moved": e.Moved(head(13, 2, 1, 67, 9, 0), 66, -15, -1_511_250_000, 99),
    "fees": e.Fees(head(14, 4, 0, 0, 0, 0), 250, 99, samples.TIERS),
    "repeated": e.Repeated(head(15, 2, 0, 64, 9, 77), 0, 0, (1 << 64) - 1, 2 << 56 | 900, 99),
    "repeated_reject": e.Repeated(
        head(15, 2, 0, 64, 9, 0), rejects.INSUFFICIENT_FUNDS, 0, 5, 2 << 56 | 901, 99
    ),
    "mmp_tripped": e.Mmp(
        head(16, 3, 2, 64, 3, 15), r.MMP_TRIPPED, r.MMP_UNTIL_RESET, 10**10, -7 * 10**8, 10**11, 99
    ),
    "extended": e.Extended(
        head(17, 3, 0, 64, 9, 77),
        trigger=r.TRIGGER_TRAILING,
        source=r.SOURCE_INDEX,
        link=r.LINK_OTOCO,
        condition=r.FILL_INCREMENTAL,
        members=2,
        trigger_micro=49_500_000_000,
        offset_micro=500_000_000,
        volatility_e6=0,
        other_order_id=76,
        time_ms=99,
    ),
    "due": e.Due(head(18, 2, 9, 0, 0, 0), 36, 99),
    "combo": e.Instrument(head(7, 8, 0, 0, 11, 0), samples.COMBO, 0, 99),
    "combo_trade": e.ComboTrade(
        head(19, 3, 4, 64, 11, 5),
        price_ticks=-3,
        lots=6,
        taker_order_id=21,
        maker_order_id=22,
        maker_account=65,
        time_ms=99,
        side=1,
        kind=r.COMBO_OUT,
        trade_seq=8,
    ),
    "trade_of_a_combo": TRADE._replace(
        head=head(3, 5, 5, 65, 7, 6),
        taker_order_id=22,
        size_lots=6,
        taker_account=65,
        flags=r.FLAG_SELL | r.TRADE_COMBO | r.TRADE_RESTS,
        value_micro=604_500_000,
        taker_label=0,
    ),
    "cash_forced": e.Cash(head(4, 3, 2, 67, 0, 12), -750_000_000, 0, r.CASH_FORCED, 3, 99),
    "forced": e.Forced(head(20, 2, 3, 67, 0, 12), (1 << 62) + 5, 750_000_000, 99, 2),
}


def test_vectors_cover_every_type() -> None:
    assert {bytes.fromhex(data)[0] for data in COMMANDS.values()} == set(r.COMMAND_NAMES)
    assert {bytes.fromhex(data)[0] for data in EVENTS.values()} == set(r.EVENT_NAMES)
    assert MEANING.keys() == EVENTS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_built_to_the_same_bytes(name: str) -> None:
    assert samples.commands()[name].hex() == COMMANDS[name]
    assert c.split(bytes.fromhex(COMMANDS[name])) == [bytes.fromhex(COMMANDS[name])]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_read_to_the_same_meaning(name: str) -> None:
    data = bytes.fromhex(EVENTS[name])
    assert samples.events()[name] == data
    assert list(e.read_events(data)) == [MEANING[name]]


def test_terms_of_a_listing_are_read_back() -> None:
    for name, terms in (("list_option", samples.OPTION), ("list_perpetual", samples.PERPETUAL)):
        assert e.unpack_terms(bytes.fromhex(COMMANDS[name]), 32) == terms


def test_both_engines_read_the_vectors_alike() -> None:
    batch = bytes.fromhex("".join(COMMANDS.values()))
    events = Engine(shard=2).apply(batch)
    assert events == ReferenceEngine(shard=2).apply(batch)
    assert len(e.split_by_seq(events)) == len(COMMANDS)
