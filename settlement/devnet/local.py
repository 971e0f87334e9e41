"""The node without a network: the same requests and answers, as JSON, in one process."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from settlement.devnet.rpc import Node, ReplyLost
from settlement.l1.port import L1Unavailable
from settlement.l1.rpc import result_of


class LocalRpc:
    """`settlement.l1.rpc.Rpc` over a node of this process."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any) -> Any:
        """See `Rpc`."""
        body = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        )
        try:
            return result_of(method, self.node.handle(body))
        except ReplyLost as error:
            raise L1Unavailable("the reply was lost") from error
