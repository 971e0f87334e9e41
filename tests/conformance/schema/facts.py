"""The facts of the dialect as data, and a walk over a reply that says what of them it lacks.

`facts/methods.json` and `facts/channels.json` hold names, types and which fields the documentation of the
Deribit API v2 marks as required: facts, in a notation of our own (see their `about`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "facts"

# Words of an enumeration that the facts themselves extend elsewhere (instruments in the channels' list say
# `str` where the methods' list enumerates coins, and know daily expiries), or that are examples of a venue
# with other coins: a field's last name, and the words it may have here besides.
WIDENED: Final[Mapping[str, frozenset[str]]] = {
    "index_name": frozenset({"btc_usdc", "eth_usdc"}),  # every index here
    "base_currency": frozenset({"SOL"}),
    "quote_currency": frozenset({"USDC"}),
    "settlement_currency": frozenset({"USDC"}),
    "settlement_period": frozenset({"day"}),
    "coin_type": frozenset({"USDC", "SOL"}),
    "currency": frozenset({"usdc", "SOL"}),  # of a `currency_portfolio`; and coins listed later
}
# Required fields that may be null, and why. Prices: an empty side or an instrument nobody has traded yet
# (the channels' list says `float | None` of them).
NULLABLE: Final[Mapping[str, str]] = {
    "best_bid_price": "an empty side",
    "best_ask_price": "an empty side",
    "bid_price": "an empty side",
    "ask_price": "an empty side",
    "mid_price": "an empty side",
    "last_price": "nobody has traded",
    "last": "nobody has traded",
    "high": "nobody has traded",
    "low": "nobody has traded",
    "price_change": "nobody has traded",
    "continuation": "there is no more (a number elsewhere; the documentation's own type is a number or null)",
    "matching_id": "the channels' list says so",
    "estimated_liquidation_price": "no single price leads there (options); row in the table of deviations",
}
# Results whose facts are those of their parameters (the documentation's schema says so by mistake).
MISSTATED: Final[Mapping[str, str]] = {
    "public/get_expirations": "object",
    "public/get_historical_volatility": "array<?>",  # [[time, percent]], as clients read it
}
# Fields whose type the two lists of facts state differently, or state against what clients read: the types
# that are taken besides.
DISPUTED: Final[Mapping[str, tuple[str, ...]]] = {
    "reduce_only": ("boolean",),  # of a user's trade: `string` for methods, `bool` for channels
    "post_only": ("boolean",),
    "underlying_index": ("string",),  # of a ticker: `number`; of a book summary: `string`
    "combo_trade_id": ("string",),
    "fees": ("array<object>",),  # `object`; clients read a list
    "tick_size_steps": ("array<object>",),  # one for methods, a list for channels
    "amount": ("number",),  # of a hedge `integer`: dollars there; coins here
}
# Fields of objects whose type is the object itself, by mistake: what the channels' list says.
_CORRECTED: Final[Mapping[str, str]] = {
    "trades array<pending_block_trade> *": "trades array<object> *",
}


class Fact(NamedTuple):
    """One field: its path inside its object, its type, whether it is required."""

    path: str
    kind: str
    required: bool


class Method(NamedTuple):
    """One method: where the documentation lists it, the scopes it asks for, parameters and result."""

    section: str
    scopes: tuple[str, ...]
    params: tuple[Fact, ...]
    result: tuple[Fact, ...]


class Channel(NamedTuple):
    """One channel template."""

    access: str
    many: bool
    fields: tuple[Fact, ...]


Objects = Mapping[str, tuple[Fact, ...]]


def _fact(text: str) -> Fact:
    required = text.endswith(" *")
    path, _, kind = text.removesuffix(" *").partition(" ")
    return Fact(path, kind, required)


def _facts(lines: Iterable[str]) -> tuple[Fact, ...]:
    return tuple(_fact(line) for line in lines)


def _read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def _objects(found: Mapping[str, list[str]]) -> Objects:
    return {name: _facts(lines) for name, lines in found.items()}


@cache
def methods() -> dict[str, Method]:
    """All methods of the dialect by name."""
    return {
        name: Method(m["section"], tuple(m["scope"]), _facts(m["params"]), _facts(m["result"]))
        for name, m in _read("methods.json")["methods"].items()
    }


@cache
def method_objects() -> Objects:
    """The objects that results are made of."""
    found = _read("methods.json")["objects"]
    return _objects({name: [_CORRECTED.get(line, line) for line in lines] for name, lines in found.items()})


@cache
def channels() -> dict[str, Channel]:
    """All channel templates of the dialect."""
    return {
        name: Channel(c["access"], c["list"], _facts(c["fields"]))
        for name, c in _read("channels.json")["channels"].items()
    }


@cache
def channel_objects() -> Objects:
    """The objects that pushes are made of."""
    return _objects(_read("channels.json")["objects"])


# --- the walk --------------------------------------------------------------------------------------------


class Walk:
    """What a value lacks of the facts: `wrong` names each path."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.wrong: list[str] = []
        self._shown: dict[str, bool] = {}  # lists of objects by path, whether one of them had an item

    @property
    def bare(self) -> list[str]:
        """Paths of lists that showed no item anywhere: what belongs inside went unseen."""
        return [path for path, shown in self._shown.items() if not shown]

    def fields(self, facts: Iterable[Fact], value: object, at: str) -> None:
        """An object's own fields, then what is inside them."""
        if not isinstance(value, dict):
            self.wrong.append(f"{at}: {value!r} is no object")
            return
        inner: dict[str, list[Fact]] = {}
        kinds: dict[str, Fact] = {}
        for fact in facts:
            head, dot, rest = fact.path.partition(".")
            if dot:
                inner.setdefault(head, []).append(fact._replace(path=rest))
            else:
                kinds[head] = fact
        for name, fact in kinds.items():
            here = f"{at}.{name}" if at else name
            if name not in value:
                if fact.required:
                    self.wrong.append(f"{here}: missing")
                continue
            found = value[name]
            self.typed(fact.kind, found, here)
            if found is not None:
                self._inside(name, inner, found, here)

    def _inside(self, name: str, inner: Mapping[str, list[Fact]], found: object, here: str) -> None:
        if name in inner:
            self.fields(inner[name], found, here)
        if name + "[]" in inner:
            self.items(inner[name + "[]"], found, here)

    def items(self, facts: Iterable[Fact], value: object, at: str) -> None:
        """Every item of a list of objects."""
        if not isinstance(value, list):
            self.wrong.append(f"{at}: {value!r} is no list")
            return
        path = re.sub(r"\[\d+\]", "[]", at) or "."
        self._shown[path] = bool(value) or self._shown.get(path, False)
        known = tuple(facts)
        for number, item in enumerate(value):
            self.fields(known, item, f"{at}[{number}]")

    def typed(self, kind: str, value: object, at: str) -> None:
        """One value of one type, `a / b` of either."""
        name = at.rpartition(".")[2].partition("[")[0]
        if value is None:
            if "null" not in kind and name not in NULLABLE:
                self.wrong.append(f"{at}: null instead of {kind}")
            return
        kinds = (*kind.split(" / "), *DISPUTED.get(name, ()))
        if not any(self._fits(one, value, name, at) for one in kinds):
            self.wrong.append(f"{at}: {value!r} is no {kind}")

    def _fits(self, kind: str, value: object, name: str, at: str) -> bool:
        if kind.startswith("array<"):
            if not isinstance(value, list):
                return False
            inside = kind[len("array<") : -1]
            if inside in self._objects:
                self.items(self._objects[inside], value, at)
            elif inside not in ("object", "?") and "&" not in inside:
                for number, item in enumerate(value):
                    self.typed(inside, item, f"{at}[{number}]")
            return True
        if kind.startswith("enum("):
            words = set(kind[len("enum(") : -1].split("|")) | WIDENED.get(name, frozenset())
            return not isinstance(value, (bool, float, dict, list)) and str(value) in words
        if kind in self._objects:
            if not isinstance(value, dict):
                return False
            self.fields(self._objects[kind], value, at)
            return True
        return _is_plain(kind, value)


def _is_plain(kind: str, value: object) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "?":
            return True
        case "null":
            return False  # seen before
        case _ if kind in ("object", "api_limits") or "&" in kind:
            return isinstance(value, dict)
    raise AssertionError(f"the facts have no type {kind!r}")


def walk_result(method: str, value: object) -> Walk:
    """A method's result against its facts."""
    walk = Walk(method_objects())
    if method in MISSTATED:
        walk.typed(MISSTATED[method], value, "")
        return walk
    facts = methods()[method].result
    if not facts:
        return walk
    whole, rest = facts[0], facts[1:]
    assert whole.path == ".", method
    walk.typed(whole.kind, value, "")
    if any(fact.path.startswith("[].") for fact in rest):
        walk.items([fact._replace(path=fact.path.removeprefix("[].")) for fact in rest], value, "")
    elif rest:
        walk.fields(rest, value, "")
    return walk


def walk_push(template: str, data: object) -> Walk:
    """What a channel has pushed against its facts."""
    walk = Walk(channel_objects())
    channel = channels()[template]
    if channel.many:
        walk.items(channel.fields, data, "")
    else:
        walk.fields(channel.fields, data, "")
    return walk
