"""A step's witness as the contracts take it: packed, because on a chain every byte costs.

docs/contracts.md says where what stands; `machine.vy` reads it. Of two accounts the proofs are joined: each
up to where their paths meet, then one.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import DEPTH, EMPTY
from settlement.stf import leaves
from settlement.stf import steps as s
from settlement.stf.sections import NO_CLASS
from settlement.stf.steps import Step
from settlement.stf.witness import AccountOpening, LeafOpening, Running, Witness
from settlement.trees.sparse import Proof

RunningRoots = tuple[bytes, bytes, bytes, int]
FeeAccount = tuple[tuple[int, ...], int, tuple[bytes, ...]]

FIELDS_MOST: Final = 2_560
PAGE_LIST_MOST: Final = 2_048
"""What the usual contracts of steps take (bounds.vy): 32 pages an account."""
_ACCOUNT: Final = struct.Struct(">BHBI")
_LEAF: Final = struct.Struct(">BI")
_ENTRY_BYTES: Final = 64
_WORD_BYTES: Final = 32

# Sections a kind opens, in the order in which its contract reads them. Of all others the hash is enough.
_OPENED: Final[dict[int, tuple[int, ...]]] = {
    s.INDEX: (leaves.UNDERLYINGS,),
    s.FILL: (leaves.FEES, leaves.UNDERLYINGS),
    s.DEPOSIT: (leaves.MONEY,),
    s.HELD: (leaves.MONEY,),
    s.FORCED: (leaves.MONEY,),
    s.LISTING: (leaves.UNDERLYINGS,),
    s.UNDERLYING: (leaves.UNDERLYINGS,),
    s.FEES: (leaves.FEES,),
    s.RISK: (leaves.UNDERLYINGS,),
    s.DISCOUNT: (leaves.FEES,),
    s.LIQUIDATION_FEE: (leaves.UNDERLYINGS, leaves.SLICE),
    s.MOVED: (leaves.PASSAGE,),
    s.TOPPED: (leaves.PASSAGE,),
    s.TAKEN: (leaves.PASSAGE,),
    s.MOVING_ENDED: (leaves.PASSAGE,),
    s.DEFICIT: (leaves.SHARING,),
    s.SHARE: (leaves.SHARING,),
    s.LOSS_ENDED: (leaves.SHARING,),
    s.RECLASS: (leaves.DICTIONARIES,),
}
_LISTS: Final = frozenset((leaves.FEES, leaves.UNDERLYINGS))
_SECTION_BYTES: Final = {leaves.MONEY: 64, leaves.SHARING: 32, leaves.PASSAGE: 96, leaves.SLICE: 32}


class Progress(NamedTuple):
    """Where the execution of a chunk stands, as the contracts have it."""

    done: int
    code: int
    chain: bytes
    state: RunningRoots


class Packed(NamedTuple):
    """What a contract of steps takes beside the progress."""

    step: int
    more: int
    fields: bytes
    first_pages: bytes
    second_pages: bytes
    siblings: tuple[bytes, ...]

    @property
    def is_wide(self) -> bool:
        """Whether it takes the wide contract of the step, by its own `step`: `Runner` has usual bounds."""
        pages = max(len(self.first_pages), len(self.second_pages))
        return len(self.fields) > FIELDS_MOST or pages > PAGE_LIST_MOST


def running(before: Running) -> RunningRoots:
    """The running state of a dispute: three roots and the chunk's fees so far."""
    return (
        before.accounts_root,
        before.instruments_root,
        keccak(b"".join(before.sections)),
        before.fees_micro,
    )


def start(before: Running) -> Progress:
    """The progress before a chunk's first step."""
    return Progress(0, 0, ZERO_HASH, running(before))


def fee_account(end: Witness) -> FeeAccount:
    """The opening of a chunk's end (`Witnessing.of_end`) as `Dispute.finish` takes it."""
    if not end.accounts:
        return (0, 0, 0, 0), 0, ()
    opening = end.accounts[0]
    image = opening.preimage or leaves.BLANK_ACCOUNT
    words = tuple(int.from_bytes(image[at : at + 32], "big") for at in range(0, len(image), 32))
    return words, opening.proof.bitmap, opening.proof.siblings


def pack(step: Step, witness: Witness) -> Packed:
    """The witness of a step, packed."""
    record = step.pack()
    proofs = _joined(witness.accounts)
    siblings = [sibling for proof in proofs for sibling in proof.siblings]
    if len(proofs) == 2:  # what is above where they meet is the first one's and stands last
        siblings = [*proofs[0].siblings, *proofs[1].siblings, *_above(witness.accounts)]
    fields: list[bytes] = []
    for opening, proof in zip(witness.accounts, proofs, strict=True):
        fields.append(_account(opening, proof.bitmap, step))
    instrument = [] if witness.instrument is None else [witness.instrument]
    for leaf in instrument:
        fields.append(_leaf(leaf, leaves.INSTRUMENT_BYTES))
        siblings += leaf.proof.siblings
    fields += _sections(step, witness)
    for leaf in () if witness.withdrawal is None else (witness.withdrawal,):
        fields.append(_leaf(leaf, _ENTRY_BYTES))
        siblings += leaf.proof.siblings
    for entry, proof in _one_by_one(step, witness.entries):
        fields.append(proof.bitmap.to_bytes(4, "big") + entry.preimage)
        siblings += proof.siblings
    if step.kind == s.LISTING:
        fields.append(step.payload)
    pages = [*(_pages(opening, step) for opening in witness.accounts), b"", b""]
    first, more = int.from_bytes(record[:32], "big"), int.from_bytes(record[32:], "big")
    return Packed(first, more, b"".join(fields), pages[0], pages[1], tuple(siblings))


def _meet(accounts: tuple[AccountOpening, ...]) -> int:
    return (accounts[0].number ^ accounts[1].number).bit_length() - 1


def _joined(accounts: tuple[AccountOpening, ...]) -> list[Proof]:
    """Bitmaps and siblings up to where two paths meet; the first bitmap keeps what is above."""
    if len(accounts) != 2:
        return [opening.proof for opening in accounts]
    meet = _meet(accounts)
    below = (1 << meet) - 1
    first, second = (opening.proof for opening in accounts)
    low = first.siblings[: (first.bitmap & below).bit_count()]
    other = second.siblings[: (second.bitmap & below).bit_count()]
    return [Proof(first.bitmap & ~(1 << meet), low), Proof(second.bitmap & below, other)]


def _above(accounts: tuple[AccountOpening, ...]) -> tuple[bytes, ...]:
    proof, meet = accounts[0].proof, _meet(accounts)
    return proof.siblings[(proof.bitmap & ((2 << meet) - 1)).bit_count() :]


def _account(opening: AccountOpening, bitmap: int, step: Step) -> bytes:
    image = opening.preimage or leaves.BLANK_ACCOUNT
    which = step.instrument >> 4
    at = 0
    while at < len(opening.page_list) // _ENTRY_BYTES and _page_number(opening.page_list, at) < which:
        at += 1
    words = opening.page
    head = _ACCOUNT.pack(bool(opening.preimage), at, len(words) // _WORD_BYTES, bitmap)
    return head + image[:64] + image[96:] + words


def _page_number(page_list: bytes, at: int) -> int:
    return int.from_bytes(page_list[at * _ENTRY_BYTES : at * _ENTRY_BYTES + _WORD_BYTES], "big")


def _pages(opening: AccountOpening, step: Step) -> bytes:
    """The page list where the step moves positions, else the root of the positions."""
    if step.kind in (s.FILL, s.HOLDER, s.MOVED):
        return opening.page_list
    root = opening.preimage[64:96]
    return b"" if root == ZERO_HASH else root


def _leaf(opening: LeafOpening, size: int) -> bytes:
    head = _LEAF.pack(bool(opening.preimage), opening.proof.bitmap)
    return head + (opening.preimage or bytes(size))


def _sections(step: Step, witness: Witness) -> list[bytes]:
    opened = _OPENED.get(step.kind, ())
    if step.kind == s.FILL and step.classes & 15 == s.CLASS_LIQUIDATION:
        opened = (*opened, leaves.SLICE)
    if step.kind == s.RESOLVED and step.flags == 0:
        opened = (leaves.MONEY,)
    hashes, words = witness.before.sections, dict(witness.sections)
    told = [n for n, one in enumerate(hashes) if n not in opened and one != ZERO_HASH]
    found = [bytes([sum(1 << n for n in told)]), *(hashes[n] for n in told)]
    for n in opened:
        section = words.get(n, b"")
        if n in _LISTS:
            found.append((len(section) // _WORD_BYTES).to_bytes(2, "big") + section)
        elif n == leaves.DICTIONARIES:
            found.append(max(0, len(section) - _WORD_BYTES).to_bytes(2, "big") + section)
        else:
            found.append(section.ljust(_SECTION_BYTES[n], b"\0"))
    return found


# --- entries of dictionaries ------------------------------------------------------------------------------


def _one_by_one(step: Step, entries: tuple[LeafOpening, ...]) -> list[tuple[LeafOpening, Proof]]:
    """Entries with the proofs they have when those before them have changed, as RECLASS changes them."""
    if not entries:
        return []
    behind = _entries_behind(step, entries)
    paths: list[list[bytes]] = []
    for at, entry in enumerate(entries):
        path = _path(entry.proof)
        for earlier in range(at):
            meet = (entries[earlier].place ^ entry.place).bit_length() - 1
            path[meet] = _node(entries[earlier].place, behind[earlier], paths[earlier], meet)
        paths.append(path)
    return [(entry, _proof(path)) for entry, path in zip(entries, paths, strict=True)]


def _entries_behind(step: Step, entries: tuple[LeafOpening, ...]) -> list[bytes]:
    """The leaves behind the step: taken out and closed up (source), put at the end (target)."""
    has_target = step.instrument & 0xFF != NO_CLASS
    cut = len(entries) - has_target
    behind = [entries[1].preimage, ZERO_HASH] if cut == 2 else [ZERO_HASH] * cut
    return [*behind, (step.first + 1).to_bytes(_WORD_BYTES, "big")] if has_target else behind


def _path(proof: Proof) -> list[bytes]:
    kept = iter(proof.siblings)
    return [next(kept) if proof.bitmap >> level & 1 else EMPTY[level] for level in range(DEPTH)]


def _proof(path: list[bytes]) -> Proof:
    told = [level for level in range(DEPTH) if path[level] != EMPTY[level]]
    return Proof(sum(1 << level for level in told), tuple(path[level] for level in told))


def _node(place: int, leaf: bytes, path: list[bytes], height: int) -> bytes:
    """The node at a height above a leaf."""
    node = leaf
    for level in range(height):
        node = keccak(path[level] + node if place >> level & 1 else node + path[level])
    return node
