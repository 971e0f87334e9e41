"""docs/contracts-abi.md: every function, event and error of the contracts, out of their sources.

`python -m tests.unit.settlement.contracts.reference` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from settlement.contracts import compiler
from settlement.contracts.deployment import EXECUTORS, SOURCES
from settlement.contracts.evm import type_of

PAGE: Final = Path(__file__).parents[4] / "docs" / "contracts-abi.md"
_FUNCTION: Final = re.compile(r'\n(?:@\w+\n)*def (\w+)\([^"]*?:\n    """\n(.*?)    """', re.DOTALL)
_TAG: Final = re.compile(r"@(notice|param|return|custom:errors|dev) (.*?)(?=\n\s*@|\Z)", re.DOTALL)
_CODE: Final = re.compile(r'"([A-Z]+)"$', re.MULTILINE)
_HEAD: Final = """# Contracts: functions, events, errors

Out of the sources, by `python -m tests.unit.settlement.contracts.reference`; what they are for:
[contracts.md](contracts.md). A refusal reverts with its code as reason. Public variables are read by
functions of their names. Beside its own errors a function has those of what it calls: see there.

"""


def source_of(name: str) -> str:
    """A contract's source."""
    return (compiler.SOURCES / f"{name}.vy").read_text()


def codes_of(name: str) -> set[str]:
    """The codes a contract's own source reverts with."""
    return set(_CODE.findall(source_of(name)))


def _tags(text: str) -> dict[str, str]:
    return {tag: re.sub(r"\s+", " ", told).strip() for tag, told in _TAG.findall(text)}


def _types(entries: list[dict[str, Any]]) -> str:
    return ", ".join(f"{type_of(each)} {each['name']}".strip() for each in entries)


def section(name: str) -> str:
    """A contract's part of the page."""
    functions = (_FUNCTION.match(part) for part in source_of(name).split("@external")[1:])
    notes = {found[1]: _tags(found[2]) for found in functions if found}
    abi = compiler.compiled(name).abi
    lines = [f"## {name}", "", "| function | | errors |", "|---|---|---|"]
    for each in abi:
        told = notes.get(each.get("name", ""), {})
        if each["type"] == "function" and told:
            what, errors = told.get("notice", ""), told.get("custom:errors", "")
            lines.append(f"| {each['name']}({_types(each['inputs'])}) | {what} | {errors} |")
    public = [each["name"] for each in abi if each["type"] == "function" and each["name"] not in notes]
    if public:
        lines += ["", f"Read: {', '.join(public)}."]
    events = [each for each in abi if each["type"] == "event"]
    if events:
        told_events = "; ".join(f"{each['name']}({_types(each['inputs'])})" for each in events)
        lines += ["", f"Events: {told_events}."]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(section(name) for name in (*SOURCES.values(), *EXECUTORS))


if __name__ == "__main__":
    PAGE.write_text(page())
