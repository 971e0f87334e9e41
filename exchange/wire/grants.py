"""A grant's terms as the API names them: what a client sends to have it activated, and what is told of it."""

from __future__ import annotations

from exchange.attest.grants import Grant


def terms_of(grant: Grant) -> dict[str, object]:
    """The fields of `public/strikebook_activate_grant` that are the grant's own, without signatures."""
    return {
        "account": grant.account,
        "grant": grant.number,
        "session_key": "0x" + grant.session_key.hex(),
        "rights": grant.scope,
        "underlyings": list(grant.underlyings),
        "instruments": list(grant.instruments),
        "max_order_lots": grant.max_order_lots,
        "expires_at": grant.expiry_ms,
    }
