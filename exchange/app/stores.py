"""What a venue keeps in files of its own beside the journal, opened in one place before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from exchange.app.config import Config
from exchange.app.faucet import FileGiven, GivenFileError
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemClock, SystemEntropy
from exchange.gateway.account_settings import FileSettings, SettingsError
from exchange.gateway.archive import ThreadArchive
from exchange.gateway.deals.block_signatures import BlockSealer
from exchange.gateway.deals.block_store import BlockStore, BlockStoreError
from exchange.gateway.deals.blocks import BlockSetup
from exchange.gateway.disconnect_log import DisconnectLog
from exchange.gateway.ports import ThreadCommitter
from exchange.history.past import Past
from exchange.history.reader import HistoryReader
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.credentials import Credentials
from exchange.keys.grant_store import GrantStore, GrantStoreError
from exchange.keys.replays import ReplayLog
from exchange.keys.sign_ups import SignUps

_T = TypeVar("_T")


class StartError(Exception):
    """The venue may not start; the message says why and what to do."""


@dataclass
class Stores:
    """Open files; `close_readers` is for when nothing more is asked."""

    credentials: Credentials
    settings: FileSettings
    blocks: BlockSetup
    grants: GrantStore
    sign_ups: SignUps
    replays: ReplayLog
    disconnect_log: DisconnectLog
    history: HistoryReader
    archive: ThreadArchive

    def close_readers(self) -> None:
        """Close what only answers requests."""
        self.archive.close()
        self.history.close()
        self.credentials.close()
        self.settings.close()
        self.grants.close()


def _opened(what: Callable[[], _T], failure: type[Exception], advice: str) -> _T:
    try:
        return what()
    except failure as error:
        raise StartError(f"{error}; {advice}") from None


def open_stores(config: Config, clock: SystemClock, loop: asyncio.AbstractEventLoop) -> Stores:
    """Open all of them.

    Raises:
        StartError: a file is damaged or cannot be written; says which and what to do.
    """
    restore = "restore it, or start on another --data"
    key = KeyFile(config.sealing_key)
    credentials = _opened(
        lambda: Credentials(config.credentials, SystemEntropy(), clock, key), CredentialsError, restore
    )
    settings = _opened(lambda: FileSettings(config.settings), SettingsError, restore)
    blocks = _opened(lambda: _blocks(config, key, loop), BlockStoreError, restore)
    write = "write what sign-ups drew there, in micro-USDC"
    sign_ups = _opened(lambda: _sign_ups(config, clock), GivenFileError, write)
    try:
        replays, disconnect_log = ReplayLog(config.data, clock), DisconnectLog(config.data)
    except OSError as error:
        raise StartError(f"{config.data} cannot be written: {error.strerror}") from None
    return Stores(
        credentials,
        settings,
        blocks,
        _opened(lambda: GrantStore(config.grants), GrantStoreError, restore),
        sign_ups,
        replays,
        disconnect_log,
        HistoryReader(config.history),
        ThreadArchive(loop, Past(config.history, any_thread=True)),
    )


def _sign_ups(config: Config, clock: SystemClock) -> SignUps:
    return SignUps(config.sign_ups, config.faucet_micro, clock, FileGiven(config.faucet_given))


def _blocks(config: Config, key: KeyFile, loop: asyncio.AbstractEventLoop) -> BlockSetup:
    sealer = BlockSealer(key(True), SystemEntropy())
    return BlockSetup(BlockStore(config.block_store, ThreadCommitter(loop)), sealer, config.blocks)
