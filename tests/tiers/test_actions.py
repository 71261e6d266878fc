"""Events become tiers: gifts, renames, late events, several servers, and being forgotten."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection

from core import events
from core.events import Event, Person
from core.guilds.actions import change_settings
from core.kit.database.work import Work
from core.people import store as people
from core.tiers import store
from core.tiers.actions import lookup, remember
from core.tiers.badges import badge_tier
from core.tiers.messages import tier as tier_message
from core.tiers.rules import Found, TierSettings
from tests.slot_calls.scene import NOON

MIA, TOM, GIVER = (
    Person(user_id=71, name="Mia"),
    Person(user_id=72, name="Tom"),
    Person(user_id=73, name="Ann"),
)


def told(guild_id: int, kind: type[Event], days: float = 0, **given: Any) -> Event:
    """An event this many days before noon."""
    at = NOON - timedelta(days=days)
    if kind is not events.SubscriberReported:
        given |= {"channel_id": 5}
    return kind(
        key=f"{kind.__name__}{days}{given}",
        guild_id=guild_id,
        at=at,
        **({"platform": "twitch"} | given),
    )


def reported(guild_id: int, tier: str, days: float = 0, **given: Any) -> Event:
    person: dict[str, Any] = {
        "user_id": 71,
        "login": "mia",
        "name": "Mia",
        "reporter": "streamelements",
    }
    return told(guild_id, events.SubscriberReported, days, tier=tier, **(person | given))


def find(tx: Connection, guild_id: int, user_id: int = 71, **given: Any) -> Found:
    viewer_id = people.set_viewer(
        tx, guild_id, given.pop("platform", "twitch"), user_id, "x", NOON - timedelta(days=999)
    )
    with Work(tx, guild_id, now=NOON) as work:
        return lookup(work, [viewer_id], **given)[viewer_id]


def test_cached_subscriber_and_non_subscriber(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    remember(tx, [told(guild_id, events.SubscriptionStarted, 3, subscriber=MIA, tier="3000")])
    assert find(tx, guild_id).tier == "3000"
    assert find(tx, guild_id, 72).tier == "none"
    assert find(tx, other_guild_id).tier == "none"


def test_gift_bomb_sets_the_receivers_tier(tx: Connection, guild_id: int) -> None:
    bomb = [
        told(guild_id, events.SubGifted, gifter=GIVER, giftee=one, drop="d", platform="kick")
        for one in (MIA, TOM, None)
    ]
    remember(tx, bomb)
    assert find(tx, guild_id, 71, platform="kick").tier == "subscriber"
    assert find(tx, guild_id, 72, platform="kick").tier == "subscriber"
    assert find(tx, guild_id, 73, platform="kick").tier == "none"
    remember(tx, [reported(guild_id, "2000", reporter="gift")])
    assert find(tx, guild_id).tier == "2000"


def test_upgrade_end_and_late_events(tx: Connection, guild_id: int) -> None:
    start = told(guild_id, events.SubscriptionStarted, 20, subscriber=MIA, tier="1000")
    upgrade = told(guild_id, events.SubscriptionRenewed, 10, subscriber=MIA, months=2, tier="3000")
    end = told(guild_id, events.SubscriptionEnded, 5, subscriber=MIA)
    remember(tx, [upgrade])
    remember(tx, [start])
    assert find(tx, guild_id).tier == "3000"
    remember(tx, [end])
    remember(tx, [upgrade])
    assert find(tx, guild_id).tier == "none"


def test_any_order_and_pieces_give_the_same(tx: Connection, guild_id: int) -> None:
    random = Random(16)
    every = [
        told(
            guild_id,
            events.SubscriptionStarted,
            days,
            subscriber=random.choice((MIA, TOM)),
            tier=random.choice(("1000", "2000", "3000")),
        )
        for days in range(30)
    ]
    outcomes = set()
    for _round in range(5):
        savepoint = tx.begin_nested()
        random.shuffle(every)
        cut = random.randrange(30)
        remember(tx, every[:cut])
        remember(tx, every[cut:])
        outcomes.add((find(tx, guild_id).tier, find(tx, guild_id, 72).tier))
        savepoint.rollback()
    assert len(outcomes) == 1


def test_reports_without_an_id_are_found_by_name(tx: Connection, guild_id: int) -> None:
    remember(tx, [reported(guild_id, "2000", user_id=None)])
    assert find(tx, guild_id).tier == "none"  # nobody of this name was seen
    viewer_id = people.set_viewer(tx, guild_id, "twitch", 71, "Mia", NOON)
    people.set_viewer(tx, guild_id, "twitch", 71, "MiaNew", NOON + timedelta(seconds=1))
    people.set_viewer(tx, guild_id, "twitch", 75, "mia", NOON + timedelta(seconds=2))
    remember(tx, [reported(guild_id, "2000", user_id=None)])
    assert find(tx, guild_id, 75).tier == "2000"  # who has the name now
    with Work(tx, guild_id, now=NOON) as work:
        assert lookup(work, [viewer_id])[viewer_id].tier == "none"


def test_conflicting_sources_and_badges(tx: Connection, guild_id: int) -> None:
    remember(
        tx,
        [
            told(guild_id, events.SubscriptionStarted, 9, subscriber=MIA, tier="1000"),
            reported(guild_id, "prime", 9, reporter="notice"),
            reported(guild_id, "3000", 1),
        ],
    )
    found = find(tx, guild_id)
    assert found.tier == "prime"
    text = tier_message([("twitch", "M*ia", found)]).description or ""
    assert "Tier 3 from StreamElements" in text
    assert "another source has priority" in text
    viewer_id = people.set_viewer(tx, guild_id, "twitch", 71, "Mia", NOON)
    badges = {viewer_id: badge_tier(["subscriber"], 3001)}
    assert find(tx, guild_id, badges=badges).tier == "3000"


@pytest.mark.parametrize(("hours", "tier"), [(840, "3000"), (1, "none")])
def test_lifetime_is_a_setting_and_old_rows_are_deleted(
    tx: Connection, guild_id: int, hours: int, tier: str
) -> None:
    with Work(tx, guild_id, now=NOON) as work:
        change_settings(work, TierSettings, lifetime_hours=hours)
    remember(tx, [told(guild_id, events.SubscriptionStarted, 3, subscriber=MIA, tier="3000")])
    assert find(tx, guild_id).tier == tier
    before = NOON - timedelta(hours=hours) - store.SHOWN_AFTER_EXPIRY
    assert store.delete_old(tx, guild_id, before, maximum=10) == (0 if tier == "3000" else 1)
