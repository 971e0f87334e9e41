"""The whole set of contracts on one chain: deployed in an order, told of each other once, then fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from settlement.contracts.compiler import WIDE, compiled
from settlement.contracts.evm import Contract, Evm, deploy
from settlement.stf import steps as s

EXECUTORS: Final[dict[str, tuple[int, ...]]] = {
    "FillSteps": (s.INDEX, s.FILL),
    "CashSteps": (s.DEPOSIT, s.HELD, s.RESOLVED, s.TRANSFER, s.FORCED),
    "AccountSteps": (
        s.ACCOUNT,
        s.FAMILY,
        s.LIQUIDATION,
        s.FUND_COVER,
        s.LOSS,
        s.DEFICIT,
        s.SHARE,
        s.LOSS_ENDED,
    ),
    "PassageSteps": (s.TAKEOVER, s.MOVED, s.TOPPED, s.TAKEN, s.MOVING, s.MOVING_ENDED),
    "ParameterSteps": (s.UNDERLYING, s.FEES, s.RISK, s.DISCOUNT, s.LIQUIDATION_FEE),
    "DictionarySteps": (s.RECLASS,),
    "InstrumentSteps": (s.LISTING, s.STATE, s.MARK, s.SETTLE, s.HOLDER, s.SETTLED),
}
"""Contracts of steps, and the kinds each executes."""
WIDE_EXECUTORS: Final = ("FillSteps", "PassageSteps", "ParameterSteps", "InstrumentSteps")
"""Those that also stand with larger bounds: they open page lists or the underlyings."""
_WITH_QUEUE: Final = frozenset(("CashSteps",))
"""Those that ask the bridge what was deposited and requested."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is fixed when the contracts are deployed; seconds and micro-USDC."""

    challenge_s: int = 7 * 86_400
    response_s: int = 86_400
    dispute_s: int = 2 * 86_400
    deposit_s: int = 86_400
    forced_s: int = 86_400
    silence_s: int = 14 * 86_400
    claim_s: int = 14 * 86_400
    bond_least: int = 100_000 * 10**6
    stake: int = 1_000 * 10**6


@dataclass(frozen=True, slots=True)
class Contracts:
    """The deployed contracts."""

    token: Contract
    bridge: Contract
    inbox: Contract
    dispute: Contract
    demands: Contract
    evidence: Contract
    escape: Contract
    runner: Contract
    decoding: Contract
    payloads: Contract
    directory: Contract
    tables: Contract
    fills: Contract
    others: Contract
    executors: dict[str, Contract]
    """By name; the wide ones' begins with Wide."""

    def executor(self, kind: int, *, wide: bool = False) -> Contract:
        """The contract that executes steps of a kind, `wide` where the witness is beyond the usual bounds.

        Raises KeyError.
        """
        return self.executors[WIDE * wide + executor_of(kind)]

    def addresses(self) -> dict[str, bytes]:
        """Where they are, by the names of their sources."""
        single = {name: getattr(self, field).address for field, name in SOURCES.items()}
        return single | {name: each.address for name, each in self.executors.items()}

    @classmethod
    def at(cls, evm: Evm, addresses: Mapping[str, bytes], cache: Path | None = None) -> Contracts:
        """Those that stand at these addresses already. Raises KeyError for one that is missing."""

        def found(name: str) -> Contract:
            return Contract(evm, compiled(name, cache), addresses[name])

        executors = {name: found(name) for name in EXECUTOR_NAMES}
        return cls(**{field: found(name) for field, name in SOURCES.items()}, executors=executors)


SOURCES: Final = {
    "token": "Token",
    "bridge": "Bridge",
    "inbox": "Inbox",
    "dispute": "Dispute",
    "demands": "Demands",
    "evidence": "Evidence",
    "escape": "Escape",
    "runner": "Runner",
    "decoding": "Decoding",
    "payloads": "Payloads",
    "directory": "Directory",
    "tables": "TableChecks",
    "fills": "FillDecoder",
    "others": "OtherDecoder",
}
"""The sources of all contracts but those of steps, by their fields in `Contracts`."""
EXECUTOR_NAMES: Final = (*EXECUTORS, *(WIDE + name for name in WIDE_EXECUTORS))
assert {field.name for field in fields(Contracts)} == {*SOURCES, "executors"}


def executor_of(kind: int) -> str:
    """The name of the contract that executes steps of a kind. Raises KeyError."""
    for name, kinds in EXECUTORS.items():
        if kind in kinds:
            return name
    raise KeyError(kind)


def deploy_executor(
    evm: Evm, deployer: bytes, name: str, dispute: bytes, bridge: bytes, cache: Path | None = None
) -> Contract:
    """Deploy one contract of steps. Raises settlement.contracts.evm.Reverted."""
    arguments = (dispute, bridge) if name in _WITH_QUEUE else (dispute,)
    return deploy(evm, deployer, compiled(name, cache), *arguments)


def deploy_all(
    evm: Evm,
    deployer: bytes,
    *,
    operator: bytes,
    sequencer: bytes,
    guardian: bytes,
    genesis_root: bytes,
    settings: Settings,
    cache: Path | None = None,
) -> Contracts:
    """Deploy every contract and tell them of each other.

    Raises:
        settlement.contracts.evm.Reverted: the machine refused one.
    """
    told = settings
    token = deploy(evm, deployer, compiled("Token", cache))
    bridge = deploy(
        evm, deployer, compiled("Bridge", cache), token.address, guardian, told.deposit_s, told.forced_s
    )
    inbox = deploy(
        evm,
        deployer,
        compiled("Inbox", cache),
        token.address,
        bridge.address,
        operator,
        sequencer,
        genesis_root,
        told.bond_least,
        told.challenge_s,
        told.response_s,
    )
    dispute = deploy(evm, deployer, compiled("Dispute", cache), inbox.address, told.dispute_s)
    executors = {
        name: deploy_executor(evm, deployer, name, dispute.address, bridge.address, cache)
        for name in EXECUTOR_NAMES
    }
    demands = deploy(
        evm,
        deployer,
        compiled("Demands", cache),
        token.address,
        inbox.address,
        told.stake,
        told.dispute_s,
    )
    evidence = deploy(
        evm, deployer, compiled("Evidence", cache), inbox.address, token.address, told.stake
    )
    escape = deploy(
        evm,
        deployer,
        compiled("Escape", cache),
        token.address,
        inbox.address,
        bridge.address,
        told.silence_s,
        told.claim_s,
    )
    runner = deploy(evm, deployer, compiled("Runner", cache), dispute.address)
    enlisted = [runner.address, *(each.address for each in executors.values())]
    dispute.transact(deployer, "enlist", enlisted)
    bridge.transact(deployer, "enlist", inbox.address, escape.address)
    decoding = deploy(evm, deployer, compiled("Decoding", cache), inbox.address, told.dispute_s)
    judges = [dispute.address, demands.address, evidence.address, decoding.address]
    inbox.transact(deployer, "enlist", judges, escape.address)
    decoders = _deploy_decoders(evm, deployer, inbox.address, decoding, cache)
    return Contracts(
        token,
        bridge,
        inbox,
        dispute,
        demands,
        evidence,
        escape,
        runner,
        decoding,
        **decoders,
        executors=executors,
    )


def _deploy_decoders(
    evm: Evm, deployer: bytes, inbox: bytes, decoding: Contract, cache: Path | None
) -> dict[str, Contract]:
    """What decodes, by the fields of `Contracts`."""
    at = decoding.address
    payloads = deploy(evm, deployer, compiled("Payloads", cache), inbox, at)
    directory = deploy(evm, deployer, compiled("Directory", cache), inbox, payloads.address, at)
    tables = deploy(evm, deployer, compiled("TableChecks", cache), inbox, at)
    arguments = payloads.address, directory.address, at
    fills = deploy(evm, deployer, compiled("FillDecoder", cache), *arguments)
    others = deploy(evm, deployer, compiled("OtherDecoder", cache), *arguments)
    witnesses = [payloads.address, directory.address, tables.address]
    decoding.transact(deployer, "enlist", [fills.address, others.address], witnesses)
    return {
        "payloads": payloads, "directory": directory, "tables": tables, "fills": fills, "others": others
    }  # fmt: skip
