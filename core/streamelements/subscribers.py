"""Subscribers as StreamElements reports them, over its socket or to a widget."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, select

from core.events import Event, SubscriberReported
from core.inbox.store import Delivery
from core.kit.work import ACROSS_GUILDS
from core.streamelements.records import StreamElementsAccount

ASTRO = "streamelements.astro"
"""Source of deliveries in the inbox."""

SUBSCRIBER = "activity.subscriber"
TIERS = ("prime", "1000", "2000", "3000")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who subscribed, by id, login or both; `tier` is "subscriber" where it is not said."""

    user_id: int | None
    login: str
    name: str
    tier: str


def read_subscriber(data: Mapping[str, Any]) -> Subscriber | None:
    """The subscriber of an event. None for a gift bomb as a whole, which names the giver with the
    tier that was given (each receiver has an event as well), and where neither an id nor a login is
    given: who has a display name cannot be known, because it may be in another script."""
    if data.get("bulkGifted"):
        return None
    name, login = data.get("displayName"), data.get("username") or data.get("name")
    login = login.strip().lower()[:100] if isinstance(login, str) and login.isascii() else ""
    user_id, tier = str(data.get("providerId") or ""), str(data.get("tier") or "").lower()
    is_number = user_id.isascii() and user_id.isdecimal() and 0 < len(user_id) < 19
    if not login and not is_number:
        _log.info("StreamElements subscriber ignored: neither id nor login")
        return None
    return Subscriber(
        int(user_id) if is_number else None,
        login,
        name[:100] if isinstance(name, str) and name else login,
        tier if tier in TIERS else "subscriber",
    )


def events_of(tx: Connection, delivery: Delivery) -> list[Event]:
    """One event for each server that uses the channel."""
    body = delivery.body
    found = read_subscriber(body.get("data") or {})
    if found is None:
        return []
    guilds = select(StreamElementsAccount.guild_id).where(
        StreamElementsAccount.channel_id == str(body.get("channel"))
    )
    return [
        SubscriberReported(
            key=delivery.delivery_id,
            guild_id=guild_id,
            at=delivery.sent_at,
            platform=str(body.get("provider") or "twitch"),
            user_id=found.user_id,
            login=found.login,
            name=found.name,
            tier=found.tier,
            reporter="streamelements",
        )
        for guild_id in tx.execute(guilds, execution_options=ACROSS_GUILDS).scalars()
    ]
