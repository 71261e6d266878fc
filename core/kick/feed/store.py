"""Which channels are listened to, and how that stands."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store as guilds
from core.kick.accounts import store as accounts
from core.kick.bodies import PLATFORM
from core.kick.feed.rules import Provider, feeds_of
from core.kick.feed.tables import states


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
    """Every channel once, with what any of its servers knows of it. What Kick's website told one
    server counts before what was typed in at another."""
    known: dict[int, list[accounts.KnownChannel]] = {}
    for each in sorted(accounts.list_known_channels(tx), key=lambda k: k.chatroom_from != "site"):
        known.setdefault(each.broadcaster_user_id, []).append(each)
    servers: dict[int, list[int]] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        servers.setdefault(channel.channel_id, []).append(channel.guild_id)
    return [
        Followed(
            channel_id,
            tuple(guild_ids),
            _first(each.site_channel_id for each in _of(known, channel_id, guild_ids)),
            _first(each.chatroom_id for each in _of(known, channel_id, guild_ids)),
        )
        for channel_id, guild_ids in sorted(servers.items())
    ]


def _of(
    known: dict[int, list[accounts.KnownChannel]], channel_id: int, guild_ids: Sequence[int]
) -> list[accounts.KnownChannel]:
    """What these servers know of the channel, the surest first."""
    return [each for each in known.get(channel_id, ()) if each.guild_id in guild_ids]


def _first(numbers: Iterable[int | None]) -> int | None:
    return next((number for number in numbers if number is not None), None)


@dataclass(frozen=True, slots=True)
class ListeningState:
    """How listening to a channel stands.

    Attributes:
        reason: one sentence.
        transport: over which it listens; None while it is not connected.
        heard_at: when anything last came.
    """

    broadcaster_user_id: int
    is_well: bool
    reason: str
    transport: Provider | None
    heard_at: datetime | None


def set_states(tx: Connection, found: Sequence[ListeningState], now: datetime) -> None:
    """Who listens says how every channel stands; what was said of others is dropped."""
    listened = [one.broadcaster_user_id for one in found]
    tx.execute(delete(states).where(states.c.broadcaster_user_id.not_in(listened)))
    if not found:
        return
    statement = upsert(states)
    new = statement.excluded
    changed = {
        "is_well": new.is_well,
        "reason": new.reason,
        "transport": new.transport,
        # What another process heard before it handed over is still the newest.
        "heard_at": func.coalesce(new.heard_at, states.c.heard_at),
        "looked_at": new.looked_at,
    }
    tx.execute(
        statement.on_conflict_do_update(index_elements=["broadcaster_user_id"], set_=changed),
        [{**asdict(one), "looked_at": now} for one in found],
    )


def list_states(tx: Connection, since: datetime) -> dict[int, ListeningState]:
    """Channel -> how it stands, where that was looked at since then."""
    found = tx.execute(select(*_STATE).where(states.c.looked_at >= since)).mappings()
    return {row["broadcaster_user_id"]: ListeningState(**row) for row in found}


_STATE = [states.c[name] for name in ListeningState.__slots__]
