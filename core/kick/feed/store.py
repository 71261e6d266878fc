"""Which channels are listened to."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.accounts import store as accounts
from core.kick.bodies import PLATFORM
from core.kick.feed.rules import feeds_of


@dataclass(frozen=True, slots=True)
class Followed:
    """A channel that streams for one or more servers.

    Attributes:
        channel_id: the owner's user id.
        feeds: names of its feeds, none while its numbers at the website are unknown.
    """

    channel_id: int
    guild_ids: tuple[int, ...]
    site_channel_id: int | None
    chatroom_id: int | None

    @property
    def feeds(self) -> tuple[str, ...]:
        return feeds_of(self.site_channel_id, self.chatroom_id)


def list_followed(tx: Connection) -> list[Followed]:
    """Every channel once, with what any of its servers knows of it."""
    known = {each.guild_id: each for each in accounts.list_known_channels(tx)}
    servers: dict[int, list[int]] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        servers.setdefault(channel.channel_id, []).append(channel.guild_id)
    return [
        Followed(
            channel_id,
            tuple(guild_ids),
            _first(known[g].site_channel_id for g in guild_ids if _knows(known, g, channel_id)),
            _first(known[g].chatroom_id for g in guild_ids if _knows(known, g, channel_id)),
        )
        for channel_id, guild_ids in sorted(servers.items())
    ]


def _knows(known: dict[int, accounts.KnownChannel], guild_id: int, channel_id: int) -> bool:
    return guild_id in known and known[guild_id].broadcaster_user_id == channel_id


def _first(numbers: Iterable[int | None]) -> int | None:
    return next((number for number in numbers if number is not None), None)
