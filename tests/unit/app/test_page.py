"""The page at ``/``: self-contained, and unable to turn data into markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import exchange.app
from exchange.gateway.api_documents import api_documents
from exchange.gateway.methods.table import METHODS
from exchange.wire.messages.channels import CHANNELS
from exchange.wire.messages.methods import CALLS

PAGE = Path(exchange.app.__file__).parent / "page"
SCRIPT = "\n".join(path.read_text() for path in sorted(PAGE.glob("*.js")))
STYLE = (PAGE / "page.css").read_text()
MARKUP = (PAGE / "index.html").read_text()


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[str] = []
        self.inline = 0
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes += found
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [value for key, value in attrs if key in ("src", "href") and value]
        self._script = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        self.inline += self._script and bool(data.strip())
        self._script = False


def parsed() -> _Markup:
    markup = _Markup()
    markup.feed(MARKUP)
    return markup


def test_it_needs_nothing_from_elsewhere() -> None:
    links = [link for link in parsed().links if link != "data:,"]
    parts = [path.name for path in PAGE.iterdir() if path.suffix != ".html"]
    assert sorted(links) == sorted([*parts, *api_documents(METHODS)])
    for text in (SCRIPT, STYLE, MARKUP):
        assert not re.search(r"https?://", text)
    assert "@import" not in STYLE
    assert "url(" not in STYLE


def test_nothing_is_inline_so_a_strict_content_policy_holds() -> None:
    markup = parsed()
    assert markup.inline == 0
    assert not [name for name in markup.attributes if name == "style" or name.startswith("on")]


def test_data_never_becomes_markup() -> None:
    for means in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert means not in SCRIPT


def test_the_methods_it_calls_and_the_channels_it_follows_are_served() -> None:
    called = set(re.findall(r'venue\.call\("([a-z_/]+)"', SCRIPT))
    assert len(called) > 4
    assert called <= set(CALLS)
    followed = set(re.findall(r'"(strikebook\.[a-z_]+)"', SCRIPT))
    assert followed <= set(CHANNELS)
    assert len(followed) == 3


def test_every_element_the_script_asks_for_exists_once() -> None:
    ids = parsed().ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'\$\("([a-z0-9-]+)"\)', SCRIPT)) <= set(ids)
