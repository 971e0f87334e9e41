"""Whether the fills in settlement's data are those of the command log, and what authorises each side of them.

One rule a class (docs/authorisation.md). The log is re-run, so that nothing here is the venue's word but the
commands themselves; what stands behind commands of API keys is its word alone: class 2 with grant 0.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.attest.authorisation import BLOCK, GRANT, LIQUIDATION, SIGNED_ORDER, fill_classes
from exchange.domain import events as ev
from exchange.domain import records as r
from settlement.audit.authority import Authority
from settlement.audit.findings import Finding

DELIVERY: Final = 1
TRADES_KEPT: Final = 1 << 20
GRANTS_KEPT: Final = 1 << 18
Key = tuple[int, int]
"""Account, and number of a grant or of a signature."""
_STARTED: Final = 1
_ENDED: Final = 7
_TAKER_SELLS: Final = 1


class Booked(NamedTuple):
    """A FILL of a batch."""

    trade_id: int
    instrument: int
    maker: int
    taker: int
    taker_sells: bool
    price_ticks: int
    size_lots: int
    maker_class: int
    taker_class: int


class _Traded(NamedTuple):
    """A trade of the log as it should be booked, its orders, and what it came of."""

    fill: Booked
    seq: int
    maker_order: int
    taker_order: int
    is_liquidated: bool
    is_of_block: bool


class FillRules:
    """Follows one shard's log from its first command on, and remembers the last million trades."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._breaches: dict[int, str] = {}
        """What was wrong with the command that placed an order, by order id."""
        self._under: dict[Key, list[int]] = {}
        """Orders placed under a grant or an owner's signature."""
        self._tainted: dict[Key, str] = {}
        """Grants and signatures whose record is not what it should be."""
        self._records: dict[int, Key] = {}
        self._liquidated: dict[int, bool] = {}
        """Accounts in liquidation: whether maintenance margin was above the balance when it began."""
        self._trades: dict[int, _Traded] = {}
        self._expiries: dict[int, int] = {}
        self._delivered: dict[int, tuple[int, int]] = {}

    def take(self, seq: int, command: bytes, events: bytes) -> list[Finding]:
        """The next command and its events; what is wrong with the command's authority."""
        found = self._authority.take(seq, command, events)
        account, grant = _u32(command, 8), _u32(command, 24)
        if command[0] == r.GRANT:
            self._records[seq] = account, _u32(command, 12)
        for one in found:
            self._taint(one)
        own = next((one.code for one in found if one.seq == seq), "")
        breach = self._tainted.get((account, grant), own)
        told = list(ev.read_events(events))
        for event in told:
            if isinstance(event, ev.Order):
                if grant and event.head.account == account:
                    self._placed((account, grant), event.head.id, breach)
            elif isinstance(event, ev.Liquidation):
                self._liquidation(event)
            elif isinstance(event, ev.Instrument):
                self._expiries[event.head.instrument] = event.terms.expiry_ms
            elif isinstance(event, ev.Settled) and event.head.id == DELIVERY:
                self._delivered[event.head.instrument] = (event.price, event.time_ms)
        trades = [event for event in told if isinstance(event, ev.Trade)]
        if trades:
            self._learn(seq, command, events, trades)
        return found

    def _placed(self, key: Key, order_id: int, breach: str) -> None:
        if breach:
            self._breaches.setdefault(order_id, breach)
        self._under.setdefault(key, []).append(order_id)
        if len(self._under) > GRANTS_KEPT:
            del self._under[next(iter(self._under))]

    def _taint(self, found: Finding) -> None:
        """A record that is found wrong, perhaps behind its commands, taints what stands under it."""
        key = self._records.get(found.seq)
        if key is None:
            return
        self._tainted[key] = found.code
        for order_id in self._under.get(key, ()):
            self._breaches.setdefault(order_id, found.code)

    def _liquidation(self, event: ev.Liquidation) -> None:
        if event.kind == _STARTED:
            self._liquidated[event.head.account] = event.maintenance_micro > event.balance_micro
        elif event.kind == _ENDED:
            self._liquidated.pop(event.head.account, None)

    def _learn(self, seq: int, command: bytes, events: bytes, trades: list[ev.Trade]) -> None:
        classes = {one.trade_id: one for one in fill_classes(events)}
        for trade in trades:
            number = trade.head.id
            fill = Booked(
                number, trade.head.instrument, trade.maker_account, trade.taker_account,
                bool(trade.flags & _TAKER_SELLS), trade.price_ticks, trade.size_lots,
                classes[number].maker, classes[number].taker,
            )  # fmt: skip
            is_liquidated = self._liquidated.get(trade.taker_account, False)
            of_block = command[0] == r.BLOCK_TRADE
            self._trades[number] = _Traded(
                fill, seq, trade.maker_order_id, trade.taker_order_id, is_liquidated, of_block
            )  # fmt: skip
        while len(self._trades) > TRADES_KEPT:
            del self._trades[next(iter(self._trades))]

    def judge(self, fill: Booked) -> Finding | None:
        """What is wrong with a fill that was booked; None if the log authorises it."""
        traded = self._trades.get(fill.trade_id)
        if traded is None:
            return Finding(0, "fill_not_in_log", f"trade {fill.trade_id} is no trade of the log")
        if fill[:7] != traded.fill[:7]:
            text = f"trade {fill.trade_id} was {traded.fill[1:7]}, booked {fill[1:7]}"
            return Finding(traded.seq, "another_fill", text)
        if fill[7:] != traded.fill[7:]:
            text = f"trade {fill.trade_id} is of classes {traded.fill[7:]}, booked {fill[7:]}"
            return Finding(traded.seq, "another_class", text)
        maker = "maker", fill.maker_class, traded.maker_order
        taker = "taker", fill.taker_class, traded.taker_order
        for side, which, order_id in (maker, taker):
            breach = self._breaches.get(order_id, "")
            code = _RULES[which](traded, breach) if which in _RULES else "unknown_class"
            if code:
                text = f"the {side} of trade {fill.trade_id} (class {which}): {breach or code}"
                return Finding(traded.seq, code, text)
        return None

    def judge_delivery(self, instrument: int, price: int) -> Finding | None:
        """What is wrong with a delivery that was booked (class 4, expiry)."""
        known = self._delivered.get(instrument)
        if known is None:
            return Finding(0, "delivery_not_in_log", f"instrument {instrument} was not delivered")
        if known[0] != price:
            text = f"instrument {instrument} was delivered at {known[0]}, booked at {price}"
            return Finding(0, "another_delivery", text)
        if known[1] < self._expiries.get(instrument, 0):
            return Finding(0, "delivered_early", f"instrument {instrument} had not expired")
        return None


def _signed_order(_: _Traded, breach: str) -> str:
    """Class 1: the owner's signature stands before the order's command."""
    return "unsigned_order" if breach else ""


def _grant(_: _Traded, breach: str) -> str:
    """Class 2: the order is within an activated grant, or came in with an API key (grant 0)."""
    return "beyond_the_grant" if breach else ""


def _liquidation(traded: _Traded, _: str) -> str:
    """Class 3: the taker's maintenance margin was above his balance when the liquidation began."""
    return "" if traded.is_liquidated else "no_margin_breach"


def _block(traded: _Traded, _: str) -> str:
    """Class 5: the trade is of a command that names both sides and the terms both have put their word to."""
    return "" if traded.is_of_block else "of_no_block"


_RULES: Final = {SIGNED_ORDER: _signed_order, GRANT: _grant, LIQUIDATION: _liquidation, BLOCK: _block}


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")
