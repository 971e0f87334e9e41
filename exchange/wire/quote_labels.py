"""What a quote is called: one label holds its quote id and, where they were named, its set and its group.

A quote's label is its quote id, or `quote_id SEP quote_set_id SEP mmp_group`. So what a quote is called goes
wherever labels go: the journal, every push, the history, and a cancel by label.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from exchange.wire.envelope import encode_json
from exchange.wire.errors import invalid_param
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.params import Params, text

SEPARATOR: Final = "\x1f"


class QuoteLabel(NamedTuple):
    """The parts of a quote's label; empty where they were not named."""

    quote_id: str
    quote_set_id: str = ""
    mmp_group: str = ""


def quote_text(params: Params, name: str) -> str:
    """A part of a quote's label, empty if absent.

    Raises:
        RpcError: -32602 no string, too long, or with the character that separates the parts.
    """
    given = text(params, name, "", LABEL_CHARS_MAX)
    if SEPARATOR in given:
        raise invalid_param(name, "must not contain U+001F")
    return given


def join_label(quote_id: str, quote_set_id: str, mmp_group: str) -> str:
    """The label of a quote."""
    if quote_set_id or mmp_group:
        return SEPARATOR.join((quote_id, quote_set_id, mmp_group))
    return quote_id


def split_label(label: str) -> QuoteLabel:
    """What `join_label` joined."""
    parts = label.split(SEPARATOR, 2)
    return QuoteLabel(*parts)


@lru_cache(1_024)
def quote_json(label: str, *, of_order: bool) -> bytes:
    """The parts that are named, as JSON members behind others, each with its comma; a fill has no group."""
    quote_id, quote_set_id, mmp_group = split_label(label)
    found = b',"quote_id":%b' % encode_json(quote_id)
    if quote_set_id:
        found += b',"quote_set_id":%b' % encode_json(quote_set_id)
    if mmp_group and of_order:
        found += b',"mmp_group":%b' % encode_json(mmp_group)
    return found
