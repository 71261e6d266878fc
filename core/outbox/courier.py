"""What carries messages to one service. Each vendor's courier keeps to this."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from core.kit.errors import Refusal
from core.outbox.store import Outgoing

Receipt = dict[str, Any]
"""The other side's ids of what was made, kept with the message."""


Settler = Callable[[Connection, Outgoing, Receipt, datetime], None]
"""`settle(tx, message, receipt, now)`: what a feature makes of a receipt, in the transaction that
notes it. A receipt with `skipped` says why there was nothing to do."""


class ChannelRefused(Refusal):
    """The service does not let us post in this channel any more.

    Attributes:
        reason: it was deleted, or we lack permissions.
    """

    def __init__(self, reason: Literal["deleted", "forbidden"], what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.reason = reason


ChannelRefusalHandler = Callable[[Connection, Outgoing, ChannelRefused, datetime], None]
"""`handle(tx, message, refused, now)`, once the message is a dead letter."""


class Unsure(Exception):
    """The attempt may or may not have gone through (a timeout after the request was sent)."""


class Courier(Protocol):
    """Delivers messages of one service.

    Both methods may raise `Outage` (try later), `Refusal` (it will never work, and why) or
    `Unsure`.
    """

    async def deliver(self, message: Outgoing) -> Receipt:
        """Make it happen, once."""

    async def confirm(self, message: Outgoing) -> Receipt | None:
        """For a message whose earlier attempt may have gone through: its receipt if it did, None
        if it surely did not. Raises Refusal when nobody can tell and repeating would do harm."""
