"""The command line: ``strikebook proof``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clients.http_calls import HttpCallError
from clients.proofs import documents
from clients.proofs.checking import Proven, check
from clients.proofs.documents import Document, ProofError
from clients.proofs.fetching import Account
from clients.proofs.l1 import Node
from exchange.attest.secp256k1 import recover

PORT_VARIABLE: Final = "STRIKEBOOK_PORT"
PORT_DEFAULT: Final = "8080"

DESCRIPTION: Final = """\
What is proven of a fill: soft (the venue's signature over a chain that has it), posted (a batch's header
commits to it), final (the L1 holds that header for good).

With --trade the proof is fetched from the venue, checked, and kept in a file. With --file a kept one is
checked: nothing but the file is needed, and --l1 asks a node of your own the one thing that is left, whether
the inbox holds the batch.
"""

EPILOG: Final = """\
examples:
  strikebook proof --trade 8123 --client-id … --client-secret … --out fill.json
  strikebook proof --file fill.json --signer 0x…
  strikebook proof --file fill.json --l1 http://127.0.0.1:8545 --inbox 0x…

exit status: 0 what is said holds, 1 it does not or cannot be had, 2 wrong arguments
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    found = argparse.ArgumentParser(
        prog="strikebook proof",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port = os.environ.get(PORT_VARIABLE) or PORT_DEFAULT
    which = found.add_mutually_exclusive_group(required=True)
    which.add_argument("--trade", metavar="ID", help="the trade_id of a fill of yours: ask the venue")
    which.add_argument("--file", type=Path, metavar="FILE", help="a proof that was kept")
    add = found.add_argument
    add("--url", default=f"http://127.0.0.1:{port}", help="the venue (%(default)s)")
    add("--client-id", default=os.environ.get("STRIKEBOOK_CLIENT_ID", ""), help="of the account's API key")
    add("--client-secret", default=os.environ.get("STRIKEBOOK_CLIENT_SECRET", ""), help="its secret")
    add("--out", type=Path, metavar="FILE", help="keep the proof there (default: fill-ID.json)")
    add("--signer", default="", metavar="0x…", help="whose signature is wanted (default: anybody's, shown)")
    add("--l1", default="", metavar="URL", help="an Ethereum node that is asked whether the batch stands")
    add("--inbox", default="", metavar="0x…", help="settlement's inbox there (default: the proof's own)")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    if options.trade and not (options.client_id and options.client_secret):
        command_line.error("--trade needs --client-id and --client-secret of the account")
    try:
        signer = documents.raw(options.signer, 20) if options.signer else None
        inbox = documents.raw(options.inbox, 20) if options.inbox else None
        document = _document(options)
        proven = check(document, recover, signer)
        lines = [*told(proven), *(_asked(proven, options.l1, inbox) if options.l1 else ())]
    except (ProofError, HttpCallError) as error:
        print(f"strikebook proof: {error.code}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"strikebook proof: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _document(options: argparse.Namespace) -> Document:
    if options.file is not None:
        return documents.read(options.file.read_bytes())
    document = Account(options.url, options.client_id, options.client_secret).fetch(options.trade)
    path = options.out or Path(f"fill-{document.trade_id}.json")
    path.write_bytes(documents.write(document))
    print(f"kept in {path}")
    return document


def told(proven: Proven) -> list[str]:
    """What holds, in words."""
    fill = proven.fill
    lines = [
        f"trade    {fill.trade_id}: instrument {fill.instrument}, taker {fill.taker} "
        f"{'sells' if fill.taker_sells else 'buys'} {fill.size_lots} lots at {fill.price_ticks} ticks, "
        f"maker {fill.maker} (classes {fill.maker_class}, {fill.taker_class})"
    ]
    if proven.soft is not None:
        soft = proven.soft
        lines.append(
            f"soft     proven: 0x{soft.signer.hex()} has signed sequence {soft.seq} "
            f"(chain {soft.signed.domain.chain_id}, contract 0x{soft.signed.domain.contract.hex()})"
        )
    else:
        lines.append("soft     not here: the other side's command made the fill, or it is kept no more")
    if proven.posted is None:
        return [*lines, "posted   not yet"]
    posted = proven.posted
    header = f"header 0x{posted.header_hash.hex()}"
    lines.append(f"posted   proven: batch {posted.batch_id}, {header}, commits to it")
    if proven.l1 is None:
        return [*lines, "final    not yet: the L1 has not taken the batch"]
    l1 = proven.l1
    where = f"transaction {l1.transaction} in block {l1.block} of chain {l1.chain_id}"
    return [*lines, f"final    to be asked of the L1: {where}, inbox {l1.inbox} (--l1 URL)"]


def _asked(proven: Proven, url: str, inbox: bytes | None) -> list[str]:
    """What a node says of it. Raises ProofError `l1` also where the inbox does not have what was promised."""
    if proven.posted is None or proven.l1 is None:
        raise ProofError("l1", "the proof names no batch on the L1 yet")
    node = Node(url, inbox or documents.raw(proven.l1.inbox, 20))
    if proven.soft is not None and node.sequencer() != proven.soft.signer:
        raise ProofError("signer", "the inbox takes another sequencer's signatures")
    if node.holds(proven.posted, proven.l1, final=True):
        return ["L1       the inbox holds the batch, and as final"]
    if node.holds(proven.posted, proven.l1, final=False):
        return ["L1       the inbox holds the batch; its window has not passed"]
    raise ProofError("l1", "the inbox does not hold this batch")


if __name__ == "__main__":
    sys.exit(main())
