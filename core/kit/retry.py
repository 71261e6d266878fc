"""How long to wait before the next try, in the inbox, the outbox and the bot alike."""

import random
from datetime import timedelta

LONGEST_SECONDS = 600


def backoff(attempts: int) -> timedelta:
    """After this many failures: about 1 s, 2 s, 4 s … 10 min, with a little chance in it so that
    many failures do not return together."""
    seconds = min(2.0 ** min(max(attempts - 1, 0), 20), LONGEST_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))
