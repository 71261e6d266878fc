"""The two ways in which something may decline; anything else is a bug.

Three edges translate them, once each: the bot's error handler, the web error handler and the
inbox worker.
"""

import secrets


class Refusal(Exception):
    """We decline. The message is safe and helpful to show exactly as it is.

    Attributes:
        what: what happened, in one sentence.
        remedy: what the reader can do about it, or "" when there is nothing to do.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Outage(Exception):
    """Somebody else's fault, and it passes: a vendor, the network, the database.

    Attributes:
        service: who is not answering ("Kick", "Discord", "the database").
        reason: what was seen, for the log and the health page; never shown to viewers.
        retry_after: seconds until another try makes sense, or None when unknown.
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
    """The program cannot start. The message says in plain words why and what to do."""


def trouble_code() -> str:
    """A short id that a user can quote and that finds the log line, such as `RG-7K2F9M`."""
    alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "RG-" + "".join(secrets.choice(alphabet) for _ in range(6))
