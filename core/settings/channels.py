"""Alerts the admins once when the bot can no longer use a Discord channel that a setting names."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from core.guilds import channels
from core.guilds.channels import tell_admins
from core.guilds.records import TroubleReason
from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import card, permission_names
from core.kit.words import _
from core.kit.work import Work
from core.outbox.discord_transport import Rendered
from core.outbox.records import Outgoing
from core.outbox.transport import ChannelRefused
from core.settings.rules import Declared

if TYPE_CHECKING:
    import discord

KIND = "settings.channel_trouble"

Seen = Mapping[int, tuple[TroubleReason, tuple[str, ...]] | None]
"""Channel id -> what is wrong with it, and the missing permissions; None where nothing is."""


def observe(guild: "discord.Guild", channel_ids: Sequence[int]) -> Seen:
    """What keeps the bot from posting in these channels, as far as it can see."""
    seen: dict[int, tuple[TroubleReason, tuple[str, ...]] | None] = {}
    for channel_id in channel_ids:
        channel = guild.get_channel_or_thread(channel_id)
        if channel is None:
            seen[channel_id] = ("deleted", ())
            continue
        held = channel.permissions_for(guild.me)
        missing = tuple(name for name in TO_POST if not getattr(held, name))
        seen[channel_id] = ("forbidden", missing) if missing else None
    return seen


def list_watched(work: Work, known: Sequence[Declared]) -> list[int]:
    """The channels that settings name. What is stored about any other channel is forgotten."""
    used = list(channels.list_used(work, known))
    channels.forget_unused(work, used)
    return used


def note_seen(work: Work, known: Sequence[Declared], seen: Seen) -> None:
    """Store what was observed, and alert the admins about what is new."""
    for channel_id, wrong in seen.items():
        if wrong is None:
            channels.end_trouble(work, channel_id)
        else:
            _note(work, known, channel_id, *wrong)


def note_refused(
    known: Sequence[Declared],
    tx: Connection,
    message: Outgoing,
    refused: ChannelRefused,
    now: datetime,
) -> None:
    """Discord refused a post, which the bot may not have seen coming."""
    channel_id = message.target.get("channel_id")
    if channel_id:
        with Work(tx, message.guild_id, now=now) as work:
            _note(work, known, channel_id, refused.reason, ())


def _note(
    work: Work,
    known: Sequence[Declared],
    channel_id: int,
    reason: TroubleReason,
    missing: tuple[str, ...],
) -> None:
    if not channels.note_trouble(work, channel_id, reason, missing):
        return
    payload = {
        "channel_id": channel_id,
        "reason": reason,
        "missing": list(missing or TO_POST),
        "settings": channels.list_used(work, known).get(channel_id, []),
    }
    # A channel that fails again and again is reported once a day.
    key = f"{KIND}:{channel_id}:{reason}:{work.now.date().isoformat()}"
    tell_admins(work, KIND, key, payload)


def posted_trouble(payload: Mapping[str, Any]) -> Rendered:
    """Alert: a channel cannot be used any more, and which settings name it."""
    where = f"<#{payload['channel_id']}>"
    names = ", ".join(f"`{key}`" for key in payload["settings"])
    if payload["reason"] == "deleted":
        title = _("A channel that I post in was deleted")
        body = _("Choose another one with `/settings set`.")
    else:
        title = _("I can't post in a channel any more")
        body = _("Give my role in {channel}: {needed}. I post what is waiting as soon as I can.")
        body = body.format(channel=where, needed=permission_names(payload["missing"]))
    if names:
        body += "\n" + _("It is set as {settings}.").format(settings=names)
    return Rendered(card("⚠️ " + title, body, tone="warning"))
