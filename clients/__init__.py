"""What trades on the venue from outside: sessions over WebSocket, bots, and later an SDK and web clients."""
