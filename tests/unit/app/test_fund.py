"""The insurance fund's capital is asked for once, when the rules that know of a fund are in force."""

from exchange.app.fund import OPERATOR, FundCapital
from exchange.app.parameters import Parameters, VenueParameters
from exchange.core import risk_queries
from exchange.domain import commands as c
from exchange.domain.limits import ACCOUNT_INSURANCE
from tests.unit.app.direct import USDC, DirectVenue

CAPITAL = 10_000_000 * USDC


class Faucet:
    def __init__(self, venue: DirectVenue) -> None:
        self.venue = venue
        self.asked: list[tuple[bytes, int, int]] = []

    def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
        self.asked.append((owner, account, amount_micro))
        self.venue.do(c.deposit(account, amount_micro, self.venue.engine.last_deposit_id + 1))


def started(venue: DirectVenue, rules: int = 2, fund_micro: int = CAPITAL) -> Faucet:
    """A process starts and looks a few times."""
    faucet = Faucet(venue)
    parameters = Parameters(venue, VenueParameters(rules=rules, fund_micro=fund_micro))
    fund = FundCapital(venue, parameters, faucet)
    for _ in range(3):
        parameters.look()
        fund.look()
        venue.run(0.01)
    return faucet


def test_a_first_start_capitalises_the_fund_and_the_next_does_not() -> None:
    venue = DirectVenue()
    assert started(venue).asked == [(OPERATOR, ACCOUNT_INSURANCE, CAPITAL)]
    assert risk_queries.fund_micro(venue.engine) == CAPITAL
    assert started(venue).asked == []


def test_an_older_journal_gets_its_fund_with_the_rules() -> None:
    venue = DirectVenue()
    venue.open_for(1, 100)
    assert started(venue, rules=1).asked == []
    assert len(started(venue).asked) == 1
    assert started(venue).asked == []


def test_a_fund_that_was_used_up_is_the_operators_business() -> None:
    venue = DirectVenue()
    started(venue, fund_micro=0)
    venue.open_for(1, 100)
    assert started(venue).asked == []


def test_without_an_l1_nothing_is_asked() -> None:
    venue = DirectVenue()
    parameters = Parameters(venue, VenueParameters(rules=2))
    parameters.look()
    venue.run(0.01)
    FundCapital(venue, parameters, None).look()
    assert risk_queries.fund_micro(venue.engine) == 0
