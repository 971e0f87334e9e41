"""`strikebook evidence`: a receipt held against what was posted, and the bond taken where they contradict."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from exchange.attest.signed_heads import SignedHead
from settlement.l1.ethereum import Ethereum, Reverted
from settlement.l1.judging import Judges
from settlement.l1.port import L1Error, L1Rejected
from settlement.watch import leaves
from settlement.watch.challenge import Challenger, secret_of
from settlement.watch.connect import KEY_HELP, SetupError, add_arguments, connect, has_key, key_of_user
from settlement.watch.heads import head_in
from settlement.watch.patience import Clock, Patience
from settlement.watch.progress import Progress
from settlement.watch.receipts import L1_SILENT, NOT_BEGUN, UNDECIDED, Case, Decided
from settlement.watch.sending import Wallet

MAX_FILE_BYTES: Final = 16 << 20
LOOK_S: Final = 5.0
EPILOG: Final = f"""\
A receipt: a fill's proof (strikebook proof), the reply of private/strikebook_get_receipt, or its bytes.
Two that contradict each other need nothing more. One is held against the posted batch that has its number:
all its heads are wanted, from the venue (--venue) or a copy of its chain.log (--chain-log). Where nobody
shows the right ones, --ask asks the operator on the L1, at a stake that comes back if there is no answer.

With a key what is proven is sent; without one it is only told. {KEY_HELP}

exit status: 0 what was signed was posted; 1 it was contradicted (and proven, with a key); 2 it could not
begin; 3 not decided: not posted yet, or nobody shows the heads; 4 the L1 does not answer, or refuses.
"""


class _Receipt(msgspec.Struct):
    receipt: str


class _Document(msgspec.Struct):
    receipt: _Receipt


def signed_in(raw: bytes) -> SignedHead:
    """The signed head of a file: a fill's proof, a receipt's reply, or bytes. Raises ValueError."""
    if raw.lstrip()[:1] == b"{":
        try:
            found = msgspec.json.decode(raw, type=_Document).receipt
        except msgspec.MsgspecError:
            found = msgspec.json.decode(raw, type=_Receipt)
        raw = found.receipt.encode()
    return head_in(raw)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="strikebook evidence", description="Hold a receipt against what was posted.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("receipts", nargs="+", type=Path, metavar="RECEIPT", help="files, see below")
    add_arguments(parser)
    add("--venue", metavar="URL", help="ask it for the heads of the batch")
    add("--chain-log", type=Path, metavar="FILE", help="a venue's chain.log, or a copy of it")
    add("--ask", action="store_true", help="ask the operator on the L1, at a stake")
    add("--wait", action="store_true", help="go on until it is decided")
    add("--patience", type=float, default=120.0, metavar="S", help="how long to wait for the L1")
    return parser.parse_args(argv)


def run(options: argparse.Namespace, clock: Clock) -> None:
    """Raises Decided, SetupError, L1Error."""
    heads = [_read(path) for path in options.receipts]
    sources = [leaves.of_log(options.chain_log)] if options.chain_log else []
    try:
        sources += [leaves.of_venue(options.venue)] if options.venue else []
    except ValueError as error:
        raise SetupError(f"--venue: {error}") from error
    patience = Patience(clock, options.patience, Progress(clock, sys.stderr).waiting)
    rollup = patience.of(lambda: connect(options)).rollup
    wallet = challenger = None
    if has_key():
        key = key_of_user()
        wallet = Wallet(Ethereum(rollup.ethereum.rpc), key, clock, patience, _tell)
        challenger = Challenger(Judges(rollup), key.address, secret_of(key))
    case = Case(rollup, heads, sources, challenger, may_ask=options.ask)
    patience.of(case.check)
    while True:
        move = patience.of(lambda: case.move(rollup.ethereum.head()))
        _tell(move.text)
        if move.calls and wallet is not None:
            wallet.send(move.calls, options.patience)
        elif options.wait:
            clock.sleep(LOOK_S)
        else:
            raise Decided(UNDECIDED, "to be looked at again then, or now with --wait")


def _read(path: Path) -> SignedHead:
    try:
        with open(path, "rb") as file:
            return signed_in(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} is no receipt: {error}") from error


def _tell(text: str) -> None:
    print(text, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        run(options, Clock())
    except Decided as decided:
        _tell(str(decided))
        return decided.status
    except SetupError as error:
        print(f"strikebook evidence: {error}", file=sys.stderr)
        return NOT_BEGUN
    except (L1Error, L1Rejected, Reverted) as error:
        print(f"strikebook evidence: {error}", file=sys.stderr)
        return L1_SILENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
