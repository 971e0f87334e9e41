"""What can be wrong with a step or a witness."""

from __future__ import annotations


class TransitionError(ValueError):
    """A step that the state does not allow: it makes its batch wrong."""


class StepError(TransitionError):
    """One of several steps is not allowed: step `at`."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.at = at


class WitnessError(ValueError):
    """A witness that does not open what the step needs, or does not lead to the roots: it proves nothing."""


def need(condition: bool, text: str) -> None:
    """Raises TransitionError with the text unless the condition holds."""
    if not condition:
        raise TransitionError(text)
