"""The attestor: follows the segments, keeps the chain, signs its heads, groups them into blocks.

One signature covers every commit batch up to its own. What came while one was made shares the next, so that
load makes batches a signature, not signatures a second. At most `LINKS` batches lie between two signatures:
that bounds a receipt.

Nothing of an acknowledgement waits for any of this; what it has not done when the machine stops it does at
the next start, out of the segments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from exchange.app.attesting.batches import Batch, BatchSource, Chained
from exchange.app.attesting.files import CommandChain, block_log, signed_log
from exchange.app.attesting.guard import Guard, GuardError
from exchange.attest import chain
from exchange.attest.eip712 import Domain, domain_separator
from exchange.attest.heads import Head, HeadBlock, heads_root
from exchange.attest.signed_heads import SignedHead, head_digest
from exchange.edge.batch_root import batch_leaves, leaves_root
from exchange.journal import ChainLog, Cursor, Kind, Storage, scan
from exchange.journal.chainlog import COMMAND_LOG
from exchange.journal.segments import list_segments

CONSUMER: Final = "attestor"
LINKS: Final = 256
BLOCK_MS: Final = 250


class Signer(Protocol):
    """Whoever has the key (`exchange.attest.secp256k1.Signer`)."""

    def sign(self, digest: bytes) -> bytes:
        """r ‖ s ‖ v of a 32-byte digest."""


class Attestor:
    """Keeps the chain of one shard. `step` does what there is to do; all of it on one thread.

    Raises:
        CorruptRecord: the chain's files are damaged behind their last good entry in a way no crash makes.
        StorageError: from the device.
    """

    def __init__(
        self, storage: Storage, signer: Signer, guard: Guard, domain: Domain, shard: int = 0
    ) -> None:
        self.domain = domain
        self.shard = shard
        self._storage = storage
        self._signer = signer
        self._guard = guard
        self._separator = domain_separator(domain)
        self.heads = _opened(ChainLog(storage, chain, shard))
        self.log = self._command_log()
        self.signed = signed_log(storage)
        self._newest = self.signed[len(self.signed) - 1] if len(self.signed) else None
        self.blocks = block_log(storage)
        self._cursor = Cursor(storage, CONSUMER, shard)
        self.source = BatchSource(storage, shard, self.heads.next_seq)
        self._root = bytes(chain.HASH_BYTES)  # of the newest batch
        self._unsigned = 0  # batches since the last signature
        self._agreed = False  # the chain has been held against the guard
        self._block_first = self._unblocked()
        self._block_heads: list[Head] = [
            (entry.next_seq - 1, entry.head) for entry in self.heads.entries(self._block_first)
        ]
        self._block_at_ms = 0
        self.recent: list[Chained] = []
        """The batches of the last step."""
        self.recent_signed: list[SignedHead] = []
        """The heads signed in it."""

    @property
    def signed_seq(self) -> int:
        """The highest sequence number that a signature covers; 0 before the first."""
        return self._newest.last_seq if self._newest is not None else 0

    def step(self) -> int:
        """Take what is there into the chain and sign where it ends; how many bytes of events there were.

        Raises:
            GuardError: another chain was signed before: nothing more is.
            RootError: events that do not follow their commands.
            JournalError, OSError: as they come; the process must end.
        """
        self.recent_signed = []
        batches = self.source.poll()
        self.recent = []
        for batch in batches:
            self.recent.append(self._take(batch))
            if self._unsigned >= LINKS:
                self._sign()
        if self._unsigned or not self._agreed:
            self._sign()
        return sum(len(batch.events) for batch in batches)

    def close_block(self, now_ms: int) -> HeadBlock | None:
        """The next block, if it is time and there are signed heads for it."""
        newest = self._newest
        if not self._block_heads or now_ms - self._block_at_ms < BLOCK_MS or newest is None:
            return None
        if newest.last_seq < self._block_heads[-1][0]:
            return None
        number = self.blocks[len(self.blocks) - 1].number + 1 if len(self.blocks) else 1
        root = heads_root(self.shard, self._block_heads)
        block = HeadBlock(number, self._block_first, len(self._block_heads), root, newest)
        self.blocks.append(block)
        self._block_first, self._block_heads, self._block_at_ms = newest.last_seq + 1, [], now_ms
        return block

    def durable(self) -> Callable[[], None]:
        """What makes the files durable as they stand now, and says how far they go: for another thread, while
        this one goes on.

        It raises StorageError, as does calling it.
        """
        files = (self.heads, self.log, self.signed, self.blocks)
        next_seq = max(self._cursor.read(), min(self.heads.next_seq, self._guard.last.last_seq + 1))

        def work() -> None:
            for file in files:
                file.sync()
            self._cursor.write(next_seq)

        return work

    def trim(self) -> None:
        """Forget what recovery needs no more; not while the work of `durable` runs. Raises StorageError."""
        oldest = list_segments(self._storage, Kind.COMMANDS, self.shard)
        if oldest:
            for file in (self.heads, self.log, self.signed, self.blocks):
                file.trim(oldest[0].first_seq)

    def sync(self) -> None:
        """Both, here and now. Raises StorageError."""
        self.durable()()
        self.trim()

    def _take(self, batch: Batch) -> Chained:
        before = self.heads.head
        seq = chain.shard_seq(self.shard, batch.first_seq)
        leaves = batch_leaves(batch.commands, batch.events, seq)
        self._root = leaves_root(leaves)
        head = self.heads.append(batch.first_seq, batch.command_count, self._root)
        self._log_commands(batch.first_seq, batch.command_count, batch.commands)
        self._block_heads.append((batch.next_seq - 1, head))
        self._unsigned += 1
        return Chained(batch, leaves, self._root, before)

    def _sign(self) -> None:
        """Sign where the chain ends, once it is known that it is the chain that was signed before."""
        if self._agreed:
            self._sign_head(self.heads.next_seq - 1, self.heads.head, self._root)
        elif self._agrees():
            self._sign_stored()
        self._unsigned = 0

    def _sign_head(self, last_seq: int, head: bytes, root: bytes) -> None:
        if last_seq <= self._guard.floor:
            return  # the machine stopped: what was signed up to there is not known
        self._guard.admit(last_seq, head, root)
        plain = SignedHead(self.domain, self.shard, last_seq, head, root)
        signature = self._signer.sign(head_digest(self._separator, plain))
        head_signed = plain._replace(signature=signature)
        self.signed.append(head_signed)
        self.recent_signed.append(head_signed)
        self._newest = head_signed

    def _sign_stored(self) -> None:
        """Sign what the chain log holds behind the last signature, as it would have been signed."""
        self._agreed = True
        unsigned = 0
        guarded = self._guard.last.last_seq
        for entry in self.heads.entries(self.signed_seq + 1):
            unsigned += 1
            last_seq = entry.next_seq - 1
            is_end = entry.next_seq == self.heads.next_seq
            if last_seq >= guarded and last_seq > self.signed_seq and (unsigned >= LINKS or is_end):
                self._sign_head(last_seq, entry.head, entry.root)
                unsigned = 0

    def _agrees(self) -> bool:
        """Whether the chain has come to what the guard says was signed; it must agree with it then."""
        last = self._guard.last
        if self.heads.next_seq <= last.last_seq:
            return False
        if last.last_seq and self.heads.head_before(last.last_seq + 1) != last.head:
            raise GuardError(
                f"after sequence {last.last_seq} the head {last.head.hex()} was signed, and the journal's is "
                "another: this is not the journal of that chain"
            )
        return True

    def _command_log(self) -> ChainLog:
        """`log.chain`, brought to where the chain is."""
        segments = list_segments(self._storage, Kind.COMMANDS, self.shard)
        begin = segments[0].first_seq if segments else 1
        log = _opened(
            ChainLog(self._storage, CommandChain(), self.shard, name=COMMAND_LOG, begin_seq=begin)
        )
        self.log = log
        if log.next_seq < self.heads.next_seq:
            for frame in scan(self._storage, Kind.COMMANDS, self.shard, log.next_seq):
                if frame.first_seq >= self.heads.next_seq:
                    break
                self._log_commands(frame.first_seq, frame.command_count, frame.payload)
        return log

    def _log_commands(self, first_seq: int, count: int, commands: bytes) -> None:
        if first_seq >= self.log.next_seq:
            root = CommandChain.batch_root(self.shard, first_seq, commands, b"")
            self.log.append(first_seq, count, root)

    def _unblocked(self) -> int:
        """The first sequence number that is in no block yet."""
        if len(self.blocks):
            return max(self.blocks[len(self.blocks) - 1].signed.last_seq + 1, self.heads.first_seq)
        return self.heads.first_seq


def _opened(log: ChainLog) -> ChainLog:
    if log.cut is not None:
        log.repair()
    return log
