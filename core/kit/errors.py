"""The two kinds of expected errors; anything else is a bug. The bot, the web server and the inbox
worker translate them for people, each in one place."""

import random
import secrets
from collections.abc import Sequence
from datetime import timedelta


class Refusal(Exception):
    """A request is declined; the reason is shown to people.

    Attributes:
        what: the problem, in one sentence.
        remedy: what to do about it, or "".
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Unclear(Refusal):
    """The input is ambiguous. Discord and the dashboard ask with buttons.

    Attributes:
        typed: the input.
        choices: the unambiguous input for each choice, and its label.
    """

    def __init__(
        self, what: str, remedy: str, typed: str, choices: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(what, remedy)
        self.typed = typed
        self.choices = tuple(choices)


class Forbidden(Refusal):
    """The person does not have the right."""


class RateLimited(Refusal):
    """Too many requests by one person.

    Attributes:
        retry_after: seconds until the next request is allowed.
    """

    def __init__(self, what: str, remedy: str, retry_after: int) -> None:
        super().__init__(what, remedy)
        self.retry_after = retry_after


class Outage(Exception):
    """A service, the network or the database is temporarily down.

    Attributes:
        service: such as "Kick", "Discord" or "the database".
        reason: for the log and the health page; never shown to viewers.
        retry_after: seconds until another try makes sense, or None.
    """

    def __init__(self, service: str, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{service} is not answering" + (f": {reason}" if reason else ""))
        self.service = service
        self.reason = reason
        self.retry_after = retry_after

    @property
    def who(self) -> str:
        """The service as the first word of a sentence."""
        return self.service[:1].upper() + self.service[1:]


class StartError(Exception):
    """The program cannot start. The message says why and what to do."""


def trouble_code() -> str:
    """A short id that a user can quote to find the log line, such as `RG-7K2F9M`."""
    alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "RG-" + "".join(secrets.choice(alphabet) for _ in range(6))


MAX_BACKOFF_SECONDS = 600


def backoff(attempts: int) -> timedelta:
    """The pause before the next retry, after this many failures: about 1 s, 2 s, 4 s … 10 min, with
    jitter."""
    seconds = min(2.0 ** min(max(attempts - 1, 0), 20), MAX_BACKOFF_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))
