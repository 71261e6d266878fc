"""A raffle in which viewers gift and watch."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, select

from core.events import AccountLinked, Event, Person, SubGifted
from core.guilds.actions import change_setting
from core.inbox.handlers import collect, handle
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.guild_settings import GuildSetting
from core.people import store as people
from core.raffle.feature import FEATURE
from core.raffle.ledger import store
from core.raffle.records import Entry, Gift, SourceTotal
from core.watchtime import actions as watchtime
from tests.acting import act
from tests.raffle.scene import ADMIN, MIDDLE, SETTINGS, START, do, get_balance
from tests.watchtime.model import Teller, tell

CHANNEL_ID = 777
MIA, LEO, YUKI = 11, 22, 33
NAMES = {MIA: "MadCats", LEO: "lil_bean", YUKI: "yuki_snow"}
HOUR = timedelta(hours=1)

_giftees = count(100_000)


def choose(tx: Connection, guild_id: int, setting: GuildSetting[Any] | str, value: Any) -> None:
    """An admin has set this, or this setting of raffles."""
    declared = SETTINGS[setting] if isinstance(setting, str) else setting
    act(tx, guild_id, change_setting, declared, value, actor=ADMIN)


def hear(tx: Connection, *events: Event) -> None:
    """The raffle handles these events."""
    for event in events:
        handle(tx, collect([FEATURE]), [event])


def with_channel(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, "channel", CHANNEL_ID)


def viewer(tx: Connection, guild_id: int, user_id: int) -> int:
    """The viewer id of a Kick account."""
    return people.set_viewer(tx, guild_id, "kick", user_id, NAMES[user_id], START)


def link(tx: Connection, guild_id: int, user_id: int, at: datetime = START) -> int:
    """Link an account, and let the raffle handle the event."""
    viewer_id, discord_id = viewer(tx, guild_id, user_id), discord_of(user_id)
    people.add_link(tx, guild_id, discord_id, "kick", viewer_id, at)
    event = AccountLinked(
        key=f"kick:{viewer_id}:{discord_id}:{at.isoformat()}",
        guild_id=guild_id,
        at=at,
        platform="kick",
        discord_id=discord_id,
        viewer_id=viewer_id,
        name=NAMES[user_id],
    )
    hear(tx, event)
    return viewer_id


def discord_of(user_id: int) -> int:
    return 10_000 + user_id


def gifted(
    guild_id: int, user_id: int | None, subs: int = 1, at: datetime = MIDDLE
) -> list[SubGifted]:
    """A viewer gifts this many subs at once."""
    gifter = None if user_id is None else Person(user_id=user_id, name=NAMES[user_id])
    drop = f"{user_id or 'anon'}|{at.isoformat()}"
    return [
        SubGifted(
            key=f"{user_id or 'anon'}|{giftee}|{at.isoformat()}",
            guild_id=guild_id,
            at=at,
            platform="kick",
            channel_id=1,
            gifter=gifter,
            giftee=Person(user_id=giftee, name=f"viewer{giftee}"),
            drop=drop,
        )
        for _n in range(subs)
        for giftee in [next(_giftees)]
    ]


def gives(
    tx: Connection, guild_id: int, user_id: int | None, subs: int = 1, at: datetime = MIDDLE
) -> list[SubGifted]:
    events = gifted(guild_id, user_id, subs, at)
    hear(tx, *events)
    return events


def add_gift(tx: Connection, guild_id: int, key: str, viewer_id: int) -> None:
    """A gift that is not credited."""
    gift = Gift(key=key, viewer_id=ViewerId(viewer_id), drop="drop", at=MIDDLE)
    do(tx, guild_id, MIDDLE, Work.add, gift)


def watches(
    tx: Connection, guild_id: int, user_id: int, start: datetime, length: timedelta
) -> None:
    """A viewer watches a stream of exactly this length from its start, and it is credited."""
    teller = Teller(guild_id)
    tell(tx, teller.went_live(start))
    said = (
        start + timedelta(minutes=10 * n) for n in range(int(length / timedelta(minutes=10)) + 1)
    )
    tell(tx, *(teller.says(user_id, at, name=NAMES[user_id]) for at in said))
    tell(tx, teller.ended(start, start + length))
    watchtime.credit(tx, guild_id)


def tickets(tx: Connection, guild_id: int, viewer_id: int, number: int = 1) -> int:
    """A viewer's balance; also checks all cached sums."""
    drift = [row for row in store.list_drift(tx) if row.guild_id == guild_id]
    assert drift == []
    return get_balance(tx, guild_id, number, viewer_id)


def sources(tx: Connection, guild_id: int, viewer_id: int, number: int = 1) -> dict[str, int]:
    theirs = (SourceTotal.viewer_id == viewer_id, SourceTotal.period == number)
    return dict(do(tx, guild_id, MIDDLE, store.list_sources, *theirs))


def rows(tx: Connection, guild_id: int, viewer_id: int, number: int = 1) -> list[tuple[str, int]]:
    """Source and amount of every entry, oldest first."""
    found = tx.execute(
        select(Entry.source, Entry.amount)
        .where(
            Entry.guild_id == guild_id,
            Entry.viewer_id == viewer_id,
            Entry.period == number,
        )
        .order_by(Entry.id)
    )
    return [(row.source, row.amount) for row in found]
