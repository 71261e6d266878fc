"""Events that must not count: duplicates of gifts, and chat from the feed."""

from datetime import timedelta
from typing import Any

import pytest

from core.events import ChatMessageSent, SubGifted, SubscriptionStarted
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox import actions as inbox
from core.inbox.handlers import Handler, Handlers
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kick.events import events_of
from core.kick.intake import store
from core.kick.review import actions
from core.kick.review.records import ReviewItem
from core.kick.review.tasks import check_health
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from tests.kick.rig import NOON, NORA, chat, gifts, person, subscription

GIFTS, NEW = "channel.subscription.gifts", "channel.subscription.new"
GIFTEE = 77


class Intake:
    """Kick's deliveries on one side, what was counted on the other."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.counted: list[Any] = []
        handler = (Handler("test", lambda _tx, event: self.counted.append(event)),)
        kinds = (SubGifted, SubscriptionStarted, ChatMessageSent)
        handlers: Handlers = dict.fromkeys(kinds, handler)
        self._worker = Worker(database, {"kick.webhook": events_of}, handlers)
        self._number = 0

    def deliver(self, kind: str, body: dict[str, Any]) -> None:
        self._number += 1
        delivery = Delivery("kick.webhook", f"d{self._number}", kind, f"kick:{NORA}", body, NOON)
        with self.database.begin() as tx:
            inbox.receive(tx, delivery)
        while self._worker.work_once():
            pass

    def bought(self, minutes: float, who: int = GIFTEE) -> None:
        at = (NOON + timedelta(minutes=minutes)).isoformat()
        self.deliver(NEW, subscription(subscriber=person(who), created_at=at))

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.counted]

    def duplicates(self, guild_id: int) -> list[ReviewItem]:
        with self.database.begin() as tx:
            entries = run_in_guild(tx, guild_id, 1, NOON, actions.list_queue)
        return [item for entry in entries for item in entry]


@pytest.fixture
def intake(clean: Database, guild_id: int) -> Intake:
    with clean.begin() as tx:
        guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))
    return Intake(clean)


@pytest.mark.parametrize("minutes", [-10, -0.1, 0, 0.1, 10])
def test_gift_duplicate_is_queued_and_not_counted(
    intake: Intake, guild_id: int, minutes: float
) -> None:
    intake.deliver(GIFTS, gifts(GIFTEE, 78))
    intake.bought(minutes)
    assert intake.names() == ["SubGifted", "SubGifted"]
    (duplicate,) = intake.duplicates(guild_id)
    assert (duplicate.kind, duplicate.is_counted) == ("duplicate", False)
    assert duplicate.giver == "MadCats"
    assert duplicate.receiver_id == GIFTEE


@pytest.mark.parametrize("minutes", [-10.1, 10.1])
def test_purchase_at_another_time_is_counted(intake: Intake, guild_id: int, minutes: float) -> None:
    intake.deliver(GIFTS, gifts(GIFTEE))
    intake.bought(minutes)
    assert intake.names() == ["SubGifted", "SubscriptionStarted"]
    assert intake.duplicates(guild_id) == []


def test_purchase_by_another_viewer_is_counted(intake: Intake, guild_id: int) -> None:
    intake.deliver(GIFTS, gifts(GIFTEE))
    intake.bought(0, who=79)
    assert intake.names() == ["SubGifted", "SubscriptionStarted"]
    assert intake.duplicates(guild_id) == []


def test_duplicate_before_its_gift_is_counted_and_queued(intake: Intake, guild_id: int) -> None:
    intake.bought(0)
    intake.deliver(GIFTS, gifts(GIFTEE))
    assert intake.names() == ["SubscriptionStarted", "SubGifted"]
    (duplicate,) = intake.duplicates(guild_id)
    assert duplicate.is_counted
    assert duplicate.receiver_id == GIFTEE


def test_repeated_deliveries_are_queued_once(intake: Intake, guild_id: int) -> None:
    for _ in range(2):
        intake.deliver(GIFTS, gifts(GIFTEE))
        intake.bought(0)
    assert intake.names() == ["SubGifted"]
    assert len(intake.duplicates(guild_id)) == 1


def test_repeated_delivery_of_a_counted_subscription_is_no_duplicate(
    intake: Intake, guild_id: int
) -> None:
    intake.bought(0)
    intake.deliver(GIFTS, gifts(GIFTEE))
    intake.bought(0)
    assert intake.names() == ["SubscriptionStarted", "SubGifted"]
    (duplicate,) = intake.duplicates(guild_id)
    assert duplicate.is_counted
    with intake.database.begin() as tx:
        run_in_guild(tx, guild_id, 1, NOON, actions.decide, 1, "dismissed")
    intake.deliver(GIFTS, gifts(GIFTEE))
    intake.bought(0)
    assert intake.duplicates(guild_id) == []


def test_open_duplicates_appear_in_health(intake: Intake, guild_id: int) -> None:
    intake.deliver(GIFTS, gifts(GIFTEE))
    intake.bought(0)
    with intake.database.begin() as tx:
        (part,) = check_health(tx, NOON)
    assert (part.name, part.guild_id) == ("Kick duplicates", guild_id)
    assert part.reason.startswith("1 possibly sent twice")


def test_duplicates_are_isolated_per_server(
    intake: Intake, guild_id: int, other_guild_id: int
) -> None:
    intake.deliver(GIFTS, gifts(GIFTEE))
    with intake.database.begin() as tx:
        guilds.set_channel(tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    intake.bought(0)
    assert [event.guild_id for event in intake.counted] == [guild_id, other_guild_id]
    assert len(intake.duplicates(guild_id)) == 1
    assert intake.duplicates(other_guild_id) == []


def test_webhook_chat_is_ignored_where_the_feed_is_the_source(intake: Intake) -> None:
    with intake.database.begin() as tx:
        store.set_authorities(tx, NORA, {"chat.message.sent": "feed"}, NOON, overrule=True)
    intake.deliver("chat.message.sent", chat())
    assert intake.counted == []
    with intake.database.begin() as tx:
        store.set_authorities(tx, NORA, {"chat.message.sent": "webhook"}, NOON, overrule=True)
    intake.deliver("chat.message.sent", chat())
    assert intake.names() == ["ChatMessageSent"]
