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
from core.people.exclusions.store import add_exclusion
from tests.points.scene import MIA, NAMES, PointsGuild
from tests.watchtime.model import Teller, tell

HOUR = timedelta(hours=1)


def watch(guild: PointsGuild, user_id: int, length: timedelta) -> None:
    """Somebody watches from now on, and it is credited."""
    viewer = guild.viewer(user_id)
    start = guild.at
    guild.at += length
    teller = Teller(guild.tx, guild.id)
    tell(teller, viewer, start, guild.at)


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
