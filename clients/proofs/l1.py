"""What the L1 says: the one question that is left of a fill's proof, put to a node of one's own."""

from __future__ import annotations

import http.client
import json
import urllib.request
from typing import Final

from clients.http_calls import posted as post
from clients.proofs.checking import Posted, question
from clients.proofs.documents import L1Part, ProofError, raw
from exchange.attest.keccak import keccak

_SEQUENCER: Final = keccak(b"SEQUENCER()")[:4]


class Node:
    """An Ethereum node, asked about one inbox. Raises ProofError `l1` where it does not answer."""

    def __init__(self, url: str, inbox: bytes) -> None:
        self._url = url
        self._inbox = inbox

    def holds(self, posted: Posted, part: L1Part, *, final: bool) -> bool:
        """Whether the inbox has the batch, as final if that is asked."""
        return int.from_bytes(self._call(question(posted, part, final=final)), "big") == 1

    def sequencer(self) -> bytes:
        """Whose signatures count, 20 bytes."""
        return self._call(_SEQUENCER)[12:]

    def _call(self, data: bytes) -> bytes:
        """One eth_call at the newest block; the word it returns."""
        params = [{"to": "0x" + self._inbox.hex(), "data": "0x" + data.hex()}, "latest"]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": params}).encode()
        try:
            request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
            reply = json.loads(post(request))
            found = reply["result"]
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
            raise ProofError("l1", f"no Ethereum node answers at {self._url}: {error}") from None
        return raw(str(found), 32)
