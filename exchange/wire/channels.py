"""Names of subscription channels: which there are, and what their parts mean.

A known family with a currency we do not list is accepted and stays silent; a name that is none of the
dialect's is left out of the subscription's result, never an error.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from exchange.wire.limits import CHANNEL_CHARS_MAX
from exchange.wire.names import KINDS_KNOWN

INTERVALS: Final = frozenset({"raw", "100ms", "agg2"})
GROUPS: Final = frozenset({"none", "1", "2", "5", "10", "25", "100", "250"})
DEPTHS: Final = frozenset({"1", "10", "20"})
_RESOLUTIONS: Final = frozenset({"1", "3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"})

_INSTRUMENT: Final = re.compile(r"[A-Za-z0-9]{1,12}(_[A-Za-z0-9]{1,8})?-[A-Za-z0-9_-]{1,80}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Za-z0-9]{2,12}|any", re.ASCII)
_INDEX: Final = re.compile(r"[a-z0-9]{2,16}_[a-z0-9]{2,8}", re.ASCII)

# Feeds without a parameter, and feeds of an index.
_WHOLE: Final = {"announcements": "announcements", "platform_state.public_methods_state": "public_methods"}
_OF_INDEX: Final = {
    "deribit_price_index": "price_index",
    "deribit_price_ranking": "price_ranking",
    "deribit_price_statistics": "price_statistics",
    "deribit_volatility_index": "volatility_index",
    "estimated_expiration_price": "estimated_price",
    "markprice.options": "mark_prices",
}
_OF_BLOCKS: Final = {
    "block_rfq.maker": "block_rfq_maker",
    "block_rfq.maker.quotes": "block_rfq_quotes",
    "block_rfq.taker": "block_rfq_taker",
    "block_rfq.trades": "block_rfq_trades",
    "block_trade_confirmations": "block_confirmations",
}
_OURS: Final = {
    "strikebook.venue": "venue",
    "strikebook.batches": "batches",
    "strikebook.signed_heads": "signed_heads",
    "strikebook.authorisation": "authorisation",
}
STREAM_CHANNEL: Final = "user.stream"


class Channel(NamedTuple):
    """A parsed channel name. Fields that the family does not have are empty.

    family: book, grouped_book, ticker, incremental_ticker, quote, trades, price_index, price_ranking,
    price_statistics, mark_prices, user_orders, user_trades, user_combo_trades, user_changes,
    user_portfolio, user_lock, user_access_log, user_mmp_trigger, user_stream (our own), instrument_state,
    instrument_creation, platform_state, public_methods, announcements, estimated_price, perpetual, chart
    (`group` is its resolution), volatility_index, block_rfq_maker, block_rfq_quotes, block_rfq_taker,
    block_rfq_trades, block_confirmations, venue, batches, signed_heads, authorisation and chain (our own).
    `instrument` is a name; `kind` is option, future, option_combo, combo, any, or one the venue lists nothing
    of; `currency` is upper case or `any`.
    """

    name: str
    family: str
    private: bool = False
    instrument: str = ""
    kind: str = ""
    currency: str = ""
    index_name: str = ""
    interval: str = ""
    group: str = ""
    depth: int = 0

    @property
    def needs_authorization(self) -> bool:
        """Whether an unauthenticated session gets 13778: raw public feeds."""
        return self.interval == "raw" and not self.private


def parse_channel(name: str) -> Channel | None:
    """The channel a name stands for, or None if it is none of the dialect's."""
    if len(name) > CHANNEL_CHARS_MAX:
        return None
    head, _, rest = name.partition(".")
    parts = rest.split(".") if rest else []
    match head:
        case "book":
            return _book(name, parts)
        case "ticker":
            if len(parts) == 2 and _instrument(parts[0]) and parts[1] in INTERVALS:
                return Channel(name, "ticker", instrument=parts[0], interval=parts[1])
        case "incremental_ticker" | "quote":
            if len(parts) == 1 and _instrument(parts[0]):
                return Channel(name, head, instrument=parts[0])
        case "trades":
            return _by_instrument_or_kind(name, "trades", parts, private=False)
        case "chart":
            known = len(parts) == 3 and parts[0] == "trades" and parts[2] in _RESOLUTIONS
            if known and _instrument(parts[1]):
                return Channel(name, "chart", instrument=parts[1], group=parts[2])
        case "chain":
            if len(parts) == 2 and _CURRENCY.fullmatch(parts[0]) and parts[1] in INTERVALS:
                return Channel(name, "chain", currency=_currency(parts[0]), interval=parts[1])
        case "perpetual":
            if len(parts) == 2 and _instrument(parts[0]) and parts[1] in INTERVALS:
                return Channel(name, "perpetual", instrument=parts[0], interval=parts[1])
        case "instrument":
            return _of_instruments(name, parts)
        case _ if name in _WHOLE:
            return Channel(name, _WHOLE[name])
        case "platform_state" if not parts:
            return Channel(name, "platform_state")
        case "user":
            return _user(name, parts)
        case "strikebook":
            return Channel(name, _OURS[name]) if name in _OURS else None
        case _:
            return _of_index(name) or _of_blocks(name)
    return None


def _instrument(text: str) -> bool:
    return _INSTRUMENT.fullmatch(text) is not None


def _book(name: str, parts: list[str]) -> Channel | None:
    if not parts or not _instrument(parts[0]):
        return None
    if len(parts) == 2 and parts[1] in INTERVALS:
        return Channel(name, "book", instrument=parts[0], interval=parts[1])
    if len(parts) == 4 and parts[1] in GROUPS and parts[2] in DEPTHS and parts[3] in INTERVALS:
        return Channel(
            name,
            "grouped_book",
            instrument=parts[0],
            group=parts[1],
            depth=int(parts[2]),
            interval=parts[3],
        )
    return None


def _by_instrument_or_kind(name: str, family: str, parts: list[str], *, private: bool) -> Channel | None:
    """`{instrument}.{interval}` or `{kind}.{currency}.{interval}`."""
    if len(parts) == 2 and _instrument(parts[0]) and parts[1] in INTERVALS:
        return Channel(name, family, private, instrument=parts[0], interval=parts[1])
    if (
        len(parts) == 3
        and parts[0] in KINDS_KNOWN
        and _CURRENCY.fullmatch(parts[1])
        and parts[2] in INTERVALS
    ):
        return Channel(name, family, private, kind=parts[0], currency=_currency(parts[1]), interval=parts[2])
    return None


def _of_instruments(name: str, parts: list[str]) -> Channel | None:
    """`state.{kind}.{currency}` or `creation.{kind}.{currency}`."""
    if (
        len(parts) == 3
        and parts[0] in ("creation", "state")
        and parts[1] in KINDS_KNOWN
        and _CURRENCY.fullmatch(parts[2]) is not None
    ):
        return Channel(name, f"instrument_{parts[0]}", kind=parts[1], currency=_currency(parts[2]))
    return None


def _currency(text: str) -> str:
    return text if text == "any" else text.upper()


def _user(name: str, parts: list[str]) -> Channel | None:
    if not parts:
        return None
    topic, rest = parts[0], parts[1:]
    if topic in ("orders", "trades", "changes", "combo_trades"):
        return _by_instrument_or_kind(name, f"user_{topic}", rest, private=True)
    if topic == "portfolio" and len(rest) == 1 and _CURRENCY.fullmatch(rest[0]):
        return Channel(name, "user_portfolio", True, currency=_currency(rest[0]))
    if topic == "stream" and not rest:
        return Channel(name, "user_stream", True)
    if topic == "lock" and not rest:
        return Channel(name, "user_lock", True)
    if topic == "access_log" and not rest:
        return Channel(name, "user_access_log", True)
    if topic == "mmp_trigger" and len(rest) == 1 and (rest[0] == "all" or _INDEX.fullmatch(rest[0])):
        return Channel(name, "user_mmp_trigger", True, index_name=rest[0])
    return None


def _of_index(name: str) -> Channel | None:
    """`{feed}.{index_name}`."""
    prefix, _, last = name.rpartition(".")
    if prefix not in _OF_INDEX or _INDEX.fullmatch(last) is None:
        return None
    return Channel(name, _OF_INDEX[prefix], index_name=last)


def _of_blocks(name: str) -> Channel | None:
    """`{feed}.{currency}`, and `block_trade_confirmations` without one: of any."""
    if name == "block_trade_confirmations":
        return Channel(name, _OF_BLOCKS[name], True, currency="any")
    prefix, _, last = name.rpartition(".")
    family = _OF_BLOCKS.get(prefix)
    if family is None or _CURRENCY.fullmatch(last) is None:
        return None
    return Channel(name, family, family != "block_rfq_trades", currency=_currency(last))
