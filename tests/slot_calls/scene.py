"""What the tests of slot calls share: lines of chat, and looking at what was posted."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, select

from core.events import ChatMessageSent, Sender
from core.guilds.actions import change_setting
from core.guilds.tables import audit_log
from core.kit.feature import GuildSetting
from core.outbox.tables import messages
from core.slot_calls import actions, store
from core.slot_calls.settings import CHANNEL, COOLDOWN

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHANNEL_ID = 555
MODERATOR = 900
KICK_CHANNEL = 41

_message_ids = count(1)


def line(
    guild_id: int,
    text: str = "",
    *,
    name: str = "MadCats",
    user_id: int = 7,
    seconds: float = 0,
    message_id: str | None = None,
    platform: str = "kick",
) -> ChatMessageSent:
    """A line of chat, so many seconds after noon."""
    key = message_id or f"message-{next(_message_ids)}"
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=NOON + timedelta(seconds=seconds),
        platform=platform,
        channel_id=KICK_CHANNEL,
        message_id=key,
        sender=Sender(user_id=user_id, name=name),
        text=text,
    )


def choose(tx: Connection, guild_id: int, setting: GuildSetting[Any], value: Any) -> None:
    """An admin has set this."""
    change_setting(tx, guild_id, setting, value, MODERATOR)


def open_for_calls(tx: Connection, *guild_ids: int, channel: int = CHANNEL_ID) -> None:
    """A channel is chosen, and nobody has to wait."""
    for guild_id in guild_ids:
        choose(tx, guild_id, CHANNEL, channel)
        choose(tx, guild_id, COOLDOWN, 0)


def call(tx: Connection, guild_id: int, slot: str, **who_and_when: Any) -> ChatMessageSent:
    """A viewer writes `!call <slot>`."""
    message = line(guild_id, f"!call {slot}", **who_and_when)
    actions.call_slot(tx, message, slot)
    return message


def waiting(tx: Connection, guild_id: int) -> list[str]:
    """The list as a person would read it out."""
    return [f"#{one.number} {one.slot} ({one.viewer})" for one in store.list_open(tx, guild_id)]


@dataclass(frozen=True)
class Posted:
    """A row of the outbox."""

    kind: str
    service: str
    target: dict[str, Any]
    payload: dict[str, Any] = field(repr=False)
    key: str = ""


def posted(tx: Connection, guild_id: int, *kinds: str) -> list[Posted]:
    """What the server owes the outside, oldest first."""
    found = tx.execute(
        select(messages).where(messages.c.guild_id == guild_id).order_by(messages.c.id)
    )
    rows = [Posted(r.kind, r.service, r.target, r.payload, r.key) for r in found]
    return [row for row in rows if not kinds or row.kind in kinds]


def reasons(tx: Connection, guild_id: int) -> list[str]:
    """Why calls were declined, as said in chat."""
    return [one.payload["reason"] for one in posted(tx, guild_id, "slot_calls.declined")]


def audited(tx: Connection, guild_id: int) -> list[str]:
    """The audit log but for changed settings, oldest first: `action target`."""
    found = tx.execute(
        select(audit_log).where(audit_log.c.guild_id == guild_id).order_by(audit_log.c.id)
    )
    return [f"{row.action} {row.target}" for row in found if row.target]
