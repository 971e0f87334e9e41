"""docs/api-methods.md, made from the facts, the method table and the table of what is not served.

`python -m tests.conformance.schema.table > docs/api-methods.md`
"""

from __future__ import annotations

from exchange.gateway.methods.table import METHODS
from exchange.wire import errors
from exchange.wire.unavailable import SILENT_CHANNELS, UNAVAILABLE
from tests.conformance.schema import facts

_HEAD = """# Methods of the API

Every method of the dialect (Deribit API v2), by the section its documentation lists it under: served, or
the code that it answers with and why; then its channels. What a served method does differently stands in
[api-deviations.md](api-deviations.md). This table is generated: `python -m tests.conformance.schema.table`.
"""
_OURS = "strikebook_"


def page() -> str:
    """The whole document."""
    known = facts.methods()
    served = sum(name in METHODS for name in known)
    lines = [_HEAD, f"{len(known)} methods: {served} served, {len(known) - served} not.", ""]
    for section in sorted({method.section for method in known.values()}):
        lines += [f"## {section}", "", "| method | answers | why |", "|---|---|---|"]
        for name in sorted(name for name, method in known.items() if method.section == section):
            lines.append(_row(name))
        lines.append("")
    lines += ["## Channels", "", "| channel | access | answers | why |", "|---|---|---|---|"]
    for template, channel in sorted(facts.channels().items()):
        why = SILENT_CHANNELS.get(template, "")
        said = "accepted, stays silent" if why else "served"
        lines.append(f"| `{template}` | {channel.access} | {said} | {why} |")
    lines += ["", "## Beyond the dialect", ""]
    lines += [f"- `{name}`" for name in sorted(METHODS) if name not in known]
    return "\n".join(lines)


def _row(name: str) -> str:
    if name in METHODS:
        return f"| `{name}` | served | |"
    found = UNAVAILABLE[name]
    return f"| `{name}` | {found.code} `{errors.MESSAGES[found.code]}` | {found.why} |"


if __name__ == "__main__":
    print(page())
