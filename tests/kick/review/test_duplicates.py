"""Gifts that Kick reports twice are listed once, decided once, and never counted twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.events import SubscriptionStarted, SupportRevoked
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.intake import store as intake
from core.kick.review import actions, discord, tasks
from core.kit.errors import Refusal
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.review.scene import ADMIN, OTHER_ADMIN
from tests.kick.review.stage import (
    SAM,
    VERA,
    Stage,
    counted_giftees,
    gift_body,
    gifts,
    kicks,
)
from tests.kick.rig import NORA, person, subscription

GIFTS, NEW = "channel.subscription.gifts", "channel.subscription.new"
BOTH = ((SAM, "SamOnKick"), (VERA, "VeraSpins"))


def given(stage: Stage) -> None:
    """A webhook reports that Mia gave Sam and Vera a subscription."""
    stage.webhook(GIFTS, gift_body(stage, *BOTH))


def told(stage: Stage, who: tuple[int, str]) -> None:
    """A webhook reports a new subscription."""
    stage.webhook(NEW, _new(stage, who))


def _new(stage: Stage, who: tuple[int, str]) -> dict[str, Any]:
    return subscription(subscriber=person(*who), created_at="2026-05-01T12:00:00Z")


# -- the list -----------------------------------------------------------------------------------


def test_duplicates_of_a_drop_are_one_entry(stage: Stage) -> None:
    given(stage)
    for who in BOTH:
        told(stage, who)
    assert stage.names() == ["SubGifted", "SubGifted"]
    (line,) = stage.listing()
    assert (line["number"], line["kind"], line["giver"]) == (1, "duplicate", "MadCats")
    assert sorted(line["receivers"]) == ["SamOnKick", "VeraSpins"]
    assert stage.listing() == [line], "looking changes nothing"
    assert stage.listing(OTHER_GUILD) == []


def test_subscription_counted_before_its_gift_is_a_separate_entry(stage: Stage) -> None:
    told(stage, BOTH[0])
    given(stage)
    told(stage, BOTH[1])
    assert stage.names() == ["SubscriptionStarted", "SubGifted", "SubGifted"]
    shown = {line["kind"]: line["receivers"] for line in stage.listing()}
    assert shown == {"counted_duplicate": ["SamOnKick"], "duplicate": ["VeraSpins"]}


def test_missed_events_and_duplicates_share_numbers(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("k1"))
    stage.clock.forward(minutes=16)
    assert [line["number"] for line in stage.listing()] == [1]
    stage.clock.forward(minutes=-16)
    given(stage)
    told(stage, BOTH[0])
    assert [line["kind"] for line in stage.listing()] == ["kicks", "duplicate"]
    stage.frame("KicksGifted", kicks("k2", created_at="2026-05-01T12:05:00Z"))
    stage.clock.forward(minutes=30)
    assert [line["number"] for line in stage.listing()] == [1, 2, 3]
    assert [line["kind"] for line in stage.listing()] == ["kicks", "duplicate", "kicks"]


def test_feed_report_of_a_duplicate_is_not_also_missing(stage: Stage) -> None:
    given(stage)
    stage.frame("SubscriptionEvent", {"username": "SamOnKick", "months": 1})
    told(stage, BOTH[0])
    stage.clock.forward(minutes=16)
    assert [line["kind"] for line in stage.listing()] == ["duplicate"]


# -- the decision -------------------------------------------------------------------------------


def test_credited_duplicates_count_once(stage: Stage) -> None:
    given(stage)
    for who in BOTH:
        told(stage, who)
    stage.listing()
    assert stage.credit(1).count == 2
    counted = [e for e in stage.counted if isinstance(e, SubscriptionStarted)]
    assert sorted(e.subscriber.user_id for e in counted) == [SAM, VERA]
    with pytest.raises(Refusal, match="already credited"):
        stage.credit(1, OTHER_ADMIN)
    given(stage)
    told(stage, BOTH[0])
    assert stage.listing() == [], "told once more, nothing is asked again"
    assert stage.names().count("SubscriptionStarted") == 2
    assert stage.audit() == [("kick.missed.credited", ADMIN)]


def test_undone_duplicate_is_revoked_once_and_the_gift_stays(stage: Stage) -> None:
    told(stage, BOTH[0])
    given(stage)
    stage.listing()
    with pytest.raises(Refusal, match="was already counted") as refused:
        stage.credit(1)
    assert "/missed undo 1" in refused.value.remedy
    assert stage.take_back(1) == 1
    counted, *_, back = stage.counted
    assert isinstance(back, SupportRevoked)
    assert (back.event, back.of) == ("SubscriptionStarted", counted.key)
    assert back.guild_id == GUILD
    with pytest.raises(Refusal, match="already taken back"):
        stage.take_back(1)
    given(stage)
    told(stage, BOTH[0])
    assert stage.names() == ["SubscriptionStarted", "SubGifted", "SubGifted", "SupportRevoked"]
    assert stage.listing() == []
    assert stage.audit() == [("kick.missed.taken_back", ADMIN)]


@pytest.mark.parametrize("duplicate_first", [False, True])
def test_dismissing_changes_no_counts(stage: Stage, duplicate_first: bool) -> None:
    steps = [lambda: given(stage), lambda: told(stage, BOTH[0])]
    for step in reversed(steps) if duplicate_first else steps:
        step()
    before = stage.names()
    stage.listing()
    stage.do(actions.decide, 1, "dismissed")
    for step in steps:
        step()
    assert stage.names() == before
    assert stage.listing() == []
    with pytest.raises(Refusal, match="already dismissed"):
        stage.credit(1)


def test_uncounted_duplicate_cannot_be_undone(stage: Stage) -> None:
    given(stage)
    told(stage, BOTH[0])
    stage.listing()
    with pytest.raises(Refusal, match="nothing to take back"):
        stage.take_back(1)
    assert len(stage.listing()) == 1
    with pytest.raises(Refusal, match="No entry #9"):
        stage.do(actions.decide, 9, "dismissed")


def test_two_admins_crediting_a_duplicate_at_once_count_it_once(stage: Stage) -> None:
    given(stage)
    told(stage, BOTH[0])
    stage.listing()

    def attempt(actor: int) -> str:
        try:
            stage.credit(1, actor)
        except Refusal as refusal:
            return refusal.what
        return "done"

    with ThreadPoolExecutor(2) as both:
        said = list(both.map(attempt, (ADMIN, OTHER_ADMIN)))
    stage.work()
    assert sorted(said) == ["#1 was already credited.", "done"]
    assert stage.names().count("SubscriptionStarted") == 1


def test_credited_feed_report_and_its_duplicate_count_once(stage: Stage) -> None:
    """Its unconfirmed event was credited before the webhook came and was set aside."""
    stage.frame("SubscriptionEvent", {"username": "SamOnKick", "months": 1})
    stage.clock.forward(minutes=16)
    stage.listing()
    stage.credit(1)
    stage.clock.forward(minutes=-16)
    given(stage)
    told(stage, BOTH[0])
    (line,) = stage.listing()
    assert line["kind"] == "duplicate"
    stage.credit(line["number"])
    assert stage.names().count("SubscriptionStarted") == 1


def test_duplicates_are_decided_per_server(stage: Stage) -> None:
    with stage.ours.database.begin() as tx:
        guilds.set_channel(tx, Channel(OTHER_GUILD, "kick", NORA, "noraplays"))
    given(stage)
    told(stage, BOTH[0])
    assert len(stage.listing(OTHER_GUILD)) == len(stage.listing()) == 1
    stage.credit(1)
    assert len(stage.listing(OTHER_GUILD)) == 1
    started = [e for e in stage.counted if isinstance(e, SubscriptionStarted)]
    assert [event.guild_id for event in started] == [GUILD]


# -- gifts that were counted from the feed ------------------------------------------------------


def missed_gift(stage: Stage) -> None:
    """An admin credits what only the feed saw."""
    stage.frame("GiftedSubscriptionsEvent", gifts("SamOnKick"))
    stage.clock.forward(minutes=16)
    (line,) = [line for line in stage.listing() if line["kind"] == "gift"]
    stage.credit(line["number"])
    stage.clock.forward(minutes=-16)


@pytest.mark.parametrize("duplicate_first", [False, True])
def test_duplicate_of_a_credited_gift_is_detected(stage: Stage, duplicate_first: bool) -> None:
    if duplicate_first:
        told(stage, BOTH[0])
    missed_gift(stage)
    if not duplicate_first:
        told(stage, BOTH[0])
    assert counted_giftees(stage) == [SAM]
    assert stage.names().count("SubscriptionStarted") == (1 if duplicate_first else 0)
    (line,) = stage.listing()
    assert line["kind"] == ("counted_duplicate" if duplicate_first else "duplicate")
    assert (line["giver"], line["receivers"]) == ("MadCats", ["SamOnKick"])


@pytest.mark.parametrize("duplicate_first", [False, True])
def test_duplicate_of_a_gift_from_the_feed_is_detected(stage: Stage, duplicate_first: bool) -> None:
    with stage.ours.database.begin() as tx:
        now = stage.clock.now
        intake.set_authorities(tx, NORA, {GIFTS: "feed", NEW: "feed"}, now, overrule=True)
    frames = [
        ("GiftedSubscriptionsEvent", gifts("SamOnKick")),
        ("SubscriptionEvent", {"username": "SamOnKick", "months": 1}),
    ]
    for name, data in reversed(frames) if duplicate_first else frames:
        stage.frame(name, data)
        stage.clock.forward(seconds=1)
        tasks.credit_from_feed(stage.ours)
        stage.work()
    assert counted_giftees(stage) == [SAM]
    assert stage.names().count("SubscriptionStarted") == (1 if duplicate_first else 0)
    assert [line["kind"] for line in stage.listing()] == [
        "counted_duplicate" if duplicate_first else "duplicate"
    ]


def test_admin_credit_is_no_duplicate(stage: Stage) -> None:
    """A subscription beside a gift that only the feed saw: an admin said that it is one."""
    given(stage)
    stage.frame("SubscriptionEvent", {"username": "SamOnKick", "months": 1})
    stage.clock.forward(minutes=16)
    stage.listing()
    stage.credit(1)
    assert stage.names() == ["SubGifted", "SubGifted", "SubscriptionStarted"]
    assert stage.listing() == []


# -- by command and button ----------------------------------------------------------------------


async def test_missed_events_and_duplicates_are_decided_the_same_way(stage: Stage) -> None:
    given(stage)
    told(stage, BOTH[0])
    stage.frame("KicksGifted", kicks("k1"))
    stage.clock.forward(minutes=16)
    numbers = {line["kind"]: line["number"] for line in stage.listing()}

    async def settle(act: str, kind: str) -> str:
        embed = await discord.decide(stage.ours, GUILD, act, numbers[kind], ADMIN)
        return f"{embed.title} {embed.description}"

    with pytest.raises(Refusal, match="was not counted"):
        await settle("undo", "kicks")
    assert "It was not counted" in await settle("dismiss", "kicks")
    assert "1 event counted" in await settle("credit", "duplicate")
    stage.work()
    assert stage.names() == ["SubGifted", "SubGifted", "SubscriptionStarted"]
