"""Chains and slices from CSV and JSON files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Final

from clients.surface_view.quotes import Market, Record, SurfaceViewError, market
from pricing.surface import SurfaceError, SviSlice

BYTES_MAX: Final = 64 * 1024 * 1024
_SLICE_FIELDS: Final = ("years", "a", "b", "rho", "m", "sigma")
_NAME_PARTS: Final = 4
"""Underlying, expiry, strike and kind: a future's name has fewer."""
_NEEDED: Final = (
    ("a strike", ("strike", "strike_price", "instrument_name")),
    ("an expiry", ("years", "expiration_timestamp", "expiry", "expire_date", "instrument_name")),
    ("a kind", ("type", "option_type", "instrument_name")),
    ("a forward", ("forward", "underlying_price")),
    (
        "a volatility or a price",
        tuple(f"{side}{ending}" for side in ("bid", "ask", "mark") for ending in ("_iv", "", "_price")),
    ),
)


def read(path: Path) -> Market | list[SviSlice]:
    """The chain in the file; or raw SVI slices, where a JSON file has ``slices``.

    SurfaceViewError: ``cannot_read``, ``empty``, ``bad_columns``, ``bad_json``, ``bad_record``, ``no_vols``.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SurfaceViewError("cannot_read", f"{path} is larger than {BYTES_MAX >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SurfaceViewError("cannot_read", f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SurfaceViewError("cannot_read", f"{path} is no text in UTF-8") from None
    if not text.strip():
        raise SurfaceViewError("empty", f"{path} is empty")
    if text.lstrip()[0] in "{[":
        return _from_json(text, path)
    return _from_csv(text, path)


def _from_csv(text: str, path: Path) -> Market:
    rows = csv.DictReader(text.splitlines())
    columns = [name.strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = columns
    _check_columns(columns, path)
    return market(filter(_is_option, (dict(row) for row in rows)), "", path.name)


def _is_option(row: Record) -> bool:
    """False for the futures that stand among the options in a venue's own reply."""
    if row.get("kind"):
        return bool(row["kind"] == "option")
    parts = str(row.get("instrument_name") or "").split("-")
    return len(parts) in (1, _NAME_PARTS) or bool(row.get("strike") or row.get("strike_price"))


def _check_columns(columns: list[str], path: Path) -> None:
    for what, names in _NEEDED:
        if not set(names) & set(columns):
            raise SurfaceViewError(
                "bad_columns",
                f"{path} has no column for {what} ({', '.join(names)}); it has: {', '.join(columns)}",
            )


def _from_json(text: str, path: Path) -> Market | list[SviSlice]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SurfaceViewError("bad_json", f"{path} is no JSON: {error}") from None
    if isinstance(found, dict) and "slices" in found:
        return _slices(found["slices"], path)
    common: Record = {}
    if isinstance(found, dict):
        common = {key: found[key] for key in ("time", "forward", "underlying") if key in found}
        found = found.get("options", found.get("result"))
    if not (isinstance(found, list) and all(isinstance(row, dict) for row in found)):
        raise SurfaceViewError(
            "bad_json", f"{path} needs a list of options, or an object with 'options' or 'slices'"
        )
    options = [{**common, **row} for row in found]
    return market(filter(_is_option, options), "", path.name)


def _slices(found: Any, path: Path) -> list[SviSlice]:
    if not (isinstance(found, list) and found and all(isinstance(row, dict) for row in found)):
        raise SurfaceViewError("empty", f"{path}: 'slices' is no list of objects, or empty")
    slices = []
    for number, row in enumerate(found, start=1):
        try:
            slices.append(SviSlice(*(float(row[name]) for name in _SLICE_FIELDS)))
        except KeyError as missing:
            raise SurfaceViewError("bad_record", f"{path}, slice {number}: no {missing.args[0]}") from None
        except (TypeError, ValueError) as error:
            code = "bad_record"
            what = str(error) if isinstance(error, SurfaceError) else "a parameter is no number"
            raise SurfaceViewError(code, f"{path}, slice {number}: {what}") from None
    slices.sort(key=lambda piece: piece.years)
    return slices
