"""The fitter that needs no process."""

from exchange.oracle.fitter import InlineFitter, NoFitter


def test_one_request_at_a_time_answered_at_the_next_poll() -> None:
    fitter = InlineFitter(bytes.upper)
    assert fitter.poll(0) is None
    assert fitter.submit(b"one", 0)
    assert not fitter.submit(b"two", 0)
    assert fitter.is_busy
    assert fitter.poll(0) == b"ONE"
    assert fitter.poll(0) is None
    assert fitter.submit(b"two", 0)
    fitter.stop()
    assert fitter.failures == 0


def test_nobody_answers_nothing() -> None:
    fitter = NoFitter()
    assert not fitter.submit(b"one", 0)
    assert not fitter.is_busy
    assert fitter.poll(0) is None
    fitter.stop()
