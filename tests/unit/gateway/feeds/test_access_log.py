"""`user.access_log` tells an account who came in, and nobody else; where coins come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.gateway.rig import CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

CHANNEL = "user.access_log"


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


def sign_in(rig: RiskRig, made: dict[str, Any]) -> None:
    grant = {"grant_type": "client_credentials", "client_id": made["client_id"]}
    rig.connect().call("public/auth", client_secret=made["client_secret"], **grant)


def listening(client: Client) -> Client:
    assert client.call("private/subscribe", channels=[CHANNEL]) == [CHANNEL]
    return client


def test_a_sign_in_is_told_to_its_account_alone(rig: RiskRig) -> None:
    main = listening(rig.main())
    sub, made = rig.sub(main)
    listening(sub)
    sign_in(rig, made)
    (told,) = sub.taken(CHANNEL)
    assert told["data"] == made["client_id"]
    assert told == sub.call("private/get_access_log", count=1)[0]
    assert main.taken(CHANNEL) == []
    sub.call("private/unsubscribe", channels=[CHANNEL])
    sign_in(rig, made)
    assert sub.taken(CHANNEL) == []


def test_coins_come_from_the_owners_address(rig: RiskRig) -> None:
    main = rig.main()
    found = main.call("private/get_current_deposit_address", currency="USDC")
    assert found["address"] == "0x" + rig.venue.owner_of(main.account or 0).hex()
    assert found["creation_timestamp"] > 0
    assert main.call("private/create_deposit_address", currency="USDC") == found
    with pytest.raises(CallFailed) as refused:
        main.call("private/get_current_deposit_address", currency="BTC")
    assert refused.value.code == 11097
