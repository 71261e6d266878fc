"""Scopes, PKCE, and which server answers in chat."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.kit.text.words import _

SCOPES = (
    "user:read",
    "channel:read",
    "chat:write",
    "events:subscribe",
    "channel:rewards:read",
    "channel:rewards:write",
    "kicks:read",
)
"""All that the bot needs, requested at once: adding one later needs another consent."""

LINK_LASTS = timedelta(minutes=15)
"""How long a link can be opened."""

STATE_LASTS = timedelta(minutes=10)
"""How long the consent on Kick may take."""


def scope_words(scope: str) -> str:
    """A scope as people read it."""
    words = {
        "user:read": _("Name and picture"),
        "channel:read": _("Channel details"),
        "chat:write": _("Send chat messages"),
        "events:subscribe": _("Receive events"),
        "channel:rewards:read": _("View rewards"),
        "channel:rewards:write": _("Manage rewards"),
        "kicks:read": _("KICKs leaderboard"),
    }
    return words.get(scope, scope)


def without_scope(scope: str) -> str:
    """The functions that do not work while a scope is missing."""
    if scope == "chat:write":
        return _("the bot cannot write in Kick's chat as the streamer")
    if scope == "user:read":
        return _("linking again cannot tell whose account it is")
    return _("nothing stops working")


def missing_words(granted: Iterable[str]) -> list[str]:
    """The scopes that were not granted, each with what does not work without it."""
    held = set(granted)
    return [
        f"{scope_words(scope)} ({without_scope(scope)})" for scope in SCOPES if scope not in held
    ]


def slug_of(name: str) -> str:
    """A channel's name, or its address, as Kick writes it in URLs: `Some_One` -> `some-one`."""
    name = name.strip().rstrip("/").split("?", 1)[0].rsplit("/", 1)[-1].removeprefix("@")
    return name.lower().replace("_", "-")


# -- the primary server -------------------------------------------------------------------------

CONSENT_LASTS = timedelta(hours=1)
"""How long after connecting, the streamer's consent also decides which server answers in chat."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Follower:
    """A server that follows a channel and that the bot is in.

    Attributes:
        followed_since: None if that is not known.
        connected_at: when the streamer connected the Kick account there; None if it is not
            connected, or Kick has ended the grant.
        primary_since: time when an admin made it the primary server.
        name: the server's name.
    """

    guild_id: int
    followed_since: datetime | None = None
    connected_at: datetime | None = None
    primary_since: datetime | None = None
    name: str = ""

    @property
    def is_connected(self) -> bool:
        return self.connected_at is not None


def primary_of(followers: Iterable[Follower]) -> Follower | None:
    """The server that answers in the channel's chat: servers that the streamer has connected come
    first, then the one that was chosen last, then the one that has followed longest."""

    def rank(follower: Follower) -> tuple[bool, float, datetime, int]:
        chosen = (follower.primary_since or _NEVER).timestamp()
        since = follower.followed_since or _NEVER
        return not follower.is_connected, -chosen, since, follower.guild_id

    return min(followers, key=rank, default=None)


def may_claim(ours: Follower, current: Follower, now: datetime, *, manages_current: bool) -> bool:
    """Whether an admin of our server may make it the primary one: they manage the current one as
    well, or the streamer has connected the Kick account here within the last hour and has not
    chosen the other server since."""
    if manages_current:
        return True
    if ours.connected_at is None or now - ours.connected_at > CONSENT_LASTS:
        return False
    return ours.connected_at > max(current.connected_at or _NEVER, current.primary_since or _NEVER)
