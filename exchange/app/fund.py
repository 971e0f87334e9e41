"""The insurance fund's capital: paid in by the operator through the L1, once."""

from __future__ import annotations

import logging
from typing import Final

from exchange.app.parameters import Parameters
from exchange.app.venue_port import VenuePort
from exchange.core import risk_queries
from exchange.domain.limits import ACCOUNT_INSURANCE
from exchange.gateway.ports import DepositPort

OPERATOR: Final = bytes(20)
_log = logging.getLogger(__name__)


class FundCapital:
    """Asks the L1 for the fund's capital when the rules that know of a fund have come into force.

    Asked for by the process that activates them, and by one that finds no deposit at all in the journal. One
    that dies between the activation and the L1's answer leaves either nothing or a transaction that arrives
    later.
    """

    def __init__(self, venue: VenuePort, parameters: Parameters, deposits: DepositPort | None) -> None:
        self._venue = venue
        self._parameters = parameters
        self._deposits = deposits
        self._is_new = venue.engine.last_deposit_id == 0
        self._was_asked = False

    def look(self) -> None:
        """Ask, once, if it is time."""
        if self._was_asked or self._deposits is None or not self._parameters.in_force:
            return
        self._was_asked = True
        amount_micro = self._parameters.configured.fund_micro
        engine = self._venue.engine
        is_first = self._is_new or self._parameters.was_activated
        is_empty = risk_queries.rules(engine) >= 2 and risk_queries.fund_micro(engine) == 0
        if amount_micro and is_first and is_empty:
            self._deposits.faucet(OPERATOR, ACCOUNT_INSURANCE, amount_micro)
            _log.info("the insurance fund is capitalised with %d USDC", amount_micro // 1_000_000)
