"""What publishing a payload costs on each layer, and which one to take.

Calldata is paid by the byte, a blob whole, the external store not at all on the chain. So small batches go
into calldata, full ones into blobs; a batch that would leave a blob mostly empty may wait for more fills, but
not longer than its latency allows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.l1.blobs import MAX_PAYLOAD_BYTES, PAYLOAD_BYTES
from settlement.l1.transactions import calldata_tokens

CALLDATA: Final = 0
BLOBS: Final = 1
EXTERNAL: Final = 2
NAMES: Final = {CALLDATA: "calldata", BLOBS: "blobs", EXTERNAL: "external"}
BASE_GAS: Final = 21_000
GAS_PER_BLOB: Final = 131_072
MAX_CALLDATA_BYTES: Final = 120_000  # nodes take 131,072 of a transaction; the header goes along
KECCAK_WORD_GAS: Final = 6
COPY_WORD_GAS: Final = 6  # into memory, and the memory itself


class Prices(NamedTuple):
    """Of the L1's next block, wei a unit; `token_micro_usd` prices 10^18 wei."""

    gas_wei: int
    blob_gas_wei: int
    token_micro_usd: int = 0


class Posting(NamedTuple):
    """Gas of a post without its payload, and the bytes that come with it on any layer (header and ABI)."""

    execution_gas: int = 80_000
    head_tokens: int = 2_400  # of EIP-7623, of about 700 bytes
    blob_execution_gas: int = 6_000  # of each blob: its hash read and chained


POSTING: Final = Posting()


class Quote(NamedTuple):
    """What one layer asks for one payload."""

    layer: int
    gas: int
    blob_gas: int
    blobs: int
    wei: int

    @property
    def name(self) -> str:
        """The layer's."""
        return NAMES[self.layer]


class Policy(NamedTuple):
    """What may be chosen. A layer that is off is never taken; ages in milliseconds."""

    calldata: bool = True
    blobs: bool = True
    external: bool = False
    fill_percent: int = 75  # of its blobs, for a batch that still has time
    least_fill_percent: int = 0  # emptier blobs are not taken where calldata can be: they are work, too
    latency_ms: int = 60_000
    external_above_wei: int = 1 << 62  # what a post may cost before the external store is taken


class Choice(NamedTuple):
    """A layer for a payload, or None: wait for more. `why` is for people."""

    quote: Quote | None
    why: str


def quotes(payload: bytes, prices: Prices, posting: Posting = POSTING) -> list[Quote]:
    """Every layer that can take the payload, the cheapest first."""
    fixed = BASE_GAS + posting.execution_gas + 4 * posting.head_tokens
    found = [_quote(EXTERNAL, fixed, 0, posting, 0, prices)]
    if len(payload) <= MAX_CALLDATA_BYTES:
        tokens = calldata_tokens(payload)
        words = -(-len(payload) // 32)
        gas = fixed + 4 * tokens + words * (KECCAK_WORD_GAS + COPY_WORD_GAS)
        found.append(_quote(CALLDATA, gas, tokens, posting, 0, prices))
    if 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        blobs = -(-len(payload) // PAYLOAD_BYTES)
        found.append(_quote(BLOBS, fixed + blobs * posting.blob_execution_gas, 0, posting, blobs, prices))
    return sorted(found, key=lambda quote: (quote.wei, quote.layer))


def _quote(layer: int, gas: int, tokens: int, posting: Posting, blobs: int, prices: Prices) -> Quote:
    gas = max(gas, BASE_GAS + 10 * (tokens + posting.head_tokens))  # EIP-7623
    blob_gas = blobs * GAS_PER_BLOB
    return Quote(layer, gas, blob_gas, blobs, gas * prices.gas_wei + blob_gas * prices.blob_gas_wei)


def choose(
    payload: bytes, prices: Prices, age_ms: int, policy: Policy, posting: Posting = POSTING
) -> Choice:
    """The layer for a payload whose oldest operation is `age_ms` old.

    Raises ValueError where no layer that is allowed can take it.
    """
    allowed = {CALLDATA: policy.calldata, BLOBS: policy.blobs, EXTERNAL: policy.external}
    offered = [q for q in quotes(payload, prices, posting) if allowed[q.layer]]
    on_chain = [quote for quote in offered if quote.layer != EXTERNAL]
    outside = [quote for quote in offered if quote.layer == EXTERNAL]
    if not offered:
        raise ValueError(f"no allowed layer takes {len(payload)} bytes")
    if not on_chain or (outside and on_chain[0].wei > policy.external_above_wei):
        return Choice((outside or on_chain)[0], "the chain is too expensive" if on_chain else "nothing else")
    full = [q for q in on_chain if q.layer != BLOBS or _fill_percent(q, payload) >= policy.least_fill_percent]
    best = (full or on_chain)[0]
    if best.layer == BLOBS and age_ms < policy.latency_ms:
        fill_percent = _fill_percent(best, payload)
        if fill_percent < policy.fill_percent:
            return Choice(None, f"the blobs would be {fill_percent} % full")
    return Choice(best, f"{best.name} is the cheapest")


def _fill_percent(quote: Quote, payload: bytes) -> int:
    """How full the blobs of a quote would be; rounds down."""
    return 100 * len(payload) // (quote.blobs * PAYLOAD_BYTES)


def micro_usd(wei: int, prices: Prices) -> int:
    """A price in micro-dollars; rounds up."""
    return -(-wei * prices.token_micro_usd // 10**18)
