"""Points for watching and for supporting the channel."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.events import (
    BitsCheered,
    ChannelRaided,
    Event,
    KicksGifted,
    Person,
    SubGifted,
    SubscriptionStarted,
    SupportRevoked,
)
from core.kit.database.connection import cache_of
from core.people.exclusions.store import add_exclusion
from core.points import actions
from core.points.earning import credit
from core.watchtime import actions as watchtime
from tests.points.scene import MIA, NAMES, TOM, PointsGuild
from tests.watchtime.model import Teller, tell

HOUR = timedelta(hours=1)


def watch(guild: PointsGuild, user_id: int, length: timedelta) -> None:
    """A viewer watches a stream of this length from now on, and it is credited."""
    start, teller = guild.at, Teller(guild.id)
    cache_of(guild.tx).clear()
    tell(guild.tx, teller.went_live(start))
    lines = range(int(length / timedelta(minutes=10)) + 1)
    said = (start + timedelta(minutes=10 * number) for number in lines)
    tell(guild.tx, *(teller.says(user_id, at, name=NAMES[user_id]) for at in said))
    guild.at += length
    tell(guild.tx, teller.ended(start, guild.at))
    watchtime.credit(guild.tx, guild.id)


def support(guild: PointsGuild, kind: type[Any], **fields: Any) -> Event:
    mia = Person(user_id=MIA, name=NAMES[MIA])
    given = {"guild_id": guild.id, "at": guild.at, "platform": "kick", "channel_id": 41}
    event: Event = kind(
        key=f"{MIA}|{guild.at}", **given, **{k: v or mia for k, v in fields.items()}
    )
    return event


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (SubscriptionStarted, {"subscriber": None}, {"earned": 500}),
        (KicksGifted, {"sender": None, "amount": 250, "gift_name": "Rage"}, {"paid": 250}),
        (BitsCheered, {"sender": None, "amount": 7}, {"paid": 7}),
        (ChannelRaided, {"raider": None, "viewers": 2}, {"earned": 500}),
        (ChannelRaided, {"raider": None, "viewers": 1}, {}),
        (SubGifted, {"gifter": None, "giftee": None, "drop": "d"}, {"earned": 500}),
    ],
)
def test_support_earns_points_once_and_is_taken_back_once(
    guild: PointsGuild, kind: type[Any], fields: dict[str, Any], expected: dict[str, int]
) -> None:
    event = support(guild, kind, **fields)
    mia = guild.viewer(MIA)
    for _twice in range(2):
        guild.handle(event)
        assert guild.balance(mia) == expected
    revoked = SupportRevoked(
        key=f"{kind.__name__}|{event.key}",
        guild_id=guild.id,
        at=guild.at,
        platform="kick",
        channel_id=41,
        event=kind.__name__,
        of=event.key,
    )
    for _twice in range(2):
        guild.handle(revoked)
        assert guild.balance(mia) == {}
    guild.adds_up()


def test_only_what_is_left_is_taken_back(guild: PointsGuild) -> None:
    event = support(guild, SubscriptionStarted, subscriber=None)
    mia = guild.viewer(MIA)
    guild.handle(event)
    guild.give(mia, -450)
    revoked = SupportRevoked(
        key="x", guild_id=guild.id, at=guild.at, platform="kick", channel_id=41,
        event="SubscriptionStarted", of=event.key,
    )  # fmt: skip
    guild.handle(revoked)
    assert guild.balance(mia) == {}
    guild.adds_up()


def test_an_anonymous_gift_and_an_excluded_viewer_earn_nothing(guild: PointsGuild) -> None:
    gift = support(guild, SubGifted, gifter=None, giftee=None, drop="d")
    assert isinstance(gift, SubGifted)
    guild.handle(replace(gift, gifter=None))
    guild.do(add_exclusion, guild.viewer(MIA), "everything", "admin")
    guild.handle(gift)
    assert guild.balance(guild.viewer(MIA)) == {}


def test_nothing_is_earned_while_points_are_off(guild: PointsGuild) -> None:
    guild.set(enabled=False)
    guild.handle(support(guild, SubscriptionStarted, subscriber=None))
    assert guild.balance(guild.viewer(MIA)) == {}


def test_watching_earns_exactly_and_however_often_it_is_credited(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    watch(guild, MIA, HOUR)  # before points were counted
    guild.set(per_hour=50)
    guild.do(credit)
    for _often in range(5):
        watch(guild, MIA, timedelta(minutes=13))
        guild.do(credit)
        guild.do(credit)
    assert guild.balance(mia) == {"earned": 54}  # 65 minutes, not five times 10
    guild.set(per_hour=600)
    guild.do(credit)
    watch(guild, MIA, timedelta(minutes=1))
    guild.do(credit, everybody=True)
    assert guild.balance(mia) == {"earned": 64}  # 54.17 and 10
    guild.adds_up()


def test_watchtime_that_is_taken_away_takes_points(guild: PointsGuild) -> None:
    mia, tom = guild.viewer(MIA), guild.viewer(TOM)
    guild.do(credit)
    watch(guild, MIA, HOUR)
    guild.do(credit)
    guild.do(actions.change_points, "Mia", "remove", 50, "", "1")
    guild.do(watchtime.adjust, "Mia", -60, "bot", "2")
    guild.do(credit)
    assert guild.balance(mia) == {}
    guild.do(actions.change_points, "Mia", "add", 30, "", "3")
    guild.do(credit)
    assert guild.balance(mia) == {} == guild.balance(tom)  # the rest of what is due back
    guild.adds_up()


def test_watching_earns_nothing_while_points_are_off(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    guild.do(credit)
    guild.at += timedelta(seconds=1)
    guild.set(enabled=False)
    guild.do(credit)
    watch(guild, MIA, HOUR)
    guild.set(enabled=True)
    guild.do(credit)
    assert guild.balance(mia) == {}
