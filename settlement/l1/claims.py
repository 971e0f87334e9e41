"""The bridge's tables in the mock chain's file: owners, withdrawals to pay, and payments made."""

from __future__ import annotations

import sqlite3
from typing import Final

from settlement import operations as op
from settlement.l1 import contracts
from settlement.l1.port import Payout

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS owner (account INTEGER PRIMARY KEY, owner BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS claim (
    withdrawal_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, amount_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payout (
    withdrawal_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, owner BLOB NOT NULL,
    amount_micro INTEGER NOT NULL, block INTEGER NOT NULL);
"""


class Claims:
    """Reads and writes inside whatever transaction the chain has open."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def learn(self, codec_number: int, body: bytes) -> None:
        """Take over what a posted body says about owners and withdrawals."""
        for operation in contracts.bridge_operations(codec_number, body):
            if isinstance(operation, op.AccountSet):
                row: tuple[object, ...] = (operation.account, operation.owner)
                self._db.execute("INSERT OR REPLACE INTO owner VALUES (?, ?)", row)
            elif isinstance(operation, op.WithdrawalHeld):
                row = (operation.withdrawal_id, operation.account, operation.amount_micro)
                self._db.execute("INSERT OR IGNORE INTO claim VALUES (?, ?, ?)", row)
            else:  # paid or given back: there is nothing more to pay
                row = (operation.withdrawal_id,)
                self._db.execute("DELETE FROM claim WHERE withdrawal_id = ?", row)

    def claim(self, withdrawal_id: int) -> contracts.Claim | None:
        """What is to be paid, if a batch in a block holds it."""
        row = self._db.execute(
            "SELECT claim.account, owner, amount_micro FROM claim JOIN owner USING (account)"
            " WHERE withdrawal_id = ?",
            (withdrawal_id,),
        ).fetchone()
        return None if row is None else contracts.Claim(*row)

    def payout(self, withdrawal_id: int) -> Payout | None:
        """A payment in a block."""
        row = self._db.execute(
            "SELECT withdrawal_id, account, owner, amount_micro, block FROM payout WHERE withdrawal_id = ?",
            (withdrawal_id,),
        ).fetchone()
        return None if row is None else Payout(*row)

    def holds_micro(self) -> int:
        """What the bridge has: deposits less payments."""
        (given,) = self._db.execute("SELECT COALESCE(SUM(amount_micro), 0) FROM deposit").fetchone()
        (paid,) = self._db.execute("SELECT COALESCE(SUM(amount_micro), 0) FROM payout").fetchone()
        return int(given - paid)

    def execute(self, calldata: bytes, block: int) -> None:
        """A payment in its block. Raises L1Rejected."""
        ident = contracts.unpack_pay(calldata)
        paid = self.payout(ident) is not None
        found = contracts.check_pay(self.claim(ident), paid, self.holds_micro())
        self._db.execute("INSERT INTO payout VALUES (?, ?, ?, ?, ?)", (ident, *found, block))
