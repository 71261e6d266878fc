"""What one can do with the link log. Entries are written in the transaction of their cause."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, select

from core.guilds.actions import change_setting, setting
from core.kit.personal import Subject
from core.outbox import actions as outbox
from core.outbox import store as outbox_store
from core.people.linking.tables import attempts
from core.people.linklog.settings import CHANNEL, ENABLED

if TYPE_CHECKING:
    from core.people.linking.happenings import Happening

LINK_KIND = "people.link_log"
PANEL_KIND = "people.panel_log"

PanelNews = Literal["posted", "withdrawn", "gone"]


def note_link(tx: Connection, happening: "Happening") -> None:
    """Something happened to a member's link, or to an attempt to make one."""
    channel_id = _channel(tx, happening.guild_id)
    if not channel_id:
        return
    at = happening.at.isoformat()
    payload = {
        "kind": happening.kind,
        "discord_id": happening.discord_id,
        **_looks(tx, happening.guild_id, happening.actor),
        "kick_name": happening.kick_name,
        "reason": happening.reason,
        "actor": happening.actor,
        "at": at,
    }
    key = f"{happening.kind}:{happening.discord_id}:{happening.kick_name}:{happening.reason}:{at}"
    outbox.post_to_channel(
        tx, happening.guild_id, channel_id, LINK_KIND, f"{LINK_KIND}:{key}", payload
    )


def _looks(tx: Connection, guild_id: int, discord_id: int) -> dict[str, str]:
    """Name and picture as of the newest time that they asked for a link; empty for who never did,
    such as an admin."""
    row = tx.execute(
        select(attempts.c.discord_name, attempts.c.avatar_url)
        .where(attempts.c.guild_id == guild_id, attempts.c.discord_id == discord_id)
        .order_by(attempts.c.asked_at.desc())
        .limit(1)
    ).first()
    name, picture = row if row else ("", "")
    return {"actor_name": name, "actor_picture": picture}


def note_forgotten(tx: Connection, subject: Subject) -> None:
    """A member asked to be forgotten: the log says that somebody did, not who."""
    at = subject.at.isoformat()
    payload = {
        "kind": "forgotten",
        "discord_id": 0,
        "kick_name": subject.pseudonym,
        "reason": None,
        "actor": 0,
        "at": at,
    }
    channel_id = _channel(tx, subject.guild_id)
    if channel_id:
        key = f"{LINK_KIND}:forgotten:{subject.pseudonym}:{at}"
        outbox.post_to_channel(tx, subject.guild_id, channel_id, LINK_KIND, key, payload)


def note_panel(
    tx: Connection,
    guild_id: int,
    news: PanelNews,
    panel_channel: int,
    actor: int | None,
    at: datetime,
) -> None:
    """Something happened to a link panel; `actor` is None where Discord does not say who it was."""
    channel_id = _channel(tx, guild_id)
    if channel_id:
        payload = {"news": news, "channel": panel_channel, "actor": actor, "at": at.isoformat()}
        key = f"{PANEL_KIND}:{news}:{panel_channel}:{at.isoformat()}"
        outbox.post_to_channel(tx, guild_id, channel_id, PANEL_KIND, key, payload)


def _channel(tx: Connection, guild_id: int) -> int:
    """Where entries go; 0 while they go nowhere."""
    return setting(tx, guild_id, CHANNEL) if setting(tx, guild_id, ENABLED) else 0


@dataclass(frozen=True, slots=True)
class Status:
    """How the log is set, and what of it could not be delivered.

    Attributes:
        channel_id: None while no channel is chosen.
        trouble: the newest reason why an entry is not in the channel.
    """

    enabled: bool
    channel_id: int | None
    trouble: str | None


def get_status(tx: Connection, guild_id: int) -> Status:
    """How the log stands."""
    return Status(
        enabled=setting(tx, guild_id, ENABLED),
        channel_id=setting(tx, guild_id, CHANNEL) or None,
        trouble=outbox_store.find_trouble(tx, guild_id, (LINK_KIND, PANEL_KIND)),
    )


def switch_on(tx: Connection, guild_id: int, channel_id: int, actor: int) -> Status:
    """Tell everything in this channel from now on."""
    change_setting(tx, guild_id, CHANNEL, channel_id, actor)
    change_setting(tx, guild_id, ENABLED, True, actor)
    return get_status(tx, guild_id)


def switch_off(tx: Connection, guild_id: int, actor: int) -> Status:
    """Tell nothing more; the channel is remembered."""
    change_setting(tx, guild_id, ENABLED, False, actor)
    return get_status(tx, guild_id)
