"""The certificate of the venue's port."""

from __future__ import annotations

import ssl
from pathlib import Path


class TlsError(Exception):
    """Files that make no TLS endpoint; the message says why and what to do."""


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """A server's context, TLS 1.2 or newer, or None without a certificate.

    Raises:
        TlsError: one file without the other, or files that cannot be read or do not fit.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise TlsError("--tls-cert and --tls-key go together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as wrong:
        raise TlsError(
            f"{cert} and {key} make no certificate chain with its key: {wrong.strerror or wrong}"
        ) from None
    return context
