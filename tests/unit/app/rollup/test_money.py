"""Money between a venue and the contracts, on a development chain in this process."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exchange.app.rollup.faucet import Faucet
from exchange.app.rollup.money import RollupMoney
from settlement.devnet import accounts
from settlement.l1.ethereum import Ethereum
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.rollup import Addresses, Rollup
from settlement.node.places import Places
from settlement.node.store import NodeStore
from settlement.sqlite import whole
from settlement.status import Status, write_status
from settlement.stf.leaves import withdrawal_preimage
from settlement.stf.state import NO_OWNER, WITHDRAWAL_HELD, Withdrawal
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.l1.rollups import deployed

FAUCET = accounts.key(2)


@pytest.fixture(scope="module")
def chain() -> tuple[Devnet, Rollup]:
    backend = Devnet()
    return backend, deployed(backend)


class Money(RollupMoney):
    """Over a chain in this process."""

    def __init__(self, rollup: Rollup, folder: Path, confirmations: int = 1) -> None:
        super().__init__("http://127.0.0.1:1", rollup.addresses, FAUCET, Places(folder), confirmations)
        self._rollup = rollup
        self._faucet = Faucet(rollup, FAUCET)


def amounts(money: RollupMoney, after: int) -> list[tuple[int, int, int]]:
    return [(one.deposit_id, one.account, one.amount_micro) for one in money.deposits(after)]


def test_deposits_come_in_order_and_deep_enough_and_each_is_made_once(
    chain: tuple[Devnet, Rollup], tmp_path: Path
) -> None:
    backend, rollup = chain
    first = rollup.counts(rollup.ethereum.head())[0]
    money = Money(rollup, tmp_path, confirmations=3)
    for number in range(20):
        money.faucet(64 + number, 1_000 + number)
    money.tick()
    backend.mine()
    money.tick()
    assert amounts(money, first) == [], "one block is not three"
    backend.reorganise(1)
    for _ in range(6):
        money.tick()
        backend.mine()
    money.tick()
    expected = [(first + 1 + n, 64 + n, 1_000 + n) for n in range(20)]
    assert amounts(money, first) == expected
    assert amounts(money, first + 19) == expected[19:]
    assert amounts(money, first + 20) == []
    assert money.requests(0) == []
    with pytest.raises(L1Unavailable, match=f"the L1 has {first + 20}"):
        money.deposits(first + 21)


def test_a_credited_deposit_that_changes_is_noticed(chain: tuple[Devnet, Rollup], tmp_path: Path) -> None:
    backend, rollup = chain
    first = rollup.counts(rollup.ethereum.head())[0]
    money = Money(rollup, tmp_path)
    money.faucet(64, 5)
    money.tick()
    backend.mine()
    money.tick()
    assert len(money.deposits(first)) == 1
    waiting = backend.rig.chain.head.number
    included = backend.rig.chain.included_in(waiting)
    backend.rig.chain.reorganise(1, forget=[one.hash for one in included])
    with pytest.raises(L1Unavailable, match="which was credited"):
        money.tick()


def test_withdrawals_count_as_paid_once_they_stand_in_a_confirmed_batch(tmp_path: Path) -> None:
    places = Places(tmp_path)
    money = Money(Rollup(Ethereum(Devnet().rpc), Addresses(1337, *3 * (bytes(20),))), tmp_path)
    with pytest.raises(L1Unavailable, match="database"):
        money.payout_of(1)
    store = NodeStore(places.database)
    owner = b"\7" * 20
    rows = [(1, 0, 1, Withdrawal(1, 64, WITHDRAWAL_HELD, 50, owner)),
            (2, 1, 2, Withdrawal(2, 65, WITHDRAWAL_HELD, 60, owner)),
            (1, 2, 3, Withdrawal(3, 66, WITHDRAWAL_HELD, 70, NO_OWNER))]  # fmt: skip
    with whole(store._db):
        for batch, slot, ident, leaf in rows:
            store._db.execute(
                "INSERT INTO change VALUES (?, ?, ?, ?)", (batch, slot, ident, withdrawal_preimage(leaf))
            )
    store.close()
    assert money.payout_of(1) is None, "nothing is known to be confirmed"
    told = dict.fromkeys(Status.__struct_fields__, 0) | {
        "format": 2, "confirmed_batch_id": 1, "root": "", "waiting_for": "", "l1_error": "",
        "alarm_code": "", "alarm": "", "batches": [],
    }  # fmt: skip
    write_status(places.status, msgspec.convert(told, Status))
    money._read_status()
    paid = money.payout_of(1)
    assert paid is not None
    assert (paid.account, paid.owner, paid.amount_micro, paid.block) == (64, owner, 50, 0)
    with pytest.raises(L1Rejected, match="not_posted"):
        money.pay(2)
    assert (money.payout_of(2), money.payout_of(3)) == (None, None)
    with pytest.raises(L1Rejected, match="no_owner"):
        money.pay(3)
    money.close()


def test_without_a_key_there_is_no_faucet(chain: tuple[Devnet, Rollup], tmp_path: Path) -> None:
    money = RollupMoney("http://127.0.0.1:1", chain[1].addresses, None, Places(tmp_path), 1)
    with pytest.raises(L1Rejected, match="no_faucet"):
        money.faucet(64, 1)
