"""The interface of transports, which send messages to one service."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from core.kit.errors import Refusal
from core.kit.seen_roles import Obstacle
from core.outbox.records import Outgoing

Receipt = dict[str, Any]
"""The service's ids of what was created, stored with the message."""


Settler = Callable[[Connection, Outgoing, Receipt, datetime], None]
"""`settle(tx, message, receipt, now)`: a feature's handler of a receipt, in the transaction that
stores it. `skipped` in a receipt is the reason why nothing was done."""


def obstacle_after(skipped: str) -> Obstacle:
    """Why a role was not assigned, from the `skipped` of its receipt."""
    known: dict[str, Obstacle] = {"role": "deleted", "powers": "powers"}
    return known.get(skipped, "refused")


class ChannelRefused(Refusal):
    """The service does not let us post in this channel.

    Attributes:
        reason: it was deleted, or we lack permissions.
    """

    def __init__(self, reason: Literal["deleted", "forbidden"], what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.reason = reason


ChannelRefusalHandler = Callable[[Connection, Outgoing, ChannelRefused, datetime], None]
"""`handle(tx, message, refused, now)`, once the message is a dead letter."""


class Unsure(Exception):
    """The attempt may have succeeded, such as after a timeout."""


class Transport(Protocol):
    """Delivers messages of one service.

    Both methods may raise `Outage` (retry later), `Refusal` (it can never succeed) or
    `Unsure`.
    """

    async def deliver(self, message: Outgoing) -> Receipt:
        """Send the message."""

    async def confirm(self, message: Outgoing) -> Receipt | None:
        """The receipt of an earlier attempt that may have succeeded, or None if it did not. Raises
        Refusal if that is unknown and a retry would do harm."""
