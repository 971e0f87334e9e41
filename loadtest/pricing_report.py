"""One run of the pricing benchmark: the truth, one race of all, accuracy.

Everything takes its turns in one race, so that a slow spell of the machine, and there are long ones on shared
hardware, meets every figure alike.
"""

from __future__ import annotations

import argparse
import functools
import warnings
from typing import Any

import numpy as np

from loadtest.pricing_peers import PEERS
from loadtest.pricing_rows import (
    Case,
    Progress,
    implied_race,
    round_trip_rows,
    value_accuracy_rows,
    values_race,
)
from loadtest.pricing_table import Report
from loadtest.pricing_timing import take_turns
from loadtest.pricing_truth import Point, hard_points, solve
from loadtest.pricing_venue import chain_race, scenarios_race, surface_race
from loadtest.pricing_workload import Options, chain
from pricing import engines


def exact_chain(options: Options, progress: Progress) -> Case:
    """The chain with its exact values, in its order."""
    points = [Point(*row) for row in zip(*(column.tolist() for column in options[:4]), strict=True)]
    both, truth = solve(points, functools.partial(progress, "truth of the chain"))
    # Calls and puts alternate, none is left out: a chain holds no price below 1e-290.
    own = 2 * np.arange(len(points)) + np.where(options.is_call, 0, 1)
    if both.vol.size != 2 * len(points):
        raise ValueError("an option of the chain is worth less than 1e-290")
    return Case("chain", options, truth.at(own))


def run(options: argparse.Namespace, environment: dict[str, Any], progress: Progress) -> Report:
    """Everything the command line asks for."""
    report = Report(environment)
    listed = exact_chain(chain(options.options), progress)
    points = hard_points(options.grid)
    hard = Case("hard grid", *solve(points, functools.partial(progress, "truth of the hard grid")))
    cases = [listed, hard]
    names = [] if options.no_peers else list(PEERS)
    before = engines.current()
    values = values_race(listed.options, cases, names)
    implied = implied_race(listed, cases, names)
    naive = values.contestants[0]
    others = [chain_race(naive), scenarios_race(naive), surface_race()]
    races = [values, implied, *others]
    try:
        contestants = [contestant for race in races for contestant in race.contestants]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            take_turns(contestants, options.rounds, functools.partial(progress, "race"))
        progress("accuracy", 0, 1)
        for race, accuracy in ((values, value_accuracy_rows), (implied, round_trip_rows)):
            found = race.finish()
            report.rows += found.rows + accuracy(hard)
            report.peers += [] if found.peers is None else [found.peers]
        for race in others:
            report.rows += race.finish().rows
    finally:
        engines.select(before)
    return report
