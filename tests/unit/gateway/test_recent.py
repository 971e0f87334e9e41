"""Answers that are kept for a moment."""

from exchange.gateway.recent import AGE_MS_MAX, Recent


def test_an_answer_is_computed_ten_times_a_second_at_most() -> None:
    recent: Recent[int] = Recent()
    computed: list[int] = []

    def compute() -> int:
        computed.append(len(computed))
        return computed[-1]

    for ms in range(0, 1_000, 5):  # something is sequenced before every call
        recent.get(ms, ms, compute)
    assert len(computed) == 1_000 // AGE_MS_MAX
    # Nothing sequenced: the same for ever. A clock that steps back: not the same for ever.
    recent.get(900, 60_000, compute)
    assert len(computed) == 10
    assert recent.get(996, -5_000, compute) == 10
    recent.forget()
    assert recent.get(996, -5_000, compute) == 11
