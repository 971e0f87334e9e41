"""A venue that settles on a chain with contracts: deposited, traded, killed, withdrawn, final, paid out, and
all of it derived again from the chain alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

from settlement.devnet import accounts
from settlement.hashing import keccak
from settlement.l1.blobs import Kzg
from settlement.l1.ethereum import Ethereum
from settlement.l1.feed import Arrived, Feed
from settlement.l1.rollup import Addresses, Queues, Rollup
from settlement.l1.rpc import HttpRpc
from settlement.node.deploying import DEVELOPMENT
from settlement.node.paying import FINALISE_S
from settlement.node.places import Places
from settlement.node.store import reader
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation
from settlement.status import Status, read_status
from settlement.stf.header import unpack_header
from settlement.stf.leaves import read_withdrawal
from settlement.stf.state import WITHDRAWAL_PAID
from tests.e2e.proofs import fill_is_final
from tests.e2e.test_restart import PERPETUAL, User, children
from tests.e2e.test_withdrawals import state_of
from tests.e2e.venue import Venue, wait_until

OPTIONS = ("--settlement", "2", "--batch-seconds", "0.2")


OWNER = accounts.key(6)


class Owner(User):
    """A user with a key on the L1."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        owner = "0x" + OWNER.address.hex()
        self.key = venue.call("public/strikebook_sign_up", name="owner", owner=owner)
        self.account = self.key["account"]
        wait_until(lambda: self.summary()["balance"], "the faucet's deposit")


class Chain:
    """The venue's L1, asked from outside."""

    def __init__(self, data: Path) -> None:
        self.places = Places(data)
        self.rpc = HttpRpc(self.places.address().url)
        self.rollup = Rollup(Ethereum(self.rpc), Addresses.unpack(self.places.contracts.read_bytes()))

    def close(self) -> None:
        self.rpc.close()

    def status(self) -> Status:
        found = read_status(self.places.status)
        assert found is not None
        assert found.alarm_code == "", found.alarm
        return found

    def balance_micro(self) -> int:
        """The owner's test tokens."""
        token = self.rollup.addresses.token
        return int(self.rollup.ask(token, None, "balanceOf(address)", "uint256", OWNER.address)[0])

    def let_windows_pass(self) -> None:
        """What is posted can be called final."""
        self.rpc.call("devnet_increaseTime", DEVELOPMENT.challenge_s + FINALISE_S)
        self.rpc.call("devnet_mine")

    def takes_in_the_request(self) -> bool:
        """Whether a confirmed batch has answered the first forced request."""
        confirmed = self.status().confirmed_batch_id
        with closing(reader(self.places.database)) as database:
            query = "SELECT header FROM batch WHERE id = ?"
            return unpack_header(database.execute(query, (confirmed,)).fetchone()[0]).forced_through == 1

    def paid_in_a_confirmed_batch(self, withdrawal_id: int) -> bool:
        """Whether the withdrawal's last leaf says so."""
        with closing(reader(self.places.database)) as database:
            query = "SELECT batch_id, preimage FROM change WHERE ident = ? ORDER BY batch_id DESC"
            batch_id, preimage = database.execute(query, (withdrawal_id,)).fetchone()
        is_paid = read_withdrawal(preimage).status == WITHDRAWAL_PAID
        return is_paid and batch_id <= self.status().confirmed_batch_id

    def derived(self) -> Derivation:
        """The state that the chain's data lead to, judged by all a stranger can judge."""
        feed = Feed(self.rollup, Kzg())
        found = Derivation(Codec5(), Queues(self.rollup, self.rollup.ethereum.head()))
        while items := feed.poll():
            for item in items:
                if isinstance(item, Arrived):
                    assert item.header is not None, item.missing
                    found.take(item.header, item.payload, with_trace=False)
        return found


def child(venue: Venue, module: bytes) -> int:
    """The process id of a child."""

    def found() -> int:
        running = {n: Path(f"/proc/{n}/cmdline").read_bytes() for n in children(venue.pid)}
        return next((n for n, line in running.items() if module in line), 0)

    return int(wait_until(found, f"{module.decode()} to run"))


def traded(seller: User, buyer: User) -> None:
    """A fill between them."""
    mark = seller.venue.call("public/ticker", instrument_name=PERPETUAL)["mark_price"]
    seller.sell(float(round(mark)), "given")
    assert buyer.buy(float(round(mark)), "taken")["filled_amount"] == 0.01


def test_a_venue_settles_on_a_chain_through_kills_of_everybody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ExitStack() as chains, Venue(data, *OPTIONS) as venue:
        venue.wait_open()
        chain = chains.enter_context(closing(Chain(data)))
        contracts = chain.places.contracts.read_bytes()
        one, two = Owner(venue), User(venue, "two")
        traded(one, two)
        first = one.call("private/withdraw", currency="USDC", amount=100)
        wait_until(lambda: state_of(one, first["id"]) == "completed", "the withdrawal in a confirmed batch")
        # Everybody at once, and the venue starts again on what is there.
        os.kill(child(venue, b"settlement.node"), signal.SIGKILL)
        venue.kill()
        venue.start()
        venue.wait_open()
        chain = chains.enter_context(closing(Chain(data)))
        assert chain.places.contracts.read_bytes() == contracts
        assert chain.status().format == 2
        # Its L1 and its settlement alone: both come back, the chain at its address.
        os.kill(child(venue, b"settlement.devnet"), signal.SIGKILL)
        os.kill(child(venue, b"settlement.node"), signal.SIGKILL)
        traded(two, one)
        second = one.call("private/withdraw", currency="USDC", amount=23.5)
        wait_until(lambda: state_of(one, second["id"]) == "completed", "a withdrawal behind the kills", 60)
        wait_until(lambda: chain.paid_in_a_confirmed_batch(second["id"]), "its end on the chain")
        last = chain.status().confirmed_seq
        assert chain.balance_micro() == 0, "nothing leaves the bridge out of a state that is not final"
        chain.let_windows_pass()
        wait_until(lambda: chain.status().final_seq >= last, "what was confirmed to be final")
        for user in (one, two):
            fill_is_final(venue, user, chain.places.address().url, by_taker=user is one)
        wait_until(lambda: chain.balance_micro() == 123_500_000, "the bridge's payments")
        # Past the operator: asked for on the L1, with a proof out of the chain's own data.
        before = one.summary()["balance"]
        forced = ["force", "--data", str(data), "--account", str(one.account), "--amount", "7.25"]
        secret = {"STRIKEBOOK_L1_KEY": keccak(b"strikebook.devnet.account\6").hex()}
        command = [sys.executable, "-m", "settlement.watch", "exit", *forced]
        subprocess.run(command, env={**os.environ, **secret}, check=True, capture_output=True)
        wait_until(lambda: one.summary()["balance"] == before - 7.25, "the forced request to be answered")
        wait_until(chain.takes_in_the_request, "the answer in a confirmed batch")
        chain.let_windows_pass()
        wait_until(lambda: chain.balance_micro() == 130_750_000, "what was forced to be paid")
        batch = chain.status().batches[0]
        assert batch.gas > 21_000
        assert batch.layer == "calldata"
        cash = {user.account: user.summary()["balance"] for user in (one, two)}
        found = chain.derived()
        assert venue.interrupt() == 0
    told = {number: found.state.account(number).cash_micro for number in cash}
    assert told == {number: round(amount * 1_000_000) for number, amount in cash.items()}
