"""Subscribers as StreamElements reports them, over its socket or to a widget."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, select

from core.events import Event, SubscriberReported
from core.inbox.store import Delivery
from core.kit.database.work import ACROSS_GUILDS
from core.streamelements.records import StreamElementsAccount

ASTRO = "streamelements.astro"
"""Source of deliveries in the inbox."""

SUBSCRIBER = "activity.subscriber"
PLATFORMS = ("twitch", "kick")
PRIME = ("prime", "twitch prime", "twitchprime", "prime gaming")
_TIER = re.compile(r"(?:tier|t|level)?[ _-]*([123])(?:000)?")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who subscribed, by id, login or both; `tier` is "subscriber" if it is not given."""

    user_id: int | None
    login: str
    name: str
    tier: str


def read_subscriber(data: Mapping[str, Any]) -> Subscriber | None:
    """The subscriber of an event. None for a gift bomb as a whole, which names the giver (each
    receiver has an event as well), and without an id or a login: a display name, which may be in
    another script, does not identify anybody."""
    if data.get("bulkGifted"):
        return None
    name, login = data.get("displayName"), plain_text(data.get("username") or data.get("name"))
    login = login.strip().lower()[:100] if login.isascii() else ""
    user_id = plain_text(data.get("providerId"))
    is_number = user_id.isascii() and user_id.isdecimal() and 0 < len(user_id) < 19
    if not login and not is_number:
        _log.info("StreamElements subscriber ignored: neither id nor login")
        return None
    return Subscriber(
        int(user_id) if is_number else None,
        login,
        name[:100] if isinstance(name, str) and name else login,
        read_tier(data.get("tier")),
    )


def plain_text(value: object) -> str:
    """A text, or a number as one; "" for anything else."""
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_plain else ""


def read_tier(value: object) -> str:
    """Such as "1000" for 1000, 1, "Tier 1" or "t1"; "subscriber" if it is not given."""
    text = plain_text(value).strip().lower()
    if text in PRIME:
        return "prime"
    found = _TIER.fullmatch(text)
    return f"{found[1]}000" if found else "subscriber"


def events_of(tx: Connection, delivery: Delivery) -> list[Event]:
    """One event for each server that uses the channel. Subscribers on other platforms, such as
    YouTube's, who pay nothing, do not count."""
    body = delivery.body
    found, provider = read_subscriber(body.get("data") or {}), plain_text(body.get("provider"))
    if found is None or not (provider or found.user_id):
        return []
    accounts = select(StreamElementsAccount.guild_id, StreamElementsAccount.platform).where(
        StreamElementsAccount.channel_id == str(body.get("channel"))
    )
    return [
        SubscriberReported(
            key=delivery.delivery_id,
            guild_id=guild_id,
            at=delivery.sent_at,
            platform=platform,
            user_id=found.user_id,
            login=found.login,
            name=found.name,
            tier=found.tier,
            reporter="streamelements",
        )
        for guild_id, own in tx.execute(accounts, execution_options=ACROSS_GUILDS)
        if (platform := provider.lower() or own) in PLATFORMS
    ]
