"""The real chain of tests/data, read once."""

import csv
from functools import cache
from pathlib import Path

from pricing.surface import BookSummaries, read_summaries

PATH = Path(__file__).parents[2] / "data" / "deribit_eth_20240108.csv"


@cache
def real_chain() -> BookSummaries:
    """684 ETH options in 11 expiries, 2024-01-08."""
    with PATH.open(newline="") as file:
        return read_summaries(csv.DictReader(file))
