"""`python -m settlement.audit --log DIR [--claims FILE]`: re-run a command log, print what is wrong with it.

DIR holds the command segments of one shard, from the first on. FILE is JSON: a list of `{last_seq,
chain_head?, log_root?, heads_root?, classes?}`, hashes in hexadecimal, as posted headers have them; classes:
by trade id those of all fills since the claim before. The exit status is 1 where anything is found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from exchange.attest.eip712 import DEVELOPMENT, Domain
from exchange.attest.secp256k1 import recover
from exchange.journal import DiskStorage, JournalError, Kind, scan
from settlement.audit.authority import Authority
from settlement.audit.rerun import Claim, Rerun


def read_claims(text: str) -> list[Claim]:
    """Claims out of JSON. Raises ValueError for anything else."""
    found = []
    try:
        for said in json.loads(text):
            names = ("chain_head", "log_root", "heads_root")
            head, log, heads = (bytes.fromhex(said.get(name, "")) for name in names)
            classes = said.get("classes")
            fills = None if classes is None else {int(number): int(one) for number, one in classes.items()}
            found.append(Claim(int(said["last_seq"]), head, log, heads, fills))
    except (TypeError, KeyError, AttributeError) as wrong:
        raise ValueError(f"no list of claims: {wrong!r}") from None
    return sorted(found, key=lambda claim: claim.last_seq)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 0 all is as it should be, 1 something is not, 2 it cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m settlement.audit", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="directory of the command segments")
    parser.add_argument("--claims", type=Path, help="what was committed to, JSON")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--chain-id", type=int, default=DEVELOPMENT.chain_id)
    parser.add_argument("--contract", type=bytes.fromhex, default=DEVELOPMENT.contract, help="hexadecimal")
    options = parser.parse_args(argv)
    authority = Authority(Domain(options.chain_id, options.contract), recover)
    try:
        claims = read_claims(options.claims.read_text()) if options.claims else []
        with DiskStorage(options.log) as storage:
            frames = scan(storage, Kind.COMMANDS, options.shard)
            batches = ((frame.first_seq, frame.payload) for frame in frames)
            audited = Rerun(options.shard, claims, authority).run(batches)
    except (OSError, ValueError, JournalError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    for finding in audited.findings:
        print(f"{finding.seq}: {finding.code}: {finding.text}")
    print(f"{audited.last_seq} commands, {len(claims)} claims, {len(audited.findings)} findings")
    print(f"head {audited.head.hex()}\nlog  {audited.log.hex()}")
    return 1 if audited.findings else 0


if __name__ == "__main__":
    sys.exit(main())
