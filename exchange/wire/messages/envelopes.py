"""What every message is wrapped in: requests, replies, errors, pushes."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from exchange.wire.error_registry import ENTRIES
from exchange.wire.limits import METHOD_CHARS_MAX

RequestId = int | str
ErrorCode = Annotated[
    int,
    Meta(
        description="`public/strikebook_get_errors` tells what each code means",
        extra_json_schema={"enum": sorted({entry.code for entry in ENTRIES})},
    ),
]
Microseconds = Annotated[int, Meta(description="microseconds since the Unix epoch, UTC")]


class RpcRequest(TypedDict):
    """A request of any method."""

    jsonrpc: NotRequired[Literal["2.0"]]
    id: RequestId
    method: Annotated[str, Meta(max_length=METHOD_CHARS_MAX)]
    params: NotRequired[dict[str, Any]]


class Times(TypedDict):
    """When a request was read and its reply written."""

    usIn: Microseconds
    usOut: Microseconds
    usDiff: int
    testnet: bool


class RpcError(TypedDict):
    """Why a request failed; `data` names the parameter (`param`) and the reason (`reason`), if any."""

    code: ErrorCode
    message: str
    data: NotRequired[dict[str, Any]]


class RpcReply(Times):
    """What is around a result: `seq` is the sequence number of the command behind it, `budget` how many more
    requests of its kind are admitted now."""

    jsonrpc: Literal["2.0"]
    id: RequestId | None
    result: Any
    seq: NotRequired[int]
    budget: NotRequired[int]


class RpcFailure(Times):
    """A request that failed."""

    jsonrpc: Literal["2.0"]
    id: RequestId | None
    error: RpcError
    budget: NotRequired[int]


class HeartbeatKind(TypedDict):
    """A `test_request` is to be answered by `public/test`."""

    type: Literal["heartbeat", "test_request"]


class Heartbeat(TypedDict):
    """What comes at the interval of `public/set_heartbeat`."""

    jsonrpc: Literal["2.0"]
    method: Literal["heartbeat"]
    params: HeartbeatKind


class Health(TypedDict):
    """Whether the venue is well, and its phase."""

    ok: bool
    mode: NotRequired[str]
