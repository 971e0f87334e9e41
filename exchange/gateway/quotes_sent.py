"""Mass quotes that are under way: sent, and perhaps not applied yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Sent:
    """A `mass_quote` that is under way."""

    __slots__ = ("_all", "instruments", "labels")

    def __init__(self, labels: Sequence[str], instruments: Sequence[int], all_sent: list[Sent]) -> None:
        self.labels = labels
        self.instruments = instruments
        self._all = all_sent
        all_sent.append(self)

    def forget(self) -> None:
        """It is applied, or was not taken."""
        self._all.remove(self)

    def until(self, done: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """`done`, and forgotten."""

        def finish(packed: bytes) -> None:
            self.forget()
            done(packed)

        return finish


class QuotesSent:
    """What `mass_quote` has sent and the engine may not have applied, by account."""

    def __init__(self) -> None:
        self._sent: dict[int, list[Sent]] = {}

    def sent(self, account: int, labels: Sequence[str], instruments: Sequence[int]) -> Sent:
        """Remember quotes until their answer."""
        return Sent(labels, instruments, self._sent.setdefault(account, []))

    def of(self, account: int) -> Sequence[Sent]:
        """What is under way for an account."""
        return self._sent.get(account, ())
