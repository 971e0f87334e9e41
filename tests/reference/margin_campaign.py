"""An engine against the float twins: `python -m tests.reference.margin_campaign --portfolios 100000`.

One portfolio is one account of one random world after one move of its market; a failing one is named by its
seed, move and account, and found again with `--first-seed SEED --portfolios 1`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exchange.domain import records as r
from tests.reference import margin_float as twin
from tests.reference.margin_bounds import Span, Spans, portfolio_spans, standard_spans
from tests.reference.margin_engines import ENGINES, Books
from tests.reference.margin_worlds import Portfolio, World

MOVES = 4
_NAMES = ("initial margin", "maintenance margin", "balance")


class Disagreement(AssertionError):
    """Engine and twin differ by more than their roundings."""


@dataclass
class Tally:
    """What a campaign came to. `most` is the largest share of an allowed difference that was used."""

    portfolios: int = 0
    figures: int = 0
    most: float = 0.0


def compare(
    engine: Callable[[], Books],
    seeds: Iterator[int],
    portfolios: int,
    told: Callable[[Tally], None] | None = None,
) -> Tally:
    """Compare at least `portfolios` random portfolios, a fresh engine a world.

    Raises:
        Disagreement: at the first figure outside its bounds.
    """
    tally = Tally()
    while tally.portfolios < portfolios:
        world = World(next(seeds), engine())
        for move in range(MOVES):
            if move:
                world.move()
            for portfolio in world.portfolios():
                _compare_one(world, f"world {world.seed} move {move}", portfolio, tally)
        if told:
            told(tally)
    return tally


def _compare_one(world: World, where: str, portfolio: Portfolio, tally: Tally) -> None:
    tally.portfolios += 1
    # What an open order holds was fixed under the account's own model.
    models = (portfolio.model,) if portfolio.has_orders else (r.MODEL_STANDARD, r.MODEL_PORTFOLIO)
    for model in models:
        found = world.engine.margins(portfolio.account, model)
        if model == portfolio.model and found != world.engine.enforced(portfolio.account):
            raise Disagreement(f"{where}: account {portfolio.account}: its own model's dry run is another")
        expected, spans = _twin(world, portfolio, model)
        for name, got, want, span in zip(_NAMES, found, expected, spans, strict=True):
            _judge(f"{where}: account {portfolio.account}, model {model}, {name}", got, want, span, tally)


def _twin(world: World, held: Portfolio, model: int) -> tuple[tuple[float, float, float], Spans]:
    parameters = world.parameters()
    if model == r.MODEL_STANDARD:
        initial, maintenance = twin.standard(held.holdings, parameters.__getitem__)
        balance = twin.standard_balance(held.cash, held.holdings)
        return (initial, maintenance, balance), standard_spans(held.holdings, held.cash)
    initial, maintenance = twin.portfolio(held.holdings, parameters.__getitem__)
    spans = portfolio_spans(held.holdings, held.cash, parameters, world.quanta())
    return (initial, maintenance, twin.equity(held.cash, held.holdings)), spans


def _judge(what: str, got_micro: int, want: float, span: Span, tally: Tally) -> None:
    off = got_micro - want * twin.MICRO
    if not span.low <= off <= span.high:
        raise Disagreement(f"{what}: {got_micro} is {off:.3f} from the twin's, allowed {span}")
    bound = span.high if off > 0 else -span.low
    tally.figures += 1
    tally.most = max(tally.most, abs(off) / bound)


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 0 if every portfolio agreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--portfolios", type=int, default=100_000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="core")
    chosen = parser.parse_args(arguments)
    seeds = iter(range(chosen.first_seed, sys.maxsize))
    started = time.monotonic()

    def told(tally: Tally) -> None:
        rate = tally.portfolios / (time.monotonic() - started)
        sys.stderr.write(f"\r{tally.portfolios:,}/{chosen.portfolios:,} portfolios · {rate:,.0f}/s ")
        sys.stderr.flush()

    try:
        tally = compare(ENGINES[chosen.engine], seeds, chosen.portfolios, told)
    except Disagreement as found:
        print(f"\n{found}")
        return 1
    sys.stderr.write("\n")
    print(f"{tally.portfolios:,} portfolios, {tally.figures:,} figures: all within their roundings")
    print(f"(at most {tally.most:.0%} of an allowed difference used)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
