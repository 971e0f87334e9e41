"""`strikebook exit`: out of the venue with nothing but a node and one's own key."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from settlement.l1.ethereum import Ethereum, Head, Reverted
from settlement.l1.hexes import HexError, read_data
from settlement.l1.leaving import FinalState, Leaving
from settlement.l1.port import L1Error, L1Rejected, L1Unavailable
from settlement.l1.rollup import Rollup
from settlement.watch.challenge import Move
from settlement.watch.connect import KEY_HELP, SetupError, add_arguments, connect, has_key, key_of_user
from settlement.watch.leaver import Leaver, NotPossible, accounts_of, equity_micro, moment, slots_of
from settlement.watch.patience import Clock, Patience
from settlement.watch.progress import Progress
from settlement.watch.replica import Replica
from settlement.watch.sending import Wallet
from settlement.watch.standing import NotFinal, final_state
from settlement.watch.store import WatchStore, WatchStoreError

DONE, REFUSED, NOT_BEGUN, DATA_MISSING, L1_SILENT = range(5)
LOOK_S: Final = 5.0
EPILOG: Final = f"""\
  status     what is yours in the last final state, and what you can do now
  withdraw   have every final withdrawal of yours paid by the bridge
  force      ask for a withdrawal that the operator must take in, or can post no more
  escape     when the operator is silent: open the escape, show marks, count your accounts, take your part;
             does what can be done now and says what to wait for (--wait goes on by itself)

The last final state is rebuilt from the L1's data; nothing is asked of the venue.
{KEY_HELP}
status needs no key: name yourself with --owner 0x….

exit status: 0 done, or nothing to do; 1 refused (why is told); 2 it could not begin; 3 the last final state
can not be rebuilt; 4 the L1 does not answer, or takes no transaction.
"""


class Exit:
    """One run for one owner."""

    def __init__(
        self, rollup: Rollup, replica: Replica, owner: bytes, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self.owner = owner
        self.rollup = rollup
        self.leaving = Leaving(rollup)
        self._replica = replica
        self._patience = patience
        self._tell = tell

    def head(self) -> Head:
        """The newest block."""
        return self._patience.of(self.rollup.ethereum.head)

    def final(self) -> FinalState:
        """The last final state. Raises NotFinal, L1Error."""
        head = self.head()
        return self._patience.of(lambda: final_state(self._replica, head))

    def leaver(self) -> Leaver:
        """The moves there are. Raises NotFinal, L1Error."""
        return Leaver(self.leaving, self.final(), self.owner)

    def due(self) -> Move | None:
        """Calling batches final whose window has passed; None: there are none."""
        head = self.head()
        inbox = self.rollup.inbox(head)
        if inbox.final_id == inbox.batch_id or inbox.is_frozen:
            return None
        at, kinds = self.rollup.addresses.inbox, "uint256,uint256"
        _, final_s = self.rollup.ask(at, head, "times_of(uint256)", kinds, inbox.final_id + 1)
        if final_s > head.time_s:
            return None
        return Move((self.rollup.finalise(),), "calling batches final whose window has passed")

    def status(self) -> None:
        """Tell what is there."""
        final, head = self.final(), self.head()
        state = final.commitment.state
        batch = final.header.batch_id if final.header else 0
        posted = self.rollup.inbox(head).batch_id
        self._tell(f"owner 0x{self.owner.hex()}, last final batch {batch} of {posted}")
        accounts = accounts_of(state, self.owner)
        if not accounts:
            self._tell("no account of this owner is in the last final state")
        for number in accounts:
            cash, equity = state.accounts[number].cash_micro, equity_micro(state, number)
            held = state.accounts[number].open_positions
            worth = f"worth {usdc(equity)} at the marks"
            self._tell(f"account {number}: cash {usdc(cash)}, {held} positions, {worth}")
        for slot in slots_of(state, self.owner):
            one = state.withdrawals[slot]
            paid = "paid" if self.leaving.is_paid(slot, head) else "to be paid: strikebook exit withdraw"
            self._tell(f"withdrawal {one.ident} of account {one.account}: {usdc(one.amount_micro)}, {paid}")
        stands = self.leaving.escape(head)
        if stands.is_closed:
            self._tell("the escape is paying out: strikebook exit escape")
        elif stands.claims_until_s:
            self._tell(f"the escape takes claims until {moment(stands.claims_until_s)}")
        else:
            silent = stands.last_final_s + stands.silence_s
            is_due = head.time_s > silent
            when = "can be opened" if is_due else f"opens {moment(silent)}"
            self._tell(f"the escape {when}, unless a batch becomes final")


def usdc(micro: int) -> str:
    """An amount for people."""
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{micro // 1_000_000:,}.{micro % 1_000_000:06d} USDC"


def micro_of(text: str) -> int:
    """An amount of USDC as micro-USDC, exactly. Raises argparse.ArgumentTypeError."""
    try:
        micro = Decimal(text) * 10**6
        if micro != int(micro) or not 0 < micro < 1 << 63:
            raise InvalidOperation
    except (InvalidOperation, ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of USDC (like 12.5, six decimals)") from None
    return int(micro)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="strikebook exit", description="Leave the venue, with nothing but a node and your key.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("what", choices=("status", "withdraw", "force", "escape"), help="see below")
    add_arguments(parser)
    add("--account", type=int, metavar="N", help="force: the account")
    add("--amount", type=micro_of, metavar="USDC", help="force: how much")
    add("--owner", metavar="0x…", help="status: whose (default: the key's)")
    add("--everybody", action="store_true", help="escape: count the accounts of others too, debtors first")
    add("--wait", action="store_true", help="escape: go on until everything is paid")
    add("--dry-run", action="store_true", help="try on the node what would be sent, and send nothing")
    add("--store", type=Path, metavar="FILE", help="keep what was read, and go on there next time")
    add("--patience", type=float, default=120.0, metavar="S", help="how long to wait for the L1")
    options = parser.parse_args(argv)
    if options.what == "force" and (options.account is None or options.amount is None):
        parser.error("force needs --account N and --amount USDC")
    return options


class _Run:
    """The moves of one command, one after another."""

    def __init__(self, options: argparse.Namespace, leave: Exit, wallet: Wallet, clock: Clock) -> None:
        self._options = options
        self._exit = leave
        self._wallet = wallet
        self._clock = clock

    def all(self) -> None:
        """Make the moves there are. Raises NotPossible, NotFinal, L1Error."""
        due = self._exit.due()
        if due is not None:
            self._make(due)
        if self._options.what == "force":
            self._make(self._exit.leaver().force(self._options.account, self._options.amount))
            bound = self._exit.leaving.forced_s()
            _tell(f"the operator must take it in within {timedelta(seconds=bound)}, else he can post nothing")
            _tell("more and the escape opens; when its batch is final: strikebook exit withdraw")
            return
        while True:
            move = self._next()
            if not move.calls:
                _tell(move.text)
                if not self._options.wait or move.text.startswith("everything"):
                    return
                self._clock.sleep(LOOK_S)
                continue
            self._make(move)
            if self._options.dry_run:
                return

    def _next(self) -> Move:
        leaver, head = self._exit.leaver(), self._exit.head()
        if self._options.what == "withdraw":
            return leaver.withdraw(head)
        return leaver.escape(head, everybody=self._options.everybody)

    def _make(self, move: Move) -> None:
        _tell(move.text)
        for call in move.calls:
            tried = self._wallet.attempt(call)
            if self._options.dry_run:
                wei = tried.gas * tried.gas_wei
                cost = f"{tried.gas:,} gas, about {wei / 10**18:.6f} ether"
                _tell(f"  would be sent to 0x{call.to.hex()}: {cost}")
            else:
                self._wallet.send([call], self._options.patience)


def run(options: argparse.Namespace, clock: Clock) -> None:
    """Raises SetupError, NotPossible, NotFinal, L1Error, WatchStoreError."""
    progress = Progress(clock, sys.stderr)
    patience = Patience(clock, options.patience, progress.waiting)
    if options.what == "status" and not (options.owner or has_key()):
        raise SetupError(f"whose? Name yourself with --owner 0x…, or by your key.\n{KEY_HELP}")
    key = None if options.what == "status" and options.owner else key_of_user()
    owner = key.address if key else address_of(options.owner)
    connection = patience.of(lambda: connect(options))
    rollup = connection.rollup
    store = WatchStore(options.store or ":memory:", rollup.addresses.chain_id, rollup.addresses.inbox)
    try:
        replica = Replica(rollup, store, connection.feed_from)
        leave = Exit(rollup, replica, owner, patience, _tell)
        if key is None or options.what == "status":
            leave.status()
            return
        wallet = Wallet(Ethereum(rollup.ethereum.rpc), key, clock, patience, _tell)
        _Run(options, leave, wallet, clock).all()
        replica.snapshot()
    finally:
        store.close()


def address_of(text: str) -> bytes:
    """An address. Raises SetupError."""
    try:
        return read_data(text, 20)
    except HexError as error:
        raise SetupError(f"--owner: {error}; an address is 0x and 40 hexadecimal digits") from error


def _tell(text: str) -> None:
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """`strikebook exit`: the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        run(options, Clock())
    except (SetupError, WatchStoreError) as error:
        return _failed(str(error), NOT_BEGUN)
    except NotFinal as error:
        return _failed(str(error), DATA_MISSING)
    except NotPossible as error:
        return _failed(str(error), REFUSED)
    except Reverted as error:
        return _failed(f"the contract refuses: {error} (docs/contracts.md has the codes)", REFUSED)
    except L1Rejected as error:
        return _failed(str(error), REFUSED)
    except (L1Unavailable, L1Error) as error:
        return _failed(f"the L1: {error}", L1_SILENT)
    except KeyboardInterrupt:
        return _failed("stopped; what was sent stays sent: the same command goes on from there", 130)
    return DONE


def _failed(text: str, status: int) -> int:
    print(f"strikebook exit: {text}", file=sys.stderr)
    return status
