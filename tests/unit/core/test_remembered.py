"""What is remembered of client order ids, against a plain model (`exchange.core.remembered`)."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core import remembered
from exchange.core.engine import Engine, InvariantError
from exchange.core.invariants import check
from exchange.core.layout import (
    H_COUNT,
    K_ID,
    K_JUMP,
    K_ORDER,
    KEPT_WORDS,
    LINE_WORDS,
    N_LAST,
    N_LIVE,
    STREAM_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits

MOST = (1 << 64) - 1


def signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


@pytest.mark.parametrize("a", [0, 1, (1 << 63) - 1, 1 << 63, MOST - 1, MOST])
@pytest.mark.parametrize("b", [0, 1, (1 << 63) - 1, 1 << 63, MOST - 1, MOST])
def test_unsigned_words_compare(a: int, b: int) -> None:
    assert remembered.below(signed(a), signed(b)) == (a < b)


def new_world(accounts: int = 3) -> World:
    engine = Engine()
    for _ in range(accounts):
        engine.world.add_account()
    return engine.world


@pytest.mark.interpreted
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(1, 1 << 59)), max_size=150),
    st.integers(1, 12),
    st.integers(5, 30),
)
def test_it_remembers_what_a_model_does(
    steps: list[tuple[int, int, int]], window: int, most: int
) -> None:
    w = new_world()
    w.id_window = window
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MAX_REMEMBERED", most)
        model: OrderedDict[tuple[int, int, int], int] = OrderedDict()
        lasts: dict[tuple[int, int], int] = {}
        for seq, (who, grant, step) in enumerate(steps, 1):
            account = limits.FIRST_USER_ACCOUNT + who
            client = min(MOST, lasts.get((account, grant), 0) + step)
            if client == lasts.get((account, grant)):
                continue
            lasts[account, grant] = client
            stream = remembered.fresh(w, account, grant, signed(client))
            if stream == 0:
                stream = remembered.make_stream(w, account, grant)
            remembered.keep(w, stream, signed(client), seq, 0, seq)
            model[account, grant, client] = seq
            mine = [key for key in model if key[0] == account]
            for key in mine[: max(0, len(mine) - window)]:
                del model[key]
            if len(model) > most:
                model.popitem(last=False)
        for (account, grant), newest in lasts.items():
            stream = w.stream_ids.find(account << 32 | grant)
            known = {key[2] for key in model if key[:2] == (account, grant)}
            for client in {*known, newest, newest - 1, newest + 1, 1, MOST}:
                slot = remembered.find(w, stream, signed(client))
                assert (slot != 0) == (client in known)
                if slot != 0:
                    assert w.kept.data[slot * KEPT_WORDS + K_ORDER] == model[account, grant, client]


@pytest.mark.interpreted
@pytest.mark.parametrize(("window", "ids"), [(1_000, 5_000), (1_023, 4_096), (1_024, 3_000), (4, 100)])
def test_a_look_up_takes_few_steps(window: int, ids: int, monkeypatch: pytest.MonkeyPatch) -> None:
    w = new_world()
    w.id_window = window
    account = limits.FIRST_USER_ACCOUNT
    stream = remembered.make_stream(w, account, 0)
    for client in range(2, 2 * ids, 2):
        remembered.keep(w, stream, client, client, 0, client)
    steps = 0

    def counted(a: int, b: int) -> bool:
        nonlocal steps
        steps += 1
        return signed(a) & MOST < signed(b) & MOST

    monkeypatch.setattr(remembered, "below", counted)
    worst = 0
    for client in range(2 * (ids - window), 2 * ids):
        steps = 0
        assert (remembered.find(w, stream, client) != 0) == (client % 2 == 0)
        worst = max(worst, steps)
    assert worst <= 8 * window.bit_length()


def damaged() -> Engine:
    engine = Engine()
    engine.world.add_account()
    stream = remembered.make_stream(engine.world, 64, 0)
    for client in range(1, 20):
        remembered.keep(engine.world, stream, client, client, 0, client)
    check(engine)
    return engine


@pytest.mark.parametrize(
    "word",
    [
        ("kept", 3 * KEPT_WORDS + K_ID),
        ("kept", 3 * KEPT_WORDS + 4),
        ("kept", 3 * KEPT_WORDS + 5),
        ("kept", 3 * KEPT_WORDS + 6),
        ("id_streams", STREAM_WORDS + N_LAST),
        ("id_streams", STREAM_WORDS + N_LIVE),
        ("id_lines", 64 * LINE_WORDS + H_COUNT),
    ],
)
def test_damage_is_noticed(word: tuple[str, int]) -> None:
    engine = damaged()
    where = getattr(engine.world, word[0])
    data = where if word[0] == "id_lines" else where.data
    data[word[1]] += 100
    with pytest.raises((InvariantError, IndexError)):
        check(engine)


def test_a_jump_beyond_what_is_remembered_is_not_taken() -> None:
    engine = damaged()
    engine.world.id_window = 4
    remembered.keep(engine.world, 1, 20, 20, 0, 20)
    assert any(engine.world.kept.data[slot * KEPT_WORDS + K_JUMP] >> 32 > 4 for slot in range(1, 20))
    check(engine)
    assert [c for c in range(1, 22) if remembered.find(engine.world, 1, c)] == [17, 18, 19, 20]
