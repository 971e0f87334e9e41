"""Every command of a user is authorised, or the audit names the one that is not."""

from __future__ import annotations

import pytest

from exchange.attest import grants as g
from exchange.attest.eip712 import DEVELOPMENT, Domain
from exchange.attest.secp256k1 import recover
from exchange.domain import commands as c
from exchange.domain import records as r
from settlement.audit.authority import Authority
from settlement.audit.rerun import Rerun
from tests.unit.core.harness import ALICE, OPTION
from tests.unit.settlement.audit.logs import (
    GRANT,
    MINE,
    NOW_MS,
    THIEF,
    Log,
    frame,
    market,
    order,
    record,
    signed,
)

ACTIVE = record(r.GRANT_ACTIVATED, GRANT)
OF_OPTIONS = record(r.GRANT_ACTIVATED, GRANT._replace(instruments=(OPTION,)))


def codes(*batches: bytes, domain: Domain = DEVELOPMENT) -> list[str]:
    log: Log = market()
    for batch in batches:
        log.apply(batch)
    found = Rerun(0, log.claims, Authority(domain, recover)).run(log.batches)
    return [finding.code for finding in found.findings]


def test_the_venues_and_its_bounded_grants_commands_need_no_record() -> None:
    assert codes(order(), c.cancel(MINE, 1), order(ALICE)) == []


def test_commands_under_a_grant_and_signed_ones_are_found_in_order() -> None:
    later = c.amend(MINE, 1, size_lots=4, grant=7), c.cancel(MINE, 1, grant=7)
    assert codes(ACTIVE, order(grant=7), *later) == []
    assert codes(signed(order(), c.cancel(MINE, 1)), signed(order(), nonce=2), order()) == []
    assert codes(ACTIVE, record(r.GRANT_REVOKED, g.Revocation(MINE, 7, 2), None)) == []
    assert codes(ACTIVE, ACTIVE, order(grant=7)) == []  # recorded again after a crash


@pytest.mark.parametrize(
    ("batches", "code"),
    [
        ((order(grant=7),), "unknown_grant"),
        ((ACTIVE, order(ALICE, grant=7)), "unknown_grant"),
        ((order(grant=r.GRANT_OF_SIGNATURE | 1),), "unsigned_command"),
        ((record(r.GRANT_ACTIVATED, GRANT, THIEF),), "forged_record"),
        ((record(r.GRANT_ACTIVATED, GRANT, None),), "forged_record"),
        ((ACTIVE, record(r.GRANT_REVOKED, g.Revocation(MINE, 7, 2), THIEF)), "forged_record"),
        ((ACTIVE, record(r.GRANT_REVOKED, g.Revocation(MINE, 7, 2)), order(grant=7)), "grant_revoked"),
        ((ACTIVE, record(r.GRANT_ACTIVATED, GRANT._replace(scope=1))), "grant_number_used"),
        ((ACTIVE, order(grant=7, lots=6)), "order_too_large"),
        ((ACTIVE, order(grant=7, at=OPTION)), "instrument_not_granted"),
        ((OF_OPTIONS, order(), c.amend(MINE, 1, size_lots=2, grant=7)), "instrument_not_granted"),
        ((ACTIVE, c.time(NOW_MS + 66_000), order(grant=7)), "grant_expired"),
        ((record(r.GRANT_ACTIVATED, GRANT._replace(scope=1)), c.cancel(MINE, 1, grant=7)), "out_of_scope"),
        ((signed(order(), signer=THIEF),), "forged_record"),
        ((signed(order()), signed(order())), "replayed_frame"),
        ((record(r.GRANT_SIGNED, frame(order())) + order(lots=4, grant=1 << 31 | 1),), "other_commands"),
        ((record(r.GRANT_SIGNED, frame(order())), order()), "other_commands"),
        ((signed(order()) + order(grant=1 << 31 | 1),), "other_commands"),
        ((c.time(NOW_MS + 40_000), signed(order())), "late_frame"),
        ((c.grant(MINE, 7, r.GRANT_ACTIVATED, b"nothing"),), "malformed_record"),
        ((ACTIVE[:12] + (8).to_bytes(4, "little") + ACTIVE[16:],), "malformed_record"),
    ],
    ids=range(21),
)
def test_what_was_not_authorised_is_named(batches: tuple[bytes, ...], code: str) -> None:
    assert code in codes(*batches)


def test_signatures_of_another_contract_count_for_nothing() -> None:
    assert "malformed_record" in codes(ACTIVE, domain=Domain(1, bytes(20)))
