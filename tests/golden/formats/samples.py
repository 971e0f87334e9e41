"""One or more of every command and event, with telling values: the bytes stand in the .json files.

`python -m tests.golden.formats.samples` prints what the code makes of them now. A byte that changes is a
change of format: it needs a new record version, not a new vector.
"""

from __future__ import annotations

import json
import struct
import sys

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from exchange.domain.commands_bridge import forced_withdrawal
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg

OPTION = c.InstrumentTerms(
    kind=r.KIND_OPTION,
    option_type=r.OPTION_PUT,
    underlying=3,
    expiry_ms=1_798_358_400_000,
    strike_micro=100_000_000_000,
    tick_micro=5_000_000,
    lot_e8=1_000_000,
    min_size_lots=1,
    price_limit_ticks=200_000,
    position_limit_lots=10_000,
    maker_fee_ppm=300,
    taker_fee_ppm=400,
    fee_cap_permille=125,
    delivery_fee_ppm=150,
    band_ppm=20_000,
    tick_steps=((0, 1), (100, 4)),
)
PERPETUAL = OPTION._replace(
    kind=r.KIND_PERPETUAL,
    option_type=r.OPTION_NONE,
    expiry_ms=0,
    strike_micro=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    tick_steps=((0, 1), (10, 2), (100, 5), (1_000, 20)),
)
COMBO = OPTION._replace(
    kind=r.KIND_COMBO,
    option_type=r.OPTION_NONE,
    strike_micro=0,
    position_limit_lots=0,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    band_ppm=0,
    tick_steps=((0, 4),),
    legs=(ComboLeg(7, 1), ComboLeg(9, -2)),
)


RISK = cr.RiskParameters(
    scenarios=35,
    quantum_micro=1_000,
    extended_from=33,
    dampener_micro=25_000_000_000,
    sm_im_ppm=150_000,
    sm_floor_ppm=100_000,
    sm_mm_ppm=75_000,
    perp_im_ppm=20_000,
    perp_mm_ppm=10_000,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    pm_mm_ppm=800_000,
    roll_ppm=11_000,
    shock_ppm=12_000,
    shock_threshold_micro=1 << 58,
    short_ppm=5_000,
    liquidation_fee_ppm=1_900,
    liquidation_slice_micro=100_000_000_000,
    liquidation_band_ppm=7_000,
    jump_factor=9,
    auction_ms=900_000,
    auction_discount_ppm=300_000,
)
TIERS = (cr.FeeTier(300, 400, 200, 500), cr.FeeTier(-100, 350, -50, 450))


def commands() -> dict[str, bytes]:
    """Every command type by name, built as the venue builds it."""
    return {
        "new_order": c.new_order(
            64,
            7,
            r.FLAG_SELL | r.TIF_GTD << r.TIF_SHIFT | r.FLAG_POST_ONLY | r.FLAG_REDUCE_ONLY,
            2_015,
            40,
            display_lots=5,
            valid_until_ms=1_700_000_000_123,
            client_order_id=0xFEDCBA9876543210,
            label=9,
            grant=2,
        ),
        "new_order_negative_price": c.new_order(65, 0, r.TYPE_MARKET << r.TYPE_SHIFT, -1, (1 << 63) - 1),
        "amend": c.amend(
            64, 5 << 56 | 77, price_ticks=2_020, size_lots=41, display_lots=6, post_only=True,
            reject_post_only=True, reduce_only=False, valid_until_ms=5, client_order_id=3, grant=1,
        ),
        "amend_size_only": c.amend(64, 77, size_lots=2),
        "cancel": c.cancel(64, 78, client_order_id=4, grant=3),
        "cancel_many": c.cancel_many(
            64, r.SCOPE_LABEL_UNDERLYING, target=1, kind=2, which=r.WHICH_ORDERS, label=8, client_order_id=5
        ),
        "mass_quote": c.mass_quote(
            66,
            [
                c.Quote(7, 2_000, 10, 2_030, 12, set_label=4),
                c.Quote(8, ask_price_ticks=9, ask_lots=0, post_only=True, reject_post_only=True),
            ],
            quote_label=6,
            valid_until_ms=1_700_000_000_456,
            client_order_id=6,
            grant=4,
        ),
        "label": c.label(64, 9, "Grüße an die Börse, 32+ bytes long"),
        "create_account": c.create_account(67, bytes(range(1, 21))),
        "configure_account": c.configure_account(67, cancel_maker=True),
        "deposit": c.deposit(67, 1 << 56, 12),
        "withdraw": c.withdraw(67, 250_000_000, 13),
        "time": c.time(1_700_000_000_789),
        "list_underlying": c.list_underlying(3, "SOLANA88"),
        "list_option": c.list_instrument(9, OPTION),
        "list_perpetual": c.list_instrument(10, PERPETUAL),
        "set_instrument_state": c.set_instrument_state(9, r.STATE_HALTED),
        "marks": c.marks(
            3,
            50_000_123_456,
            99,
            [c.Mark(9, -450_000_000, 2_500_000_000, 61_000_000, 50_100_000_000), c.Mark(10, 10**9, 1, 0, 1)],
        ),
        "settle_perpetual": c.settle_perpetual(10, 50_001),
        "funding": c.funding(10, -17),
        "deliver": c.deliver(9, 49_876_543_210),
        "expire_day": c.expire_day(9),
        "set_rules": c.set_rules(1),
        "set_rules_2": c.set_rules(2),
        "set_mode": c.set_mode(r.MODE_CANCEL_ONLY),
        **_commands_of_rules_2(),
        **_commands_of_rules_3(),
        "list_combo": list_combo(11, COMBO.legs),
        "forced_withdrawal": forced_withdrawal(67, (1 << 62) + 5, 12, client_order_id=13),
    }


def _commands_of_rules_2() -> dict[str, bytes]:
    stream = cr.table_stream([(9, [0, -1, 1, -64, 64]), (10, [(1 << 62) - 1, -(1 << 62), 0, 0, 0])])
    marks = [c.Mark(9, -450_000_000, 2_500_000_000, 61_000_000, 50_100_000_000)]
    return {
        "create_subaccount": c.create_account(68, bytes(range(1, 21)), 67),
        "risk": cr.risk(3, RISK),
        "risk_snapshot": cr.risk_snapshot(3, 50_000_123_456, 100, marks, 2, stream),
        "risk_snapshot_without_tables": cr.risk_snapshot(3, 50_000_123_456, 101, [], 0, b""),
        "risk_sweep": cr.risk_sweep(64, 1_024),
        "set_margin_model": cr.set_margin_model(67, r.MODEL_PORTFOLIO, grant=5),
        "transfer": cr.transfer(67, 68, 250_000_000, 14, grant=6),
        "resolve_withdrawal": cr.resolve_withdrawal(13, r.WITHDRAWAL_CANCELLED),
        "set_fees": cr.set_fees(TIERS, 250),
        "set_tier": cr.set_tier(67, 7),
        "set_caps": cr.set_caps(67, 1_000, 200),
        "set_underlying_state": cr.set_underlying_state(3, r.STATE_HALTED),
        "liquidate": cr.liquidate(67),
        "takeover": cr.takeover(66, 67, 500_000, -42, grant=7, client_order_id=8),
        "share_loss": cr.share_loss(67, 512),
        "set_lock": cr.set_lock(67, True),
    }


def _commands_of_rules_3() -> dict[str, bytes]:
    stop = co.Trigger(r.TRIGGER_STOP, r.SOURCE_MARK, trigger_micro=2_400_000_000)
    limits = co.MmpLimits(5_000, 0, 10**10, 5 * 10**9, 10**11, 2 * 10**9)
    trailing = co.Trigger(r.TRIGGER_TRAILING, r.SOURCE_INDEX, offset_micro=500_000_000)
    return {
        "set_mmp": co.set_mmp(64, 3, 15, limits, grant=5),
        "reset_mmp": co.reset_mmp(64, 3, 15, grant=5),
        "stop_order": co.extended_order(
            64, 9, r.FLAG_SELL | r.FLAG_REDUCE_ONLY, 2_015, 40,
            trigger=stop, valid_until_ms=8, label=9, grant=2,
        ),
        "one_triggers_one_cancels_other": co.extended_order(
            64, 9, 0, 2_015, 40,
            link=r.LINK_OTOCO, condition=r.FILL_INCREMENTAL, client_order_id=(1 << 64) - 1,
            members=[
                co.Member(r.FLAG_SELL, 2_100, 40, label=7),
                co.Member(r.FLAG_SELL | r.TYPE_MARKET << r.TYPE_SHIFT, 0, 40, trigger=trailing),
            ],
        ),
        "volatility_order": co.extended_order(
            64, 9, r.FLAG_SELL, 2_015, 40, display_lots=5, volatility_e6=652_500
        ),
        "compare_and_amend": co.amend(64, 77, price_ticks=2_020, remaining_lots=6, expected_filled_lots=4),
        "amend_trigger": co.amend(64, 77, trigger_micro=2_390_000_000, valid_until_ms=5, client_order_id=3),
        "amend_offset": co.amend(64, 77, size_lots=9, offset_micro=400_000_000, grant=1),
        "amend_volatility": co.amend(64, 77, price_ticks=2_010, volatility_e6=651_000),
        "fire": co.fire(),
        "reprice": co.reprice([(77, 2_030), (5 << 56 | 78, 2_000)]),
        "set_id_window": co.set_id_window(1 << 16),
        "block_trade": block_trade(64, 9, [BlockTrade(65, 3, -40, 2_015), BlockTrade(66, 4, 7, 50_000)]),
        "block_trade_several_takers": block_trade(
            64, 10, [BlockTrade(65, 3, -40, 2_015, 66), BlockTrade(65, 4, 7, 50_000)], client_order_id=10
        ),
        "move_positions": move_positions(
            67, 68, [PositionMove(9, -15, 100_750_000), PositionMove(10, 3, 0)], client_order_id=11
        ),
        "grant": c.grant(64, 7, r.GRANT_ACTIVATED, bytes(range(1, 41))),
    }


def _event(
    kind: int, units: int, index: int, account: int, instrument: int, event_id: int, body: bytes
) -> bytes:
    head = struct.pack("<BBHIQIIq", kind, 1, units, index, 2 << 56 | 1_234, account, instrument, event_id)
    return (head + body).ljust(units * 32, b"\0")


def events() -> dict[str, bytes]:
    """Every event type by name, laid out word by word from docs/formats.md."""
    order = struct.pack(
        "<4q2I5q",
        2_015, 40, 15, 25,  # price, size, filled, open
        r.FLAG_SELL | r.FLAG_POST_ONLY, r.ORDER_FILLED | r.ORDER_STATE_OPEN << 8,
        3, 9 | 2 << 32, 30_300, 1_700_000_000_789, 1_700_000_000_123,  # client, label|grant, value, times
    ) + struct.pack("<2q", 5, 30)
    cancelled = struct.pack(
        "<4q2I5q2q",
        2_015, 40, 0, 0, 0, r.ORDER_AMENDED | r.ORDER_STATE_CANCELLED << 8 | r.CANCEL_SELF_TRADE << 16,
        3, 9, 0, 8, 7, 0, 0,
    ) + struct.pack("<4q", 2_010, 11, 0, 0)
    trade = struct.pack(
        "<4q2I9q2Iq",
        5, 6, 2_015, 15, 66, 64, 45_000, 60_000, 1, 1_700_000_000_789,
        50_000_123_456, 2_500_000_000, 50_100_000_000, 3, 1_511_250_000, 6, 9, 0,
    )
    settled = struct.pack("<8q", -15, -9_000, 45, 49_876_543_210, 99, -1_511_250_000, 0, 4_242)
    return {
        "rejected": _event(1, 2, 0, 64, 7, 77, struct.pack("<2IQ2q", 16, 2, (1 << 64) - 1, 2_100, -1)),
        "rejected_quote": _event(1, 2, 1, 66, 7, 0, struct.pack("<2IQ2q", 29, 5, 6, 0, 3)),
        "order": _event(2, 4, 2, 64, 7, 77, order),
        "order_moved": _event(2, 5, 0, 64, 7, 77, cancelled),
        "trade": _event(3, 5, 1, 64, 7, 4, trade),
        "cash": _event(4, 3, 0, 67, 0, 13, struct.pack("<2q2Iq", -250_000_000, 750_000_000, 2, 3, 99)),
        "settled": _event(5, 4, 0, 64, 9, 1, settled),
        "account": _event(6, 3, 0, 67, 0, 0, bytes(range(1, 21)) + bytes(4) + struct.pack("<2q", 99, 1)),
        "instrument": _event(7, 8, 0, 0, 9, 0, c.pack_terms(OPTION) + struct.pack("<2q", 2, 99)),
        "marked": _event(8, 2, 0, 0, 3, 99, struct.pack("<3q", 50_000_123_456, 2, 98)),
        "done": _event(9, 2, 3, 66, 0, 0, struct.pack("<2IQq", 5, 2, 6, 99)),
        "underlying": _event(
            10, 2, 0, 0, 3, 0, struct.pack("<2q", int.from_bytes(b"SOLANA88", "little"), 99)
        ),
        **_events_of_rules_2(),
        **_events_of_rules_3(),
        **_events_of_rules_4_to_6(),
    }


def _events_of_rules_2() -> dict[str, bytes]:
    rebate = struct.pack(
        "<4q2I9q2Iq",
        5, 6, 2_015, 15, 66, 64, -45_000, 60_000, 3, 1_700_000_000_789,
        50_000_123_456, 2_500_000_000, 50_100_000_000, 3, 1_511_250_000, 6, 0, 0,
    )  # fmt: skip
    states = struct.pack("<I4B2I", 67, 1, 7, 2, 1, 1_000, 200)  # main, model, tier, liquidation, locked, caps
    risk = struct.pack(
        "<24q",
        35, 1_000, 33, 25_000_000_000, 150_000, 100_000, 75_000, 20_000, 10_000, 1_200_000, 1_100_000,
        800_000, 11_000, 12_000, 1 << 58, 5_000, 1_900, 100_000_000_000, 7_000, 9, 900_000, 300_000, 0, 0,
    )  # fmt: skip
    step = struct.pack("<7q", 4, 1_500_000_000, 1_400_000_000, 2_000_000, -15, 0, 99)
    taken = struct.pack("<7q", 6, 0, 1_400_000_000, 77, 500_000, 66, 99)
    return {
        "trade_liquidation_rebate": _event(3, 5, 1, 64, 7, 4, rebate),
        "cash_withdrawal_paid": _event(
            4, 3, 0, 67, 0, 13, struct.pack("<2q2I2q", 0, 750_000_000, 3, 3, 99, 250_000_000)
        ),
        "cash_transfer": _event(4, 3, 1, 68, 0, 14, struct.pack("<2q2Iq", 5, 6, 5, 67, 99)),
        "cash_moved": _event(4, 3, 4, 67, 0, 0, struct.pack("<2q2Iq", -1_511_250_000, 6, 7, 68, 99)),
        "subaccount": _event(
            6, 3, 0, 68, 0, 0, bytes(range(1, 21)) + bytes(4) + struct.pack("<2q", 99, 1) + states
        ),
        "marked_tables": _event(8, 2, 0, 0, 3, 99, struct.pack("<4q", 50_000_123_456, 2, 98, 1)),
        "underlying_halted": _event(
            10, 2, 0, 0, 3, 0, struct.pack("<3q", int.from_bytes(b"SOLANA88", "little"), 99, 2)
        ),
        "risk": _event(11, 7, 0, 0, 3, 0, risk),
        "liquidation": _event(12, 4, 5, 67, 9, 78, step),
        "liquidation_takeover": _event(12, 4, 6, 67, 0, 0, taken),
        "moved": _event(13, 2, 1, 67, 9, 0, struct.pack("<4q", 66, -15, -1_511_250_000, 99)),
        "fees": _event(
            14, 4, 0, 0, 0, 0, struct.pack("<12q", 250, 99, 0, 0, 300, 400, 200, 500, -100, 350, -50, 450)
        ),
    }


def _events_of_rules_3() -> dict[str, bytes]:
    extended = struct.pack(
        "<8B5q", 3, 1, 3, 2, 2, 0, 0, 0, 49_500_000_000, 500_000_000, 0, 76, 99
    )  # trigger, source, link, condition, members; trigger, offset, volatility, other order, time
    repeated = struct.pack("<2IQ2q", 0, 0, (1 << 64) - 1, 2 << 56 | 900, 99)
    return {
        "repeated": _event(15, 2, 0, 64, 9, 77, repeated),
        "repeated_reject": _event(15, 2, 0, 64, 9, 0, struct.pack("<2IQ2q", 25, 0, 5, 2 << 56 | 901, 99)),
        "mmp_tripped": _event(16, 3, 2, 64, 3, 15, struct.pack("<6q", 3, -1, 10**10, -7 * 10**8, 10**11, 99)),
        "extended": _event(17, 3, 0, 64, 9, 77, extended),
        "due": _event(18, 2, 9, 0, 0, 0, struct.pack("<2q", 36, 99)),
    }


def _events_of_rules_4_to_6() -> dict[str, bytes]:
    traded = struct.pack("<4q2I3q", -3, 6, 21, 22, 65, 0, 99, 1 | r.COMBO_OUT << 8, 8)
    leg = struct.pack(
        "<4q2I9q2Iq",
        5, 22, 2_015, 6, 66, 65, 45_000, 60_000, 25, 1_700_000_000_789,
        50_000_123_456, 2_500_000_000, 50_100_000_000, 3, 604_500_000, 6, 0, 0,
    )  # fmt: skip
    return {
        "combo": _event(7, 8, 0, 0, 11, 0, c.pack_terms(COMBO) + struct.pack("<2q", 0, 99)),
        "combo_trade": _event(19, 3, 4, 64, 11, 5, traded),
        "trade_of_a_combo": _event(3, 5, 5, 65, 7, 6, leg),
        "cash_forced": _event(4, 3, 2, 67, 0, 12, struct.pack("<2q2Iq", -750_000_000, 0, 8, 3, 99)),
        "forced": _event(20, 2, 3, 67, 0, 12, struct.pack("<4q", (1 << 62) + 5, 750_000_000, 99, 2)),
    }


def as_json(made: dict[str, bytes]) -> str:
    """Names to hex, one a line."""
    return json.dumps({name: data.hex() for name, data in made.items()}, indent=1) + "\n"


def main() -> int:
    """Print both sets."""
    sys.stdout.write(as_json(commands()) + as_json(events()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
