"""Accounts, money, time, listings and switches (rules: Listing and marks, Life cycle)."""

from __future__ import annotations

import struct

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands import InstrumentTerms
from exchange.domain.events import unpack_terms
from tests.reference import cancelling, combos, families, following, funds, resting
from tests.reference.accounts import Account
from tests.reference.branches import note
from tests.reference.instruments import Instrument, Underlying, listed, terms_acceptable
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World


def create_account(world: World, head: Head, body: bytes) -> None:
    """CREATE_ACCOUNT."""
    require(head.account == world.next_account and head.account < limits.MAX_ACCOUNTS, why.BAD_ID)
    main = int.from_bytes(body[24:32], "little", signed=True)  # zero under rules 1
    if main:
        families.check_main(world, main)
    account = Account(head.account, owner=body[:20], created_ms=world.now_ms, main=main)
    world.accounts[account.id] = account
    world.next_account += 1
    world.events.account(account, world.now_ms)


def configure_account(world: World, head: Head) -> None:
    """CONFIGURE_ACCOUNT."""
    account = world.user(head.account)
    require(head.flags <= r.STP_CANCEL_MAKER, why.BAD_FLAGS)
    account.flags = head.flags
    world.events.account(account, world.now_ms)


def _move_cash(world: World, account: Account, delta_micro: int) -> None:
    account.cash_micro += delta_micro
    world.accounts[limits.ACCOUNT_BRIDGE].cash_micro -= delta_micro


def deposit(world: World, head: Head, words: tuple[int, ...]) -> None:
    """DEPOSIT. From rules 6 on one that is refused takes its id all the same, if that is new."""
    deposit_id = words[1]
    try:
        _deposit(world, head, *words[:2])
    except Reject as refused:
        if not world.has_forced_rules:
            raise
        taken = deposit_id > world.last_deposit_id
        note(world, f"deposit: refused, the id is {'taken' if taken else 'not taken'}")
        if taken:
            world.last_deposit_id = deposit_id
        raise Reject(refused.reason, deposit_id if taken else 0) from refused


def _deposit(world: World, head: Head, amount_micro: int, deposit_id: int) -> None:
    to_fund = world.has_risk_rules and head.account == limits.ACCOUNT_INSURANCE
    account = world.insurance if to_fund else world.user(head.account)
    require(1 <= amount_micro <= limits.MAX_DEPOSIT_MICRO, why.BAD_VALUE)
    require(deposit_id > world.last_deposit_id, why.DUPLICATE)
    deposited = -world.accounts[limits.ACCOUNT_BRIDGE].cash_micro
    require(deposited + amount_micro <= limits.MAX_TOTAL_DEPOSITS_MICRO, why.LIMIT_REACHED)
    world.last_deposit_id = deposit_id
    _move_cash(world, account, amount_micro)
    world.events.cash(account, deposit_id, amount_micro, r.CASH_DEPOSIT, world.now_ms)


def withdraw(world: World, head: Head, words: tuple[int, ...]) -> None:
    """WITHDRAW of rules 1: paid at once."""
    amount_micro, withdrawal_id = words[:2]
    account = world.user(head.account)
    require(1 <= amount_micro <= limits.MAX_DEPOSIT_MICRO, why.BAD_VALUE)
    now = funds.figures(account)
    free = min(account.cash_micro, now.funds) - now.requirement
    require(amount_micro <= free and now.equity >= 0, why.INSUFFICIENT_FUNDS)
    _move_cash(world, account, -amount_micro)
    world.events.cash(account, withdrawal_id, -amount_micro, r.CASH_WITHDRAWAL, world.now_ms)


def time(world: World, head: Head, words: tuple[int, ...]) -> None:
    """TIME."""
    require(world.now_ms <= words[0] <= limits.MAX_TIME_MS, why.BAD_VALUE)
    world.now_ms = words[0]
    world.events.done(head, 0, world.now_ms)


def list_underlying(world: World, head: Head, words: tuple[int, ...]) -> None:
    """LIST_UNDERLYING."""
    next_id = len(world.underlyings)
    require(head.instrument == next_id and next_id < limits.MAX_UNDERLYINGS, why.BAD_ID)
    require(words[0] != 0, why.BAD_VALUE)
    world.underlyings.append(Underlying(next_id, words[0]))
    world.events.underlying(next_id, words[0], world.now_ms)


def listing_well_formed(body: bytes) -> bool:
    """The words and bytes LIST_INSTRUMENT keeps zero."""
    w = struct.unpack("<24q", body)
    return body[3] == 0 and w[10] >> 32 == 0 and w[11] == 0 and not any(w[20:])


def list_instrument(world: World, head: Head, body: bytes) -> None:
    """LIST_INSTRUMENT."""
    next_id = len(world.instruments)
    require(head.instrument == next_id and next_id < limits.MAX_INSTRUMENTS, why.BAD_ID)
    world.underlying(int.from_bytes(body[4:8], "little"))
    require(1 <= body[2] <= 4, why.BAD_VALUE)  # count of tick steps
    terms: InstrumentTerms = unpack_terms(body, 0)
    flat = struct.unpack_from("<8q", body, 96)
    all_steps = tuple(zip(flat[::2], flat[1::2], strict=True))
    require(terms_acceptable(terms, all_steps), why.BAD_VALUE)
    instrument = listed(next_id, terms, body)
    world.instruments.append(instrument)
    world.events.instrument(instrument, world.now_ms)


def set_instrument_state(world: World, head: Head) -> None:
    """SET_INSTRUMENT_STATE."""
    instrument = world.instrument(head.instrument)
    require(instrument.state not in (r.STATE_DELISTED, r.STATE_DELIVERED), why.INSTRUMENT_NOT_OPEN)
    require(head.flags <= r.STATE_DELISTED, why.BAD_FLAGS)
    if head.flags == r.STATE_DELISTED:
        require(_is_empty(world, instrument), why.NOT_EMPTY)
        cancelling.end_combos(world, instrument)
        for order in cancelling.untriggered_of(world, instrument):
            resting.cancel(world, order, r.CANCEL_DELIVERY)
        following.carry_out(world)
        remove_seats(world, instrument)
        instrument.table = None
    instrument.state = head.flags
    world.events.instrument(instrument, world.now_ms)


def _is_empty(world: World, instrument: Instrument) -> bool:
    combos_of_it = combos.open_of_leg(world, instrument)
    if any(True for each in (instrument, *combos_of_it) for _ in each.book.orders()):
        if not any(True for _ in instrument.book.orders()):
            note(world, "combo: its orders keep a leg")
        return False
    seats = [a.seats[instrument.id] for a in world.accounts.values() if instrument.id in a.seats]
    if any(seat.size_lots for seat in seats):
        return False
    return instrument.is_option or instrument.is_combo or not any(seat.entry_value_micro for seat in seats)


def remove_seats(world: World, instrument: Instrument) -> None:
    """Forget every account's seat in an instrument that ends."""
    for account in world.accounts.values():
        account.seats.pop(instrument.id, None)


def set_rules(world: World, head: Head) -> None:
    """SET_RULES."""
    require(world.rules_version <= head.aux <= limits.RULES_VERSION, why.BAD_VALUE)
    require(head.aux < 2 or head.flags == head.aux, why.BAD_VALUE)
    world.rules_version = head.aux
    world.events.done(head, 0, world.now_ms)


def set_mode(world: World, head: Head) -> None:
    """SET_MODE."""
    require(head.flags <= r.MODE_CANCEL_ONLY, why.BAD_FLAGS)
    world.mode = head.flags
    world.events.done(head, 0, world.now_ms)


def side_record(world: World, head: Head) -> None:
    """LABEL and GRANT."""
    world.user(head.account)
    world.events.done(head, 0, world.now_ms)
