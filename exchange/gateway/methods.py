"""All methods of the API in one table."""

from __future__ import annotations

from typing import Final

from exchange.gateway import (
    authentication,
    methods_account,
    methods_addresses,
    methods_auctions,
    methods_charts,
    methods_disconnect,
    methods_errors,
    methods_family,
    methods_history,
    methods_keys,
    methods_ledger,
    methods_margin,
    methods_market,
    methods_public,
    methods_quotes,
    methods_session,
    methods_settings,
    methods_settlements,
    methods_shortcuts,
    methods_tokens,
    methods_trades,
    methods_trading,
    methods_venue,
    methods_wallet,
)
from exchange.gateway.dispatch import Handler

METHODS: Final[dict[str, Handler]] = {
    "public/auth": authentication.auth,
    "public/strikebook_sign_up": authentication.sign_up,
    **methods_public.METHODS,
    **methods_session.METHODS,
    **methods_trading.METHODS,
    **methods_shortcuts.METHODS,
    **methods_addresses.METHODS,
    **methods_quotes.METHODS,
    **methods_account.METHODS,
    **methods_history.METHODS,
    **methods_trades.METHODS,
    **methods_ledger.METHODS,
    **methods_charts.METHODS,
    **methods_margin.METHODS,
    **methods_family.METHODS,
    **methods_keys.METHODS,
    **methods_tokens.METHODS,
    **methods_disconnect.METHODS,
    **methods_wallet.METHODS,
    **methods_settlements.METHODS,
    **methods_venue.METHODS,
    **methods_auctions.METHODS,
    **methods_errors.METHODS,
    **methods_settings.METHODS,
    **methods_market.METHODS,
}
