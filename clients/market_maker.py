"""A market maker: quotes the whole chain and the perpetuals of every underlying, two-sided.

Values come from its own surface (:mod:`clients.fair_value`), widths and lean from :mod:`clients.quoting`,
amounts from :mod:`clients.maker_sizes`; a :mod:`clients.maker_desk` holds what it knows of an underlying. A
perpetual is worth the mean of index and mark to it: a mark that was pushed away is offered back, not held.
Quotes go out as mass quotes of up to 100 instruments; only sides that moved are sent. It requotes when the
index has moved, when it was filled, and when it has looked at the venue's marks again. If the index falls
silent it withdraws instead of guessing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import sys
from dataclasses import dataclass, field
from typing import Any, Final

from clients.bot import (
    COD_NOT_ENABLED,
    MMP_REQUIRED,
    TOKEN_CODES,
    add_common_arguments,
    at_most,
    every,
    keep_trading,
    parse,
    read_positions,
    run_bot,
    watch,
)
from clients.instruments import Instrument, to_micro, usable_instruments
from clients.maker_desk import Desk
from clients.maker_sizes import Sizes
from clients.pacing import Pacer
from clients.quoting import ASK, BID, MAX_QUOTES_PER_FRAME, NO_QUOTE, QuoteConfig, Target
from clients.rpc import RpcError
from clients.session import CallTimeout, ConnectionLost, Session

log = logging.getLogger("clients.market_maker")

QUOTE_ID: Final = "mm"
"""One id for all quotes: the venue remembers every distinct one for good."""
MMP_GROUP: Final = "mm"
PROTECTION: Final = {"interval": 1, "frozen_time": 1, "quantity_limit": 500, "max_quote_quantity": 10_000}
FUNDS_CODES: Final = frozenset({10009, 10039})


@dataclass(frozen=True, slots=True)
class MakerConfig:
    """How the bot behaves; how it quotes stands in :class:`QuoteConfig`."""

    quoting: QuoteConfig = field(default_factory=QuoteConfig)
    frames_per_s: float = 10.0
    move_bps: float = 1.0
    """The index move that causes a requote."""
    marks_every_s: float = 2.0
    positions_every_s: float = 10.0
    listings_every_s: float = 60.0
    stale_s: float = 5.0
    """Silence of the index after which quotes are withdrawn."""
    pause_s: float = 2.0
    """How long a side the venue refused is left alone."""


class MarketMaker:
    """The bot on one session. :meth:`run` quotes until cancelled and survives lost connections."""

    def __init__(self, session: Session, config: MakerConfig, rng: random.Random) -> None:
        self.desks: dict[str, Desk] = {}
        self.position_micro: dict[str, int] = {}
        self.frames_sent = 0
        self.quotes_sent = 0
        self.sides_refused = 0
        self.fills = 0
        self.sizes = Sizes(config.quoting.size_multiple, config.pause_s, rng)
        self._session = session
        self._config = config
        self._pacer = Pacer(config.frames_per_s, burst=8)
        self._listed: dict[str, Instrument] = {}
        self._quoting = False

    async def run(self) -> None:
        """Quote until cancelled, then withdraw. SessionEnded if the venue refuses the credentials."""
        try:
            await keep_trading(self._session, self._trade)
        finally:
            await self._withdraw()

    async def _trade(self, generation: int) -> None:
        """One connection: start from what the venue says, then quote until the connection is lost."""
        self.desks, self._quoting = {}, False
        await self._session.call("private/cancel_quotes", {"cancel_type": "all"})
        await self._load_listings()
        await self._load_positions()
        await self._load_marks()
        config = self._config
        self._quoting = True
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(self._session, generation))
            group.create_task(every(config.marks_every_s, self._load_marks))
            group.create_task(every(config.positions_every_s, self._load_positions))
            group.create_task(every(config.listings_every_s, self._load_listings))
            group.create_task(every(60.0, self._report))
            for desk in self.desks.values():
                group.create_task(self._quote(desk))

    async def _withdraw(self) -> None:
        if not self._session.is_ready:
            return
        async with at_most(2.0):
            try:
                await self._session.call("private/cancel_quotes", {"cancel_type": "all"})
            except (RpcError, ConnectionLost, CallTimeout) as error:
                log.warning("quotes could not be withdrawn: %s", error)

    # --- what the venue says ------------------------------------------------------------------------

    async def _load_listings(self) -> None:
        self.sizes.grow()
        raw = await self._session.call("public/get_instruments", {"currency": "USDC"})
        found, complaints = usable_instruments(raw)
        for complaint in complaints[:3]:
            log.warning("%s", complaint)
        listed = {instrument.name: instrument for instrument in found}
        gone = [name for name in self._listed if name not in listed]
        self._listed = listed
        self.sizes.add(found)
        grouped: dict[str, list[Instrument]] = {}
        for instrument in found:
            grouped.setdefault(instrument.underlying, []).append(instrument)
        fresh = [underlying for underlying in grouped if underlying not in self.desks]
        for underlying, instruments in grouped.items():
            self.desks.setdefault(underlying, Desk(underlying)).take_listings(instruments, gone)
        for desk in self.desks.values():
            if desk.underlying not in grouped:
                desk.instruments = []
        if fresh:
            await self._listen(fresh)
            if self._quoting:
                raise ConnectionLost("a new underlying is listed, starting over with it")

    async def _listen(self, underlyings: list[str]) -> None:
        names = {self.desks[u].index_name for u in underlyings}
        await self._session.subscribe([f"deribit_price_index.{n}" for n in sorted(names)], self._on_index)
        await self._session.subscribe(["user.trades.any.any.raw"], self._on_trades)

    async def _load_positions(self) -> None:
        raw = await self._session.call("private/get_positions", {"currency": "USDC"})
        self.position_micro = read_positions(raw)

    async def _load_marks(self) -> None:
        """Look at the venue's marks, redraw each surface, and have every desk look at its quotes again."""
        summaries = await self._session.call("public/get_book_summary_by_currency", {"currency": "USDC"})
        by_underlying: dict[str, list[dict[str, Any]]] = {}
        for summary in summaries:
            instrument = self._listed.get(summary["instrument_name"])
            if instrument is not None:
                by_underlying.setdefault(instrument.underlying, []).append(summary)
        for underlying, own in by_underlying.items():
            desk = self.desks.get(underlying)
            if desk is None or not desk.instruments:
                continue
            if desk.index <= 0.0 or not desk.band_share:
                await self._look_at_tickers(desk)
            desk.surface.learn(self._listed, own, desk.index)
            desk.marks = {s["instrument_name"]: float(s.get("mark_price") or 0.0) for s in own}
            desk.wake.set()

    async def _look_at_tickers(self, desk: Desk) -> None:
        """The index before its first push and the width of the price bands, from a ticker of each kind."""
        for is_option in (False, True):
            sample = next((i for i in desk.instruments if i.is_option == is_option), None)
            if sample is None:
                continue
            ticker = await self._session.call("public/ticker", {"instrument_name": sample.name})
            index = float(ticker.get("index_price") or 0.0)
            if index <= 0.0:
                return
            if desk.index <= 0.0:
                desk.hear(index, int(ticker["timestamp"]), asyncio.get_running_loop().time())
            top, mark = ticker.get("max_price"), ticker.get("mark_price")
            if top and mark:
                desk.band_share[is_option] = max(0.0, (float(top) - float(mark)) / index)

    # --- pushes -------------------------------------------------------------------------------------

    def _on_index(self, _channel: str, data: Any) -> None:
        for desk in self.desks.values():
            if desk.instruments and desk.index_name == data["index_name"]:
                now_s = asyncio.get_running_loop().time()
                desk.hear(float(data["price"]), int(data["timestamp"]), now_s)
                if desk.has_moved(self._config.move_bps):
                    desk.wake.set()

    def _on_trades(self, _channel: str, data: Any) -> None:
        for trade in data:
            name = trade["instrument_name"]
            instrument = self._listed.get(name)
            if instrument is None:
                continue
            amount = to_micro(trade["amount"])
            bought = trade["direction"] == "buy"
            self.position_micro[name] = self.position_micro.get(name, 0) + (amount if bought else -amount)
            self.fills += 1
            desk = self.desks[instrument.underlying]
            desk.book.filled(name, BID if bought else ASK, amount)
            desk.wake.set()

    # --- quoting ------------------------------------------------------------------------------------

    async def _quote(self, desk: Desk) -> None:
        """Requote whenever woken; what happens during a requote is caught up by the next."""
        while True:
            await desk.wake.wait()
            desk.wake.clear()
            await self._requote(desk)

    async def _requote(self, desk: Desk) -> None:
        now_s = asyncio.get_running_loop().time()
        targets = self._targets(desk, now_s)
        entries = desk.book.changes(desk.instruments, targets, now_s, self._config.quoting)
        desk.quoted_index = desk.index
        frames = [
            entries[at : at + MAX_QUOTES_PER_FRAME] for at in range(0, len(entries), MAX_QUOTES_PER_FRAME)
        ]
        async with asyncio.TaskGroup() as group:
            for frame in frames:
                group.create_task(self._send(desk, frame))

    def _targets(self, desk: Desk, now_s: float) -> list[Target]:
        if desk.is_stale(now_s, self._config.stale_s):
            return [NO_QUOTE] * len(desk.instruments)
        sizes = self.sizes.of(desk.instruments)
        return desk.targets(self.position_micro, sizes, self._config.quoting)

    async def _send(self, desk: Desk, entries: list[dict[str, Any]]) -> None:
        await self._pacer.acquire()
        self.frames_sent += 1
        self.quotes_sent += len(entries)
        try:
            result = await self._session.call(
                "private/mass_quote",
                {
                    "quote_id": QUOTE_ID,
                    "mmp_group": MMP_GROUP,
                    "wait_for_response": True,
                    "detailed": desk.detailed,
                    "quotes": entries,
                },
            )
        except (RpcError, CallTimeout) as error:
            if isinstance(error, RpcError) and error.code in TOKEN_CODES:
                raise
            if isinstance(error, RpcError) and error.code == COD_NOT_ENABLED:
                await self._die_with_the_connection()
            if isinstance(error, RpcError) and error.code == MMP_REQUIRED:
                await self._protect(desk)
            log.info("mass quote refused, trying again with the next marks: %s", error)
            desk.book.lost_sight(entries)
            return
        self._read_reply(desk, entries, result)

    async def _die_with_the_connection(self) -> None:
        """Have the venue cancel our quotes when the connection goes; a new one asks for it anew."""
        with contextlib.suppress(RpcError, CallTimeout):
            await self._session.call("private/enable_cancel_on_disconnect", {"scope": "connection"})

    async def _protect(self, desk: Desk) -> None:
        """Have the venue withdraw all quotes of the desk where more trades in a second than we can answer."""
        with contextlib.suppress(RpcError, CallTimeout):
            await self._session.call(
                "private/set_mmp_config",
                {"index_name": desk.index_name, "mmp_group": MMP_GROUP, **PROTECTION},
            )

    def _read_reply(self, desk: Desk, entries: list[dict[str, Any]], result: Any) -> None:
        errors = result.get("errors") or []
        count = int(result.get("errors_count") or len(errors))
        self.sides_refused += count
        if count and not errors:
            # The short reply only counts them: send again, and ask which.
            desk.book.lost_sight(entries)
            desk.detailed = True
            return
        desk.detailed = False
        now_s = asyncio.get_running_loop().time()
        for error in errors:
            side = BID if error.get("side") in ("bid", "buy") else ASK
            code = int(error.get("code") or 0)
            desk.book.failed(error["instrument_name"], side, now_s + self._config.pause_s)
            log.debug("quote refused: %s", error)
            if code in FUNDS_CODES:
                self._cut_sizes(now_s)

    def _cut_sizes(self, now_s: float) -> None:
        """Quote less of everything."""
        if not self.sizes.cut(now_s):
            return
        log.info("funds are short: quoting %.0f %% of the configured sizes", 100.0 * self.sizes.share)
        for desk in self.desks.values():
            desk.wake.set()

    async def _report(self) -> None:
        resting = sum(len(desk.book) for desk in self.desks.values())
        log.info(
            "%d sides resting, %d quotes in %d frames, %d refused, %d fills",
            resting, self.quotes_sent, self.frames_sent, self.sides_refused, self.fills,
        )


def build_parser() -> argparse.ArgumentParser:
    """The command line, with defaults taken from the configuration classes."""
    quoting, maker = QuoteConfig(), MakerConfig()
    parser = argparse.ArgumentParser(
        prog="python -m clients.market_maker",
        description="Quote every option and perpetual of the venue around model value until stopped. "
        "Ctrl-C withdraws all quotes and leaves.",
        epilog="example: python -m clients.market_maker --url http://127.0.0.1:8080 "
        "--client-id maker --client-secret … --seed 7 --log-level info",
    )
    add_common_arguments(parser)
    group = parser.add_argument_group("quoting")
    group.add_argument(
        "--vol-width", type=float, default=quoting.vol_width_points, metavar="POINTS",
        help="half spread of options in volatility points (default: %(default)s)",
    )
    group.add_argument(
        "--size", type=int, default=quoting.size_multiple, metavar="N",
        help="quote size in minimum amounts of the instrument (default: %(default)s)",
    )
    group.add_argument(
        "--position-limit", type=int, default=quoting.position_limit_multiple, metavar="N",
        help="net position per instrument, in minimum amounts (default: %(default)s)",
    )
    group.add_argument(
        "--move-bps", type=float, default=maker.move_bps, metavar="BPS",
        help="index move that causes a requote (default: %(default)s)",
    )
    group.add_argument(
        "--frames-per-s", type=float, default=maker.frames_per_s, metavar="RATE",
        help="mass quotes a second at most, each up to 100 instruments (default: %(default)s)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the bot from a command line; the exit code."""
    parser = build_parser()
    arguments = parse(parser, argv)
    try:
        config = MakerConfig(
            quoting=QuoteConfig(
                vol_width_points=arguments.vol_width,
                size_multiple=arguments.size,
                position_limit_multiple=arguments.position_limit,
            ),
            frames_per_s=arguments.frames_per_s,
            move_bps=arguments.move_bps,
        )
        Pacer(config.frames_per_s)
    except ValueError as error:
        parser.error(str(error))

    async def trade() -> None:
        rng = random.Random(arguments.seed)
        async with Session(arguments.url, arguments.client_id, arguments.client_secret) as session:
            await MarketMaker(session, config, rng).run()

    return run_bot(trade, arguments.log_level, arguments.parent)


if __name__ == "__main__":
    sys.exit(main())
