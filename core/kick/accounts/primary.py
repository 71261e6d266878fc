"""The primary server of a channel: of several servers that follow one Kick channel, the one that
answers in its chat. All of them count.

The channel's lock comes before those of guilds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, text

from core.guilds import store as guilds
from core.guilds.actions import audit
from core.guilds.channels import tell_admins
from core.kick.accounts import actions, store
from core.kick.accounts.rules import Follower, may_claim, primary_of
from core.kick.bodies import PLATFORM
from core.kit.database import cache_of, cached
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Work

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Primary:
    """Who answers in a channel's chat.

    Attributes:
        slug: the channel's name.
        server: the name of the primary server.
        is_here: it is the server that asked.
        followers: how many servers follow the channel.
    """

    slug: str
    server: str
    is_here: bool
    followers: int


def find_primary(tx: Connection, channel_id: int) -> int | None:
    """The server that answers in this channel's chat; None if the bot has left all that follow it.
    Asked once per transaction."""
    key = ("kick.primary", channel_id)
    found = cached(tx, key, lambda: primary_of(store.list_followers(tx, channel_id)))
    return found.guild_id if found is not None else None


def describe(tx: Connection, guild_id: int) -> Primary:
    """Who answers in the chat of this server's channel.

    Raises:
        Refusal: no channel is configured.
    """
    channel = actions.get_channel(tx, guild_id)
    followers = store.list_followers(tx, channel.channel_id)
    primary = primary_of(followers)
    server = guilds.list_names(tx).get(primary.guild_id, "") if primary else ""
    is_here = primary is not None and primary.guild_id == guild_id
    return Primary(channel.slug, server, is_here, len(followers))


def find_other(tx: Connection, guild_id: int) -> str | None:
    """The name of the server that answers in chat instead of this one, if there is one."""
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    primary = find_primary(tx, channel.channel_id) if channel is not None else None
    if primary is None or primary == guild_id:
        return None
    return guilds.list_names(tx).get(primary, "")


def claim(work: Work, *, manages: int | None) -> Primary:
    """This server is to be the primary from now on.

    Args:
        manages: the other server that the person who asks may manage as well, if it is known.

    Raises:
        Refusal: the other server's admins or the streamer have to agree, or no channel is set.
    """
    tx, guild_id = work.tx, work.guild_id
    channel = actions.get_channel(tx, guild_id)
    _lock(tx, channel.channel_id)
    followers = store.list_followers(tx, channel.channel_id)
    ours, current = _find(followers, guild_id), primary_of(followers)
    if ours is None or current is None or current.guild_id == guild_id:
        return describe(tx, guild_id)
    name = guilds.list_names(tx).get(current.guild_id, "")
    if current.is_connected and not ours.is_connected:
        raise _not_connected(name)
    if not may_claim(ours, current, work.now, manages_current=manages == current.guild_id):
        raise Refusal(
            _("{server} answers in this channel's chat.").format(server=name),
            _(
                "An admin of that server can hand it over with `/kick_primary server:{ours}`. Or "
                "the streamer decides: run `/connect_kick` here and, within an hour of the "
                "streamer's yes, `/kick_primary` again."
            ).format(ours=guilds.list_names(tx).get(guild_id, "")),
        )
    return _change(work, channel, current.guild_id, guild_id)


def hand_over(work: Work, to: str) -> Primary:
    """The primary server lets another one answer.

    Args:
        to: name or Discord id of the other server.

    Raises:
        Refusal: this is not the primary server, or the other one does not follow the channel.
    """
    tx, guild_id = work.tx, work.guild_id
    channel = actions.get_channel(tx, guild_id)
    _lock(tx, channel.channel_id)
    followers = store.list_followers(tx, channel.channel_id)
    current = primary_of(followers)
    names = guilds.list_names(tx)
    if current is None or current.guild_id != guild_id:
        raise Refusal(
            _("Only the primary server can hand over."),
            _("That is {server}.").format(
                server=names.get(current.guild_id, "") if current else "–"
            ),
        )
    wanted = to.strip().casefold()
    found = [
        each
        for each in followers
        if wanted in (str(each.guild_id), names.get(each.guild_id, "").casefold())
    ]
    if len(found) != 1:
        others = ", ".join(names.get(e.guild_id, "") for e in followers if e.guild_id != guild_id)
        raise Refusal(
            _("No other server called “{name}” follows this channel.").format(name=to),
            _("Other servers: {names}. You can also give the server's id.").format(
                names=others or _("none")
            ),
        )
    if found[0].guild_id == guild_id:
        return describe(tx, guild_id)
    if current.is_connected and not found[0].is_connected:
        raise _not_connected(names.get(guild_id, ""), names.get(found[0].guild_id, ""))
    return _change(work, channel, guild_id, found[0].guild_id)


def _find(followers: Sequence[Follower], guild_id: int) -> Follower | None:
    return next((each for each in followers if each.guild_id == guild_id), None)


def _not_connected(current: str, other: str = "") -> Refusal:
    """A server in which the streamer has allowed the bot to write goes before one without."""
    return Refusal(
        _("The streamer has connected the Kick account in {server} only.").format(server=current),
        _("Run `/connect_kick` in {other} first.").format(other=other)
        if other
        else _("Run `/connect_kick` here first."),
    )


def _change(work: Work, channel: guilds.Channel, before: int, after: int) -> Primary:
    tx, now = work.tx, work.now
    names = guilds.list_names(tx)
    was, becomes = names.get(before, ""), names.get(after, "")
    with Work(tx, after, actor=work.actor, now=now) as other:
        actions.get_known_channel(other).primary_since = now
    cache_of(tx).pop(("kick.primary", channel.channel_id), None)
    for guild_id in (before, after):
        payload = {"slug": channel.slug, "before": was, "after": becomes}
        with Work(tx, guild_id, actor=work.actor, now=now) as one:
            audit(one, "kick.primary", channel.slug, before=was, after=becomes)
            if guild_id != channel.guild_id:  # whoever did it sees the answer
                tell_admins(one, "kick.primary", f"kick.primary:{now.isoformat()}", payload)
    _log.info("A channel has another primary server", channel=channel.slug, guild_id=after)
    return describe(tx, channel.guild_id)


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.primary', :channel_id))")


def _lock(tx: Connection, channel_id: int) -> None:
    tx.execute(_LOCK, {"channel_id": channel_id})
