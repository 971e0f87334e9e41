"""The chain: takes transactions, makes blocks, takes blocks back, answers what was and is.

With `block_ms` of 0 every transaction gets a block at once; with None blocks are made only by `mine`. Else
`tick` makes one when it is due: `block_ms` after the last if something waits or the last transaction lacks
confirmations, `idle_block_ms` after it in any case. One instance a file and thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from settlement.devnet import fees
from settlement.devnet.blocks import COINBASE, Block, Included, PlacedLog, sealed, transactions_root
from settlement.devnet.executor import (
    Prices,
    Receipt,
    Refused,
    affordable,
    blob_gas_of,
    check_static,
    execute,
    most_it_costs_wei,
)  # fmt: skip
from settlement.devnet.faults import Faults
from settlement.devnet.pool import Pool, Waiting
from settlement.devnet.store import UNDO_BLOCKS, Store, StoreError, packed_changes
from settlement.devnet.world import Account, Changes, ExecutionError, Surroundings, World, merge
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.blobs import BlobError, Kzg
from settlement.l1.transactions import BLOB, Sidecar, Transaction, TransactionError, decode

MAX_REORG: Final = 64
MAX_MINED_AT_ONCE: Final = 1_024
MAX_RAW_BYTES: Final = 1 << 20
MAX_AHEAD_S: Final = 1 << 32


class Options(NamedTuple):
    """What a chain is made with; durations in milliseconds of the node's clock."""

    chain_id: int = 1337
    block_ms: int | None = 1_000
    idle_block_ms: int = 12_000
    confirmations: int = 3
    gas_limit: int = fees.BLOCK_GAS_LIMIT
    blob_retention_blocks: int = 131_072  # 4,096 epochs
    schedule: fees.BlobSchedule = fees.BPO2


DEFAULTS: Final = Options()


class Chain:
    """See the module."""

    def __init__(
        self,
        path: str | Path,
        now_ms: Callable[[], int],
        kzg: Kzg,
        options: Options = DEFAULTS,
        allocation: Mapping[bytes, int] | None = None,
    ) -> None:
        """Open or begin a chain; `allocation` (wei) counts only when it begins. Raises StoreError."""
        self._now_ms = now_ms
        self._kzg = kzg
        self.options = options
        self.faults = Faults()
        self._store = Store(path)
        if self._store.head() is None:
            self._begin(allocation or {})
        if self._store.meta("chain_id") != options.chain_id.to_bytes(8, "big"):
            raise StoreError(f"{path} is another chain than {options.chain_id}")
        self._reload()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _begin(self, allocation: Mapping[bytes, int]) -> None:
        accounts = {a: (None, Account(0, wei)) for a, wei in sorted(allocation.items())}
        changes = Changes(dict(accounts), {}, {})
        now_ms = self._now_ms()
        root = keccak(ZERO_HASH + packed_changes(changes))
        block = Block(
            0, b"", ZERO_HASH, now_ms // 1000, now_ms, 0, fees.INITIAL_BASE_FEE_WEI, 0, 0, ZERO_HASH,
            ZERO_HASH, root,
        )  # fmt: skip
        with self._store.writing():
            self._store.set_meta("chain_id", self.options.chain_id.to_bytes(8, "big"))
            self._store.add_block(sealed(block), (), changes)

    def _reload(self) -> None:
        """Take everything from the file."""
        self.world = World(self.options.chain_id)
        self.world.load(self._store.accounts(), self._store.codes(), self._store.slots())
        self._reload_pool()

    def _reload_pool(self) -> None:
        self.pool = Pool()
        for ordinal, digest, raw, sender, arrived_ms in self._store.waiting():
            self.pool.add(Waiting(digest, decode(raw)[0], sender, arrived_ms, ordinal))
        head = self._store.head()
        if head is None:
            raise StoreError("a chain without blocks")
        self.head = head

    # --- transactions ------------------------------------------------------------------------------

    def submit(self, raw: bytes) -> bytes:
        """Take a transaction in its network form; its hash. Raises Refused."""
        if len(raw) > MAX_RAW_BYTES:
            raise Refused("oversized_data", f"{len(raw)} bytes, {MAX_RAW_BYTES} at most")
        try:
            transaction, sidecar = decode(raw)
            sender = transaction.sender()
        except TransactionError as error:
            raise Refused("malformed", str(error)) from error
        digest = transaction.hash()
        if self.pool.get(digest) is not None:
            raise Refused("already_known", "already known")
        check_static(transaction, self.options.chain_id)
        replaced = self.pool.check(transaction, sender, self.world.account(sender).nonce)
        self._check_funds(transaction, sender)
        self._check_sidecar(transaction, sidecar)
        if self.faults.take("drop"):
            return digest
        arrived_ms = self._now_ms()
        with self._store.writing():
            if replaced is not None:
                self._store.remove_waiting(replaced.hash)
            ordinal = self._store.add_waiting(digest, transaction.encoded(), sender, arrived_ms)
            if sidecar is not None:
                self._store.add_sidecar(digest, raw)
        self.pool.add(Waiting(digest, transaction, sender, arrived_ms, ordinal))
        if self.options.block_ms == 0 and not self.faults.hold:
            self.mine()
        return digest

    def _check_funds(self, transaction: Transaction, sender: bytes) -> None:
        needed = most_it_costs_wei(transaction) + sum(
            most_it_costs_wei(other.transaction)
            for other in self.pool
            if other.sender == sender and other.transaction.nonce != transaction.nonce
        )
        has = self.world.account(sender).balance_wei
        if has < needed:
            raise Refused(
                "insufficient_funds",
                f"insufficient funds for gas * price + value: balance {has}, needed {needed}",
            )

    def _check_sidecar(self, transaction: Transaction, sidecar: Sidecar | None) -> None:
        if (transaction.kind == BLOB) != (sidecar is not None):
            raise Refused("missing_sidecar", "a blob transaction comes with its blobs, no other does")
        if sidecar is not None:
            try:
                self._kzg.verify_sidecar(sidecar, transaction.blob_hashes)
            except BlobError as error:
                raise Refused("bad_sidecar", str(error)) from error

    # --- blocks ------------------------------------------------------------------------------------

    def prices(self) -> Prices:
        """The next block's."""
        head = self.head
        base = fees.next_base_fee_wei(head.base_fee_wei, head.gas_used, self.options.gas_limit)
        return Prices(
            max(base, self.faults.base_fee_floor_wei),
            fees.blob_base_fee_wei(self._next_excess(), self.options.schedule),
        )

    def _next_excess(self) -> int:
        head, schedule = self.head, self.options.schedule
        excess = fees.next_excess_blob_gas(
            head.excess_blob_gas, head.blob_gas_used, head.base_fee_wei, schedule
        )
        floor = self.faults.blob_base_fee_floor_wei
        return max(excess, fees.excess_for_fee(floor, schedule)) if floor else excess

    def tick(self) -> bool:
        """Make a block if one is due; whether one was made."""
        if not self.options.block_ms or self.faults.hold:
            return False
        since_ms = self._now_ms() - self.head.time_ms
        busy = len(self.pool) > 0 or self._unconfirmed()
        if since_ms < (self.options.block_ms if busy else self.options.idle_block_ms):
            return False
        self.mine()
        return True

    def _unconfirmed(self) -> bool:
        """Whether a block so recent that it lacks confirmations holds a transaction."""
        first = max(1, self.head.number - self.options.confirmations + 2)
        return any(
            found is not None and found.gas_used
            for found in map(self._store.block, range(first, self.head.number + 1))
        )

    def mine(self, count: int = 1, *, empty: bool = False) -> Block:
        """Make blocks. Raises ValueError for too many."""
        if not 1 <= count <= MAX_MINED_AT_ONCE:
            raise ValueError(f"1 to {MAX_MINED_AT_ONCE} blocks at once, not {count}")
        for _ in range(count):
            self._guarded(lambda: self._mine(empty=empty))
        return self.head

    def increase_time(self, seconds: int) -> int:
        """Put the next block's time so far behind the head's (or the clock's); by how much it runs ahead."""
        now_s = self._now_ms() // 1000
        ahead_s = max(self._ahead_s(), self.head.time_s - now_s) + seconds
        if not 0 <= seconds <= MAX_AHEAD_S or ahead_s > MAX_AHEAD_S:
            raise ValueError(f"0 to {MAX_AHEAD_S} seconds ahead, not {ahead_s}")
        with self._store.writing():
            self._store.set_meta("ahead_s", ahead_s.to_bytes(8, "big"))
        return ahead_s

    def _ahead_s(self) -> int:
        return int.from_bytes(self._store.meta("ahead_s") or b"", "big")

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it, or be as the file says: what is in memory never runs ahead of it."""
        try:
            work()
        except BaseException:
            self._reload()
            raise

    def _mine(self, *, empty: bool, salt: bytes = b"") -> None:
        parent, now_ms = self.head, self._now_ms()
        prices = self.prices()
        number = parent.number + 1
        randomness = keccak(parent.hash + number.to_bytes(8, "big") + salt)
        time_s = max(parent.time_s + 1, now_ms // 1000 + self._ahead_s())
        surroundings = Surroundings(number, time_s, COINBASE, randomness)
        done = [] if empty else self._fill(surroundings, prices)
        changes = Changes({}, {}, {})
        for _, receipt in done:
            changes = merge(changes, receipt.changes)
        block = sealed(
            Block(
                number, b"", parent.hash, time_s, now_ms,
                sum(receipt.gas_used for _, receipt in done), prices.base_fee_wei,
                sum(receipt.blob_gas for _, receipt in done), self._next_excess(), randomness,
                transactions_root([entry.hash for entry, _ in done]),
                keccak(parent.state_root + packed_changes(changes)),
            )
        )  # fmt: skip
        included = _placed(block, done, prices)
        with self._store.writing():
            self._store.add_block(block, included, changes)
            self._store.prune_sidecars(number - self.options.blob_retention_blocks)
            for entry, _ in done:
                self.pool.remove(entry.hash)
            for late in self.pool.passed(lambda address: self.world.account(address).nonce):
                self.pool.remove(late.hash)
                self._store.remove_waiting(late.hash)
        self.head = block

    def _fill(self, block: Surroundings, prices: Prices) -> list[tuple[Waiting, Receipt]]:
        """Run what fits into the block; the world is then the one after it."""
        done: list[tuple[Waiting, Receipt]] = []
        gas_left = self.options.gas_limit
        blob_gas_left = self.options.schedule.most * fees.GAS_PER_BLOB
        censored, latest_ms = self.faults.censored(), self._now_ms() - self.faults.slow_ms

        def nonce_of(address: bytes) -> int:
            return self.world.account(address).nonce

        def tip_of(transaction: Transaction) -> int:
            return min(transaction.priority_fee, transaction.max_fee - prices.base_fee_wei)

        for entry in self.pool.offered(nonce_of, tip_of):
            transaction = entry.transaction
            kept_out = {entry.sender, transaction.to} & censored or entry.arrived_ms > latest_ms
            if kept_out or not affordable(transaction, prices):
                continue
            if transaction.gas > gas_left or blob_gas_of(transaction) > blob_gas_left:
                continue
            if self.world.account(entry.sender).balance_wei < most_it_costs_wei(transaction):
                continue
            try:
                receipt = execute(self.world, transaction, entry.sender, block, prices)
            except ExecutionError:
                continue
            self.world.apply(receipt.changes)
            gas_left -= receipt.gas_used
            blob_gas_left -= receipt.blob_gas
            done.append((entry, receipt))
        return done

    # --- reorganisations ---------------------------------------------------------------------------

    def reorganise(self, depth: int, *, forget: Sequence[bytes] = (), late: bool = False) -> Block:
        """Put another branch, one block longer, in the place of the last `depth` blocks.

        The transactions wait again and enter the new branch, except those of `forget`, which are gone;
        with `late` the branch's blocks are empty and the transactions still wait behind it.

        Raises ValueError for a depth that is not within 1…64 or reaches the genesis.
        """
        if not 1 <= depth <= min(MAX_REORG, self.head.number):
            raise ValueError(f"{depth} blocks are not within 1…{min(MAX_REORG, self.head.number)}")
        salt = self.head.hash
        self._guarded(lambda: self._take_back(depth, frozenset(forget)))
        for _ in range(depth + 1):
            self._guarded(lambda: self._mine(empty=late, salt=salt))
        return self.head

    def _take_back(self, depth: int, forget: frozenset[bytes]) -> None:
        again: list[Included] = []
        with self._store.writing():
            for number in range(self.head.number, self.head.number - depth, -1):
                again[:0] = self._store.included_in(number)
                self.world.undo(self._store.remove_head(number))
            for entry in again:
                if entry.hash in forget:
                    self._store.remove_waiting(entry.hash)
                    continue
                raw = entry.transaction.encoded()
                self._store.add_waiting(entry.hash, raw, entry.sender, self._now_ms())
        self._reload_pool()

    @contextmanager
    def state_at(self, number: int) -> Iterator[World]:
        """The state after a block not older than 128. Raises LookupError `missing` for others."""
        if number > self.head.number or number < 0:
            raise LookupError(f"block {number} is not there")
        undone: list[Changes] = []
        try:
            for past in range(self.head.number, number, -1):
                changes = self._store.undo(past)
                if changes is None:
                    raise LookupError(f"missing: the state of block {number}, more than {UNDO_BLOCKS} back")
                self.world.undo(changes)
                undone.append(changes)
            yield self.world
        finally:
            for changes in reversed(undone):
                self.world.apply(changes)

    # --- looking -----------------------------------------------------------------------------------

    def block(self, number: int) -> Block | None:
        """A block by number."""
        return self._store.block(number)

    def block_by_hash(self, digest: bytes) -> Block | None:
        """A block of the chain by hash."""
        return self._store.block_by_hash(digest)

    def included(self, digest: bytes) -> Included | None:
        """A transaction in a block."""
        return self._store.included(digest)

    def included_in(self, number: int) -> list[Included]:
        """A block's transactions."""
        return self._store.included_in(number)

    def logs(self, first: int, last: int, addresses: Sequence[bytes], most: int) -> list[PlacedLog]:
        """Logs of these blocks, at most so many."""
        return self._store.logs(first, last, addresses, most)

    def sidecar(self, digest: bytes) -> Sidecar | None:
        """A transaction's blobs as long as they are kept."""
        wrapped = self._store.sidecar(digest)
        return None if wrapped is None else decode(wrapped)[1]

    def next_surroundings(self) -> Surroundings:
        """What a message asked now would see."""
        time_s = max(self.head.time_s, self._now_ms() // 1000 + self._ahead_s())
        return Surroundings(self.head.number + 1, time_s, COINBASE, self.head.randomness)


def _placed(block: Block, done: list[tuple[Waiting, Receipt]], prices: Prices) -> list[Included]:
    included: list[Included] = []
    cumulative, first_log = 0, 0
    for position, (entry, receipt) in enumerate(done):
        cumulative += receipt.gas_used
        outcome = receipt.outcome
        blob_price = prices.blob_base_fee_wei if receipt.blob_gas else 0
        included.append(
            Included(
                entry.hash, block.number, block.hash, position, entry.transaction, entry.sender,
                outcome.success, receipt.gas_used, cumulative, receipt.price_wei, receipt.blob_gas,
                blob_price, outcome.created, outcome.reason, outcome.logs, first_log,
            )
        )  # fmt: skip
        first_log += len(outcome.logs)
    return included
