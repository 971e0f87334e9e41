"""Labels are interned once, replayed, swept, and their ids never come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import commands
from exchange.domain import records as r
from exchange.gateway import labels as labels_module
from exchange.gateway.labels import LabelError, Labels, label_section
from tests.unit.gateway.rig import Rig


def test_the_first_use_brings_a_side_record_and_later_uses_none() -> None:
    labels = Labels()
    label, command = labels.intern(64, "hedge")
    assert command == commands.label(64, label, "hedge")
    assert labels.intern(64, "hedge") == (label, None)
    assert labels.text(64, label) == "hedge"
    assert labels.find(64, "hedge") == label


def test_accounts_do_not_share_labels() -> None:
    labels = Labels()
    labels.intern(64, "a")
    assert labels.find(65, "a") == 0
    assert labels.text(65, 1) == ""
    assert labels.intern(65, "a")[0] == 1


@pytest.mark.parametrize("text", ["", "x" * 257, "ü" * 129, "\ud800"])
def test_labels_that_fit_no_record_are_refused(text: str) -> None:
    with pytest.raises(LabelError):
        Labels().intern(64, text)


_USES = st.tuples(st.integers(64, 66), st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))


@given(st.lists(_USES))
def test_replay_rebuilds_the_tables(uses: list[tuple[int, str]]) -> None:
    labels = Labels()
    sequenced = []
    for account, text in uses:
        _, command = labels.intern(account, text)
        sequenced.append(command or commands.cancel_many(account))
    replayed = Labels()
    replayed.replay(b"".join(sequenced))
    assert replayed.section() == labels.section()
    restored = Labels()
    restored.restore(labels.section())
    assert restored.section() == labels.section()
    again = Labels.from_journal(
        b"", [(a, n, t) for a, table in labels.section().items() for n, t in table.items()]
    )
    assert Labels.from_journal(again.pack(), []).section() == labels.section()


def test_a_sweep_keeps_what_is_used_and_never_gives_an_id_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_module, "RECENT", 1)
    labels = Labels()
    ids = [labels.intern(64, f"q{n}")[0] for n in range(10)]
    assert labels.keep_only(64, ids[:2]) == 7
    assert [labels.text(64, label) for label in (ids[0], ids[1], ids[2], ids[9])] == ["q0", "q1", "", "q9"]
    assert labels.keep_only(64, []) == 2
    restored = Labels()
    restored.restore(labels.section())
    assert restored.intern(64, "new")[0] == ids[-1] + 1
    assert restored.intern(64, "q0")[0] == ids[-1] + 2


def test_a_sweep_is_due_only_when_the_table_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_module, "SWEEP_AT", 4)
    labels = Labels()
    ids = [labels.intern(64, str(n))[0] for n in range(4)]
    assert labels.needs_sweep(64)
    labels.keep_only(64, ids)
    assert not labels.needs_sweep(64)
    for n in range(4, 8):
        labels.intern(64, str(n))
    assert labels.needs_sweep(64)


def test_a_label_whose_command_was_not_taken_is_interned_anew() -> None:
    labels = Labels()
    label, _ = labels.intern(64, "a")
    labels.forget(64, label)
    assert labels.find(64, "a") == 0
    again, command = labels.intern(64, "a")
    assert again == label + 1
    assert command is not None


def test_a_record_without_units_is_refused() -> None:
    with pytest.raises(ValueError, match="no units"):
        Labels().replay(bytes(r.UNIT_BYTES))


def test_a_snapshot_carries_labels_of_open_orders_and_recent_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_module, "RECENT", 2)
    rig = Rig().open()
    client = rig.client()
    for number in range(6):
        order = client.buy(amount=1, price=4000, label=f"l{number}")["order"]
        if number != 1:
            client.call("private/cancel", order_id=order["order_id"])
    table = rig.venue.labels.section()[client.account or 0]
    records = [(client.account or 0, label, text) for label, text in table.items()]
    section = label_section(b"", records, rig.engine)
    assert Labels.from_journal(section, []).section() == {client.account: {2: "l1", 5: "l4", 6: "l5"}}
