"""Rules 2 in the ledger: commands that many events tell; a wrong figure in any of them is found."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from exchange.domain import events as ev
from exchange.domain import records as r
from settlement import operations as op
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import Account, State
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RiskTraffic
from tests.unit.settlement.streams import TIME_MS, body, head, pair
from tests.unit.settlement.test_ledger import bumped

SEEDS_MAX = 60
NAMES = (2, 3)
"""The words with the account and the id. Another one may fit by chance, so nobody's is put there."""
NOBODY = 10_000
Wanted = Callable[[ev.Event], bool]


@dataclass(frozen=True)
class Sample:
    """One command's events that hold a wanted one, and the ledger before it."""

    before: Ledger
    told: bytes
    at: int

    def ledger(self) -> Ledger:
        return copy.deepcopy(self.before)


@cache
def day(seed: int) -> list[bytes]:
    """A stream of rules 2 as the reference tells it, command by command."""
    reference = ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    told = [reference.apply(traffic.opening())]
    told += [reference.apply(traffic.batch(60)) for _ in range(40)]
    return [command for _, command in ev.split_by_seq(b"".join(told))]


def anything(event: ev.Event) -> bool:
    return True


@cache
def sample(wanted: Wanted, beside: Wanted = anything) -> Sample:
    """The first such event of the first stream that has one; its command has such a one besides."""
    for seed in range(1, SEEDS_MAX):
        commands = day(seed)
        for n, told in enumerate(commands):
            if not any(map(beside, ev.read_events(told))):
                continue
            at = 0
            for event in ev.read_events(told):
                if wanted(event):
                    before = Ledger(State())
                    before.read(b"".join(commands[:n]))
                    return Sample(before, told, at)
                at += event.head.units * r.UNIT_BYTES
    raise AssertionError("no such event in the streams")


@cache
def cash(kind: int) -> Wanted:
    return lambda event: isinstance(event, ev.Cash) and event.kind == kind


def held(event: ev.Event) -> bool:
    return isinstance(event, ev.Cash) and event.kind == r.CASH_WITHDRAWAL and event.counter_account == 4


@cache
def liquidation(kind: int) -> Wanted:
    return lambda event: isinstance(event, ev.Liquidation) and event.kind == kind


def whole_fee(event: ev.Event) -> bool:
    """A step whose fee was not cut to the account's funds."""
    return (
        isinstance(event, ev.Liquidation)
        and event.kind in (r.LIQ_PERPETUAL, r.LIQ_OPTION)
        and event.lots != 0
        and event.balance_micro > 0 < event.amount_micro
    )


def several_moved(event: ev.Event) -> bool:
    return isinstance(event, ev.Moved) and abs(event.lots) > 1


def rebate(event: ev.Event) -> bool:
    return isinstance(event, ev.Trade) and event.maker_fee_micro < 0


def in_liquidation(event: ev.Event) -> bool:
    return isinstance(event, ev.Account) and event.liquidation != 0


# Words from the start of the record, each a figure that settlement works out again.
FIGURES: dict[str, tuple[Wanted, tuple[int, ...]]] = {
    "held": (held, (2, 4, 5, 6)),
    "paid": (cash(r.CASH_WITHDRAWAL_PAID), (2, 3, 4, 5, 6, 8)),
    "cancelled": (cash(r.CASH_WITHDRAWAL_CANCELLED), (2, 3, 4, 5, 6, 8)),
    "transfer": (cash(r.CASH_TRANSFER), (2, 3, 4, 5, 6)),
    "takeover cash": (cash(r.CASH_TAKEOVER), (2, 4, 5, 6)),
    "moved": (several_moved, (2, 4, 5, 6)),
    "taken over": (liquidation(r.LIQ_TAKEOVER), (2, 7, 9)),
    "slice": (whole_fee, (2, 7, 8)),
    "fund": (liquidation(r.LIQ_FUND), (2, 7)),
    "shared": (liquidation(r.LIQ_SHARED), (2, 7, 9)),
    "deficit": (liquidation(r.LIQ_DEFICIT), (2, 7)),
    "rebate": (rebate, (9, 10)),
}
# A share of a pass that goes on is judged when it ends (below).
BESIDE = {"shared": liquidation(r.LIQ_ENDED)}


@pytest.mark.parametrize(
    ("name", "word"), [(name, word) for name, (_, words) in FIGURES.items() for word in words]
)
def test_a_wrong_figure_is_found(name: str, word: int) -> None:
    found = sample(FIGURES[name][0], BESIDE.get(name, anything))
    found.ledger().read(found.told)
    with pytest.raises(LedgerMismatch, match=r"seq \d+"):
        found.ledger().read(bumped(found.told, found.at // 8 + word, NOBODY if word in NAMES else 1))


@pytest.mark.parametrize("name", ["transfer", "taken over", "slice", "shared"])
def test_a_command_that_lacks_an_event_is_found(name: str) -> None:
    found = sample(FIGURES[name][0], BESIDE.get(name, anything))
    units = int.from_bytes(found.told[found.at + 2 : found.at + 4], "little")
    told = found.told[: found.at] + found.told[found.at + units * r.UNIT_BYTES :]
    with pytest.raises(LedgerMismatch):
        found.ledger().read(told)


# --- shares in a loss -------------------------------------------------------------------------------------


def is_step(told: bytes) -> bool:
    """Whether these are the events of a SHARE_LOSS that took effect."""
    last = list(ev.read_events(told))[-1]
    return isinstance(last, ev.Done) and last.command == r.SHARE_LOSS


def shares_of(told: bytes) -> list[int]:
    """Where the shares of a command stand."""
    found, at = list[int](), 0
    for event in ev.read_events(told):
        if isinstance(event, ev.Liquidation) and event.kind == r.LIQ_SHARED:
            found.append(at)
        at += event.head.units * r.UNIT_BYTES
    return found


@cache
def covering_pass() -> tuple[Ledger, list[bytes]]:
    """A pass of several steps that two accounts or more pay in and that covers the loss, and the ledger
    before its first share."""
    for seed in range(1, SEEDS_MAX):
        ledger, start = Ledger(State()), 0
        commands = day(seed)
        for n, told in enumerate(commands):
            idle = not ledger.state.sharing.shares
            ledger.read(told)
            if idle and ledger.state.sharing.shares:
                start = n
            if not start or ledger.state.sharing.account:
                continue
            covered = any(map(liquidation(r.LIQ_ENDED), ev.read_events(told)))
            if covered and sum(map(is_step, commands[start : n + 1])) > 1:
                before = Ledger(State())
                before.read(b"".join(commands[:start]))
                return before, commands[start : n + 1]
            start = 0
    raise AssertionError("no such pass in the streams")


def test_a_false_share_is_found_by_the_end_of_its_pass_at_the_latest() -> None:
    before, commands = covering_pass()
    assert sum(len(shares_of(told)) for told in commands if is_step(told)) > 1
    copy.deepcopy(before).read(b"".join(commands))
    for n, told in enumerate(commands):
        for at in shares_of(told) if is_step(told) else ():
            share = told[at : at + 4 * r.UNIT_BYTES]
            lies = [told[:at] + told[at + len(share) :], told[:at] + share + told[at:]]
            lies += [bumped(told, at // 8 + 7, more) for more in (1, -1, 1 << 40)]
            lies += [bumped(told, at // 8 + 2, more) for more in (1, -1, NOBODY)]
            for lie in lies:
                with pytest.raises(LedgerMismatch):
                    copy.deepcopy(before).read(b"".join([*commands[:n], lie, *commands[n + 1 :]]))


# --- what a family pays -----------------------------------------------------------------------------------

INDEBTED, PAYER, OTHER, STRANGER, OWED = 64, 65, 66, 67, 1_000


def indebted() -> Ledger:
    """64 owes 1,000 and has two subaccounts with money; 67 has another family."""
    state = State()
    rows = (INDEBTED, 0, -OWED), (PAYER, 64, 700), (OTHER, 64, 900), (STRANGER, 0, 5_000)
    for number, main, amount in rows:
        state.adopt(number, Account(bytes(20), 0, amount, main=main))
    state.accounts[INDEBTED].in_liquidation = 1
    return Ledger(state)


def half(index: int, number: int, counter: int, delta: int, balance: int) -> bytes:
    cash = body(delta, balance, pair(r.CASH_TRANSFER, counter), TIME_MS, 0)
    return head(r.EV_CASH, 3, index, 1, number, 0, 0) + cash


def payment(index: int, payer: int, amount: int, before: int, balance: int) -> bytes:
    """The two halves of a transfer to the account, which has `balance` after it."""
    payers = half(index, payer, INDEBTED, -amount, before - amount)
    return payers + half(index + 1, INDEBTED, payer, amount, balance)


def step(index: int, kind: int, amount: int = 0, counter: int = 0, number: int = INDEBTED) -> bytes:
    told = body(kind, 0, 0, amount, 0, counter, TIME_MS, *[0] * 5)
    return head(r.EV_LIQUIDATION, 4, index, 1, number, 0, 0) + told


BY_ONE = payment(0, PAYER, 700, 700, -300)
BY_ANOTHER = payment(3, OTHER, 300, 900, 0)


def test_a_family_pays_a_deficit_account_by_account() -> None:
    ledger = indebted()
    steps = step(2, r.LIQ_FAMILY, 700, PAYER), step(5, r.LIQ_FAMILY, 300, OTHER), step(6, r.LIQ_ENDED)
    operations = ledger.read(BY_ONE + steps[0] + BY_ANOTHER + steps[1] + steps[2])
    assert operations == [
        op.Transfer(PAYER, INDEBTED, 700, 0),
        op.Transfer(OTHER, INDEBTED, 300, 0),
        op.LiquidationSet(INDEBTED, 0),
    ]
    accounts = ledger.state.accounts
    assert [accounts[number].cash_micro for number in (INDEBTED, PAYER, OTHER)] == [0, 0, 600]


FAMILY_FAULTS: dict[str, bytes] = {
    "not told": BY_ONE + step(2, r.LIQ_DEFICIT, 300),
    "not told before the next": BY_ONE + BY_ANOTHER + step(6, r.LIQ_FAMILY, 300, OTHER),
    "without the cash": step(0, r.LIQ_FAMILY, 700, PAYER),
    "twice": BY_ONE + 2 * step(2, r.LIQ_FAMILY, 700, PAYER),
    "another amount": BY_ONE + step(2, r.LIQ_FAMILY, 699, PAYER),
    "another payer": BY_ONE + step(2, r.LIQ_FAMILY, 700, OTHER),
    "another account": BY_ONE + step(2, r.LIQ_FAMILY, 700, PAYER, OTHER),
    "not of the family": payment(0, STRANGER, 9, 5_000, 9 - OWED) + step(2, r.LIQ_FAMILY, 9, STRANGER),
    "more than it has": payment(0, PAYER, 701, 700, -299) + step(2, r.LIQ_FAMILY, 701, PAYER),
}


@pytest.mark.parametrize("told", FAMILY_FAULTS.values(), ids=FAMILY_FAULTS)
def test_a_family_that_pays_wrongly_is_found(told: bytes) -> None:
    with pytest.raises(LedgerMismatch):
        indebted().read(told)


def test_a_family_pays_no_more_than_is_missing() -> None:
    ledger = indebted()
    ledger.state.accounts[PAYER].cash_micro = 2_000
    with pytest.raises(LedgerMismatch, match="beyond the deficit"):
        ledger.read(payment(0, PAYER, 1_001, 2_000, 1) + step(2, r.LIQ_FAMILY, 1_001, PAYER))


def test_who_is_in_liquidation_does_not_pay_for_its_family() -> None:
    ledger = indebted()
    ledger.state.accounts[PAYER].in_liquidation = 1
    with pytest.raises(LedgerMismatch, match="in liquidation"):
        ledger.read(BY_ONE + step(2, r.LIQ_FAMILY, 700, PAYER))


def test_the_next_command_finds_what_the_one_before_left_open() -> None:
    found = sample(cash(r.CASH_TAKEOVER))
    cut, seq = found.told[: found.at], ev.read_event(found.told).head.seq
    after = struct.pack("<BBHIQIIq", r.EV_CASH, 1, 3, 0, seq + 1, 64, 0, 1 << 40) + bytes(64)
    with pytest.raises(LedgerMismatch, match="end before their last"):
        found.ledger().read(cut + after)


def test_a_liquidation_that_settlement_does_not_know_of_is_found() -> None:
    found = sample(in_liquidation)
    ledger = found.ledger()
    ledger.state.accounts[ev.read_event(found.told, found.at).head.account].in_liquidation = 0
    with pytest.raises(LedgerMismatch, match="liquidation of account"):
        ledger.read(found.told)


def test_an_unknown_kind_of_liquidation_stops_it() -> None:
    found = sample(liquidation(r.LIQ_STARTED))
    told = found.told[:32] + struct.pack("<q", 99) + found.told[40:]
    with pytest.raises(LedgerMismatch, match="unknown kind 99"):
        found.ledger().read(told)


def test_what_settlement_does_not_keep_makes_no_operation() -> None:
    """Models, caps, locks and states of underlyings move nothing; a tier does."""
    ledger = Ledger(State())
    operations = ledger.read(b"".join(day(1)))
    assert {op.FamilySet, op.RiskSet, op.FeesSet} <= {type(o) for o in operations}
    assert sum(type(o) is op.UnderlyingSet for o in operations) == len(ledger.state.underlyings)
