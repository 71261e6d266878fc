"""Ports for servers that are started, killed and started again at the same address."""

import random
import socket

_BELOW_THE_SYSTEMS_OWN = range(15_000, 32_000)
"""From 32,768 on (Linux) systems hand out ports by themselves, as the near end of any connection:
one of those may be gone between two starts."""

_chance = random.SystemRandom()  # hypothesis seeds the usual one alike in every process


def free_port() -> int:
    """A port that nobody listens on right now."""
    while not is_free(port := _chance.choice(_BELOW_THE_SYSTEMS_OWN)):
        pass
    return port


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
