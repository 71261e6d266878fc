"""The primary server: of several that follow a Kick channel, the one that answers in its chat.

All of them count watchtime and tickets. The channel's lock is taken before those of guilds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, text

from core.guilds import store as guilds
from core.guilds.actions import audit
from core.guilds.channels import alert_admins
from core.kick.accounts import actions, store
from core.kick.accounts.rules import Follower, may_claim, primary_of
from core.kick.bodies import PLATFORM
from core.kit.database.connection import cache_of, cached
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Primary:
    """The servers that follow a channel, from the point of view of one of them.

    Attributes:
        guild_id: id of that server.
        slug: the channel's name.
    """

    guild_id: int
    slug: str
    followers: Sequence[Follower]

    @property
    def current(self) -> Follower | None:
        """The primary server; None if the bot has left all that follow the channel."""
        return primary_of(self.followers)

    @property
    def others(self) -> int:
        """How many other servers follow the channel."""
        return len(self.followers) - 1

    @property
    def server(self) -> str:
        """The name of the primary server."""
        return self.name_of(self.current)

    @property
    def is_here(self) -> bool:
        """This server is the primary one."""
        return self.current is not None and self.current.guild_id == self.guild_id

    def other_choices(self) -> list[tuple[str, str]]:
        """Id and name of the servers that this one can hand over to."""
        return [
            (str(follower.guild_id), self.name_of(follower))
            for follower in self.followers
            if follower.guild_id != self.guild_id
        ]

    def name_of(self, follower: Follower | None) -> str:
        return follower.name if follower else "–"


def find_primary(tx: Connection, channel_id: int) -> int | None:
    """The server that answers in this channel's chat; None if the bot has left all that follow it.
    Asked once per transaction."""
    key = ("kick.primary", channel_id)
    found = cached(tx, key, lambda: primary_of(store.list_followers(tx, channel_id)))
    return found.guild_id if found is not None else None


def find_current(work: Work) -> int | None:
    """The server that answers in the chat of this server's channel.

    Raises:
        Refusal: no channel is configured.
    """
    return find_primary(work.tx, actions.get_channel(work).channel_id)


def find_other(tx: Connection, guild_id: int) -> str | None:
    """The name of the server that answers in chat instead of this one, if there is one."""
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    primary = find_primary(tx, channel.channel_id) if channel is not None else None
    if primary is None or primary == guild_id:
        return None
    return guilds.list_names(tx).get(primary, "")


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.primary', :channel_id))")


def describe(work: Work, *, lock: bool = False) -> Primary:
    """Who answers in the chat of this server's channel.

    Args:
        lock: the primary server does not change until the transaction ends.

    Raises:
        Refusal: no channel is configured.
    """
    channel = actions.get_channel(work)
    if lock:
        work.tx.execute(_LOCK, {"channel_id": channel.channel_id})
    followers = store.list_followers(work.tx, channel.channel_id)
    return Primary(work.guild_id, channel.slug, followers)


def claim(work: Work, *, manages: int | None) -> Primary:
    """Make this server the primary one.

    Args:
        manages: another server that the admin manages as well, if known.

    Raises:
        Refusal: the other server's admins or the streamer have to agree, or no channel is set.
    """
    found = describe(work, lock=True)
    current = found.current
    ours = next(
        (follower for follower in found.followers if follower.guild_id == work.guild_id), None
    )
    if ours is None or current is None or found.is_here:
        return found
    if current.is_connected and not ours.is_connected:
        raise _not_connected(found.server)
    if not may_claim(ours, current, work.now, manages_current=manages == current.guild_id):
        raise Refusal(
            _("{server} answers in this channel's chat.").format(server=found.server),
            _(
                "An admin of that server can hand it over with `/kick_primary server:{ours}`. Or "
                "the streamer decides: run `/connect_kick` here, and `/kick_primary` again within "
                "an hour after the streamer has agreed."
            ).format(ours=found.name_of(ours)),
        )
    return _change(work, found, current, ours)


def hand_over(work: Work, to: str) -> Primary:
    """Make another server the primary one.

    Args:
        to: name or Discord id of the other server.

    Raises:
        Refusal: this is not the primary server, or the other one does not follow the channel.
    """
    found = describe(work, lock=True)
    current = found.current
    if current is None or not found.is_here:
        raise Refusal(
            _("Only the primary server can hand over."),
            _("That is {server}.").format(server=found.server),
        )
    wanted = to.strip().casefold()
    meant = [
        follower
        for follower in found.followers
        if wanted in (str(follower.guild_id), found.name_of(follower).casefold())
    ]
    if len(meant) != 1:
        others = ", ".join(
            found.name_of(follower) for follower in found.followers if follower != current
        )
        raise Refusal(
            _("No other server called “{name}” follows this channel.").format(name=to),
            _("Other servers: {names}. You can also give the server's id.").format(
                names=others or _("none")
            ),
        )
    if meant == [current]:
        return found
    if current.is_connected and not meant[0].is_connected:
        raise _not_connected(found.server, found.name_of(meant[0]))
    return _change(work, found, current, meant[0])


def _not_connected(current: str, other: str = "") -> Refusal:
    """Only a server in which the streamer has connected the account can take over."""
    return Refusal(
        _("The streamer has connected the Kick account only in {server}.").format(server=current),
        _("Run `/connect_kick` in {other} first.").format(other=other)
        if other
        else _("Run `/connect_kick` here first."),
    )


def _change(work: Work, found: Primary, before: Follower, after: Follower) -> Primary:
    key = f"kick.primary:{work.now.isoformat()}"
    names = {"before": found.name_of(before), "after": found.name_of(after)}
    for follower in (before, after):
        with Work(work.tx, follower.guild_id, actor=work.actor, now=work.now) as theirs:
            if follower is after:
                known = actions.get_known_channel(theirs)
                known.primary_since = work.now
                cache_of(work.tx).pop(("kick.primary", known.broadcaster_user_id), None)
            audit(theirs, "kick.primary", found.slug, **names)
            if theirs.guild_id != work.guild_id:  # here the admin sees the answer
                alert_admins(theirs, "kick.primary", key, {"slug": found.slug, **names})
    _log.info("Primary server changed", channel=found.slug, guild_id=after.guild_id)
    return describe(work)
