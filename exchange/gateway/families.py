"""Which accounts belong together: main accounts and their subaccounts, as ACCOUNT events tell it."""

from __future__ import annotations

from collections.abc import Iterable


class Families:
    """Main accounts by account; a main account is its own."""

    def __init__(self) -> None:
        self._mains: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}  # subaccounts by main account, in id order

    def load(self, mains: Iterable[tuple[int, int]]) -> None:
        """Take (account, main or 0) of every account."""
        for account, main in mains:
            self.add(account, main)

    def add(self, account: int, main: int) -> None:
        """An account was created under `main` (0: it is a main account); known ones change nothing."""
        if main and account not in self._mains:
            self._mains[account] = main
            self._members.setdefault(main, []).append(account)

    def main_of(self, account: int) -> int:
        """The main account of an account: itself if it is one."""
        return self._mains.get(account, account)

    def is_main(self, account: int) -> bool:
        """Whether an account is a main account."""
        return account not in self._mains

    def subaccounts(self, main: int) -> list[int]:
        """The subaccounts of a main account, in id order."""
        return list(self._members.get(main, ()))

    def related(self, one: int, other: int) -> bool:
        """Whether two accounts have the same main account."""
        return self.main_of(one) == self.main_of(other)
