"""The watchtower holds batches against the command log: a venue's own one, and one that is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exchange.attest.authorisation import frame_classes
from exchange.attest.chain import shard_seq
from exchange.attest.eip712 import DEVELOPMENT
from settlement.audit.replay import Replay
from settlement.audit.rerun import Batch
from settlement.hashing import ZERO_HASH
from settlement.l1.ethereum import Head
from settlement.l1.rollup import Posted
from settlement.stf.chunks import Chunk
from settlement.stf.header import Header, ShardRange
from settlement.stf.steps import FILL, TAKER_SELLS, Step
from settlement.watch.alarms import Alarm, Alarms
from settlement.watch.log_rule import LogRule
from settlement.watch.replica import Taken
from tests.unit.core.harness import ALICE
from tests.unit.settlement.audit.logs import market, order
from tests.unit.settlement.audit.test_fills import SELL, booked

AT = Head(1, ZERO_HASH, ZERO_HASH, 0, 0, 0, 0)


class Log:
    """A log in memory, which grows."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.batches = list(batches)

    def poll(self) -> list[Batch]:
        found, self.batches = self.batches, []
        return found


def story() -> list[Batch]:
    """A market where two orders meet."""
    log = market()
    log.deposit(ALICE, 10**13)
    log.apply(order(ALICE, 50, SELL))
    log.apply(order())
    return log.batches


def batch_of(batches: Sequence[Batch], **changed: Any) -> Taken:
    """The batch that an honest venue posts of these; the fill may be told otherwise."""
    replay, steps = Replay(0), list[Step]()
    last = 0
    for first_seq, commands in batches:
        made = replay.take(first_seq, commands)
        last = made.last_seq
        assert frame_classes(made.events) is not None
        for fill in booked(made.events):
            classes = fill.maker_class << 4 | fill.taker_class
            flags = TAKER_SELLS * fill.taker_sells
            step = Step(
                FILL, classes, flags, fill.instrument, fill.maker, fill.taker, fill.trade_id,
                fill.price_ticks, fill.size_lots,
            )  # fmt: skip
            steps.append(step._replace(**changed))
    part = ShardRange(0, shard_seq(0, 1), shard_seq(0, last), replay.head, ZERO_HASH, replay.log)
    words = (ZERO_HASH,) * 6
    header = Header(5, 1, 0, *words, 0, 1, len(steps), len(steps), 0, 0, 0, 0, (part,))
    posted = Posted(1, header.hash, ZERO_HASH, ZERO_HASH, 0, 1, ZERO_HASH, ZERO_HASH)
    return Taken(posted, header, (Chunk(0, tuple(steps)),))


def said(log: Log, *batches: Taken) -> tuple[list[str], LogRule]:
    heard: list[Alarm] = []
    rule = LogRule(log, 0, DEVELOPMENT, Alarms(heard.append, lambda: 0))
    for batch in batches:
        rule.taken(batch)
    assert rule.look(AT) == ()
    return [f"{alarm.code} {alarm.text}" for alarm in heard], rule


def test_an_honest_batch_agrees_with_the_log_and_may_come_again() -> None:
    batches = story()
    assert said(Log(batches), batch_of(batches), batch_of(batches[:-1]), batch_of(batches))[0] == []


def test_a_batch_waits_for_the_log() -> None:
    batches = story()
    log = Log(batches[:-1])
    told, rule = said(log, batch_of(batches, q=1))
    assert told == []
    log.batches = list(batches[-1:])
    heard, _ = said(Log(batches), batch_of(batches, q=1))
    rule.look(AT)
    assert [text.split(":")[0] for text in heard] == ["unauthorised_fill another_fill"]


def test_a_fill_that_nobody_ordered_is_told() -> None:
    batches = story()
    heard, _ = said(Log(batches), batch_of(batches, ident=77))
    assert heard == ["unauthorised_fill fill_not_in_log: trade 77 is no trade of the log"]


def test_results_that_are_not_the_rules_are_told() -> None:
    batches = story()
    batch = batch_of(batches)
    part = batch.header.ranges[0]._replace(chain_head=b"\1" * 32)
    other = batch._replace(header=batch.header._replace(ranges=(part,)))
    assert said(Log(batches), other)[0][0].startswith("matching_differs")


def test_another_log_is_told_and_not_followed() -> None:
    batches = story()
    heard, rule = said(Log([*batches[:-1], (batches[-1][0], order(lots=2))]), batch_of(batches))
    assert heard[0].startswith("log_unavailable another_log")
    rule.taken(batch_of(batches))
    assert rule.look(AT) == ()
