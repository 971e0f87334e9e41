"""A fill's proof out of a venue: the trade, its command's receipt, its place in a batch once there is one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from clients.http_calls import HttpCallError, call
from clients.proofs.documents import VERSION, BatchPart, Document, L1Part, ProofError, ReceiptPart

QUOTE_CURRENCY: Final = "USDC"
KEPT_NO_MORE: Final = 13_020
NOT_YET: Final = 13_020
ANOTHERS: Final = 13_021
"""The command that made the fill is the other side's, which alone has the receipt: it shows all of it."""
NOBODY: Final = 13_503


class Account:
    """A session of an account on a venue. Raises HttpCallError; ProofError `not_a_venue` for odd replies."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self._url = url
        params = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._token = str(_member(call(url, "public/auth", params), "access_token"))

    def fetch(self, trade_id: str) -> Document:
        """The proof of a fill of the account as far as it is there now. ProofError `no_such_trade`."""
        seq = self._seq_of(trade_id)
        receipt = self._unless("private/strikebook_get_receipt", (KEPT_NO_MORE, ANOTHERS), seq=seq)
        found = self._unless("private/strikebook_get_fill_proof", (NOT_YET, NOBODY), trade_id=trade_id)
        try:
            part = None if receipt is None else msgspec.convert(receipt, ReceiptPart)
            batch = None if found is None else msgspec.convert(_member(found, "batch"), BatchPart)
            l1 = None if found is None else msgspec.convert(_member(found, "l1"), L1Part | None)
        except msgspec.ValidationError as error:
            raise ProofError("not_a_venue", f"{self._url} answers like no exchange: {error}") from None
        return Document(VERSION, trade_id, part, batch, l1)

    def _unless(self, method: str, refusals: tuple[int, ...], **params: Any) -> Any:
        """What a method says; None for a refusal that leaves a part of the proof out."""
        try:
            return self._call(method, **params)
        except HttpCallError as error:
            if error.refusal in refusals:
                return None
            raise

    def _seq_of(self, trade_id: str) -> int:
        """The sequence number of the command that made the trade."""
        listed = call(self._url, "public/get_currencies", {})
        for currency in (str(_member(row, "currency")) for row in listed):
            if currency != QUOTE_CURRENCY:
                asked = {"currency": currency, "start_id": trade_id, "end_id": trade_id, "count": 1}
                found = self._call("private/get_user_trades_by_currency", **asked)
                for trade in _member(found, "trades"):
                    if str(_member(trade, "trade_id")) == trade_id:
                        return int(_member(trade, "seq"))
        raise ProofError("no_such_trade", f"the account has no trade {trade_id}")

    def _call(self, method: str, **params: Any) -> Any:
        return call(self._url, method, params, self._token)


def _member(found: Any, name: str) -> Any:
    if not isinstance(found, dict) or name not in found:
        raise ProofError("not_a_venue", f"a reply without {name!r}")
    return found[name]
