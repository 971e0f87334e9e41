"""The command line: ``strikebook surface``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clients.surface_view import files, terminal, venue
from clients.surface_view.quotes import Market, SurfaceViewError
from clients.surface_view.view import FITS, View, of_market, of_slices

PORT_VARIABLE: Final = "STRIKEBOOK_PORT"
PORT_DEFAULT: Final = "8080"

DESCRIPTION: Final = """\
Draw the volatility surface: a smile for each expiry with bids, offers and the fitted curve, the term
structure (at the money and 25-delta), and the slices of total variance. Static arbitrage in what is drawn is
marked in red and said in words.

Without FILE it asks the running exchange; with FILE it reads a chain:

  CSV    one option a line, with a header. Needed: strike, type (C or P), forward, and either years, or expiry
         (2026-11-27 or 27NOV26: 08:00 UTC, or milliseconds) together with time; and any of bid_iv, ask_iv,
         mark_iv in percent, or of bid, ask, mark as undiscounted prices. Deribit's book summaries as CSV
         (expire_date, strike_price, underlying_price, …, prices in coins) are read as they are
  JSON   {"time": …, "options": [{…}, …]} with the same fields, or the reply of
         public/get_book_summary_by_currency as it came
  JSON   {"slices": [{"years": 1, "a": …, "b": …, "rho": …, "m": …, "sigma": …}, …]}: raw SVI, as given
"""

EPILOG: Final = """\
examples:
  strikebook surface                                    the BTC surface of the exchange on this machine
  strikebook surface --underlying ETH --png eth.png     and a picture
  strikebook surface chain.csv --fit separate           each expiry by itself: see what arbitrage that leaves
  strikebook surface btc.json --png btc.png --quiet     a saved reply of the exchange, picture only

exit status: 0 drawn (arbitrage or not), 1 nothing could be drawn, 2 wrong arguments
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    found = argparse.ArgumentParser(
        prog="strikebook surface",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port = os.environ.get(PORT_VARIABLE) or PORT_DEFAULT
    add = found.add_argument
    add("file", nargs="?", type=Path, metavar="FILE", help="CSV or JSON; without it the exchange is asked")
    add("--url", default=f"http://127.0.0.1:{port}", help="the exchange (%(default)s)")
    add("--underlying", default="BTC", metavar="SYMBOL", help="of the exchange: BTC, ETH (%(default)s)")
    add("--png", type=Path, metavar="PATH", help="write a picture there")
    add("--fit", choices=FITS, default=FITS[0], help="the curve through the quotes (%(default)s)")
    add("--width", type=int, metavar="CELLS", help="of the drawing (default: the terminal's)")
    add("--quiet", action="store_true", help="draw nothing in the terminal, say only what was found")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    if options.width is not None and options.width < terminal.WIDTH_MIN:
        command_line.error(f"--width {options.width} is too narrow: at least {terminal.WIDTH_MIN}")
    try:
        view = look(options.file, options.url, options.underlying, options.fit)
        if not options.quiet:
            width = options.width or shutil.get_terminal_size((100, 40)).columns
            print(terminal.text(view, width, colours=_coloured()))
        else:
            print("\n".join(view.findings() or ["no static arbitrage"]))
        if options.png is not None:
            _draw(view, options.png)
    except SurfaceViewError as error:
        print(f"strikebook surface: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # a pager that was closed early
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def look(file: Path | None, url: str, underlying: str, method: str) -> View:
    """What is to be drawn, from the file or the exchange. Raises SurfaceViewError."""
    if file is None:
        return of_market(venue.read(url, underlying), method)
    found = files.read(file)
    return of_market(found, method) if isinstance(found, Market) else of_slices(found, file.name)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _draw(view: View, path: Path) -> None:
    # Late: matplotlib takes a second to load, and is an extra.
    from clients.surface_view.picture import write_png

    write_png(view, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    sys.exit(main())
