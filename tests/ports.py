"""A port for a server that a test starts."""

from __future__ import annotations

import random
import socket

BELOW_THOSE_THAT_ARE_GIVEN_OUT = range(20_000, 32_000)


def free_port() -> int:
    """Return a free port that the system gives to no one who asks for any, so it is free a while later too."""
    while True:
        port = random.SystemRandom().choice(BELOW_THOSE_THAT_ARE_GIVEN_OUT)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
