"""Kick's webhooks, with real processes: everything is counted once, and subscriptions that Kick
drops silently are restored.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from sandbox.kick.bodies import EVENT_TYPES
from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.stage import GUILD, Stage, open_stage
from tests.stories.stream import wait_settled
from tests.stories.webhooks import NORA, WebhookSender, chat, instant


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file; it looks after its subscriptions every second."""
    folder = tmp_path_factory.mktemp("intake")
    settings = {"SUBSCRIPTION_CHECK_SECONDS": "1"}
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.start().wait_well()
        until(lambda: at_kick(opened) == Counter(EVENT_TYPES), "all ten subscriptions")
        opened.wait_subscribed()
        yield opened


@pytest.fixture(autouse=True)
def everything_is_handled(stage: Stage) -> None:
    """Nothing that another test did is counted later."""
    stage.kick.settle()
    wait_settled(stage)


def at_kick(stage: Stage) -> Counter[str]:
    """Kind -> subscriptions for Nora's channel at Kick."""
    found = stage.kick.state()["webhooks"]["subscriptions"]
    return Counter(row["event"] for row in found if row["broadcaster_user_id"] == NORA)


def facts(stage: Stage) -> Counter[str]:
    """Event -> how many were counted for Nora's Corner."""
    found = stage.rows(
        "SELECT event, count(*) FROM inbox_events WHERE guild_id = :guild GROUP BY event",
        guild=GUILD,
    )
    return Counter(dict(found))


def more(stage: Stage, before: Counter[str], wanted: dict[str, int]) -> None:
    """Wait until exactly these have been counted since."""

    def counted() -> dict[str, int]:
        now = facts(stage)
        ours = ("StreamSeenLive", "StreamSeenOffline", "ExclusionChanged")
        return {name: now[name] - before[name] for name in now if name not in ours} | {}

    def grown() -> bool:
        return {name: count for name, count in counted().items() if count} == wanted

    stage.kick.settle()
    until(grown, f"{wanted}, not {counted()}")


def test_each_kick_event_is_recorded_as_fact(stage: Stage) -> None:
    before = facts(stage)
    kick = stage.kick
    kick.follow("mia")
    kick.subscribe("leo")
    kick.renew("yuki", 7)
    kick.gift("mia", ["sam", "tomas"])
    kick.kicks("mia", 500)
    kick.metadata(title="Bonus hunt")
    kick.ban("sam")
    wanted = {
        "ChannelFollowed": 1,
        "SubscriptionStarted": 1,
        "SubscriptionRenewed": 1,
        "SubGifted": 2,
        "KicksGifted": 1,
        "StreamChanged": 1,
        "ViewerBanned": 1,
    }
    more(stage, before, wanted)


def test_dropped_event_subscription_is_restored(stage: Stage) -> None:
    """Kick unsubscribes an event type whose deliveries failed for a day, and does not say so."""
    dropped = "kicks.gifted"
    stage.kick.fault(webhook__bad_signature=1, webhook__unsubscribe_after_s=0.0)
    was = subscription_id(stage, dropped)
    stage.kick.kicks("mia", 100)
    until(lambda: subscription_id(stage, dropped) not in (None, was), "a new subscription")
    stage.kick.reset_faults()
    until(lambda: at_kick(stage) == Counter(EVENT_TYPES), "all ten subscriptions again")
    until(lambda: known_id(stage, dropped) == subscription_id(stage, dropped), "its id, known")
    before = facts(stage)
    stage.kick.kicks("mia", 200)
    more(stage, before, {"KicksGifted": 1})


def subscription_id(stage: Stage, kind: str) -> str | None:
    found = stage.kick.state()["webhooks"]["subscriptions"]
    return next((row["id"] for row in found if row["event"] == kind), None)


def known_id(stage: Stage, kind: str) -> Any:
    return stage.scalar(
        "SELECT subscription_id FROM kick_subscriptions WHERE kind = :kind", kind=kind
    )


def test_chunked_duplicated_and_echoed_gifts_count_once(stage: Stage) -> None:
    before, parked_before = facts(stage), parked(stage)
    stage.kick.fault(body__gift_echo=True, body__gift_chunk=2, webhook__duplicate_new_id=4)
    for number in range(5):
        stage.kick.account(f"lucky{number}", f"Lucky{number}")
    stage.kick.gift("mia", [f"lucky{number}" for number in range(5)])
    more(stage, before, {"SubGifted": 5})
    stage.kick.reset_faults()
    until(lambda: parked(stage) == parked_before + 5, "five echoes set aside")

    # An admin sees one line for the whole drop, and decides once.
    shown = stage.asked("nora", "!missed")
    assert shown["title"] == "🔍 1 event to review"
    assert "Counted as gifts only" in shown["description"]
    which = number_in(shown["description"])
    assert "was not counted" in stage.asked("nora", f"!missed undo {which}")["title"]
    credited = stage.asked("nora", f"!missed credit {which}")
    assert "5 events counted" in credited["description"]
    more(stage, before, {"SubGifted": 5, "SubscriptionStarted": 5})
    assert "already credited" in stage.asked("nora", f"!missed credit {which}")["title"]


def number_in(listed: str) -> str:
    """By which the first line of a list is decided."""
    found = re.search(r"\*\*#(\d+)\*\*", listed)
    assert found is not None
    return found[1]


def test_subscription_counted_before_its_gift_is_revoked(stage: Stage) -> None:
    before = facts(stage)
    stage.kick.account("early", "Early")
    stage.kick.subscribe("early")
    more(stage, before, {"SubscriptionStarted": 1})
    stage.kick.gift("mia", ["early"])
    more(stage, before, {"SubscriptionStarted": 1, "SubGifted": 1})
    shown = stage.asked("nora", "!missed")["description"]
    assert "Counted as both" in shown
    done = stage.asked("nora", f"!missed undo {number_in(shown)}")
    assert "no longer counts" in done["description"]
    wanted = {"SubscriptionStarted": 1, "SubGifted": 1, "SupportRevoked": 1}
    more(stage, before, wanted)
    assert stage.asked("nora", "!missed")["title"] == "✅ Nothing is missing"


def parked(stage: Stage) -> Any:
    return stage.scalar(
        "SELECT count(*) FROM kick_review_items WHERE guild_id = :guild AND kind = 'duplicate'",
        guild=GUILD,
    )


def test_admin_sees_received_and_rejected_webhooks(stage: Stage) -> None:
    sender = WebhookSender(f"http://127.0.0.1:{stage.port}", stage.key)
    stale = sender.deliver(chat("from long ago"), at="2026-01-01T00:00:00Z")
    assert stale.status_code == 403
    raw = b'{"nobody": "may read this"}'
    forged = sender.post(raw, sender.headers(raw) | {"Kick-Event-Signature": "forged"})
    assert forged.status_code == 401
    assert sender.deliver(chat("hello"), at=instant()).status_code == 200

    stage.discord.wait_command("webhooklog")
    answer = stage.discord.slash("nora", "general", "webhooklog")["response"]
    assert answer["ephemeral"] is True
    (embed,) = answer["embeds"]
    assert "chat.message.sent" in embed["description"]
    assert "rejected: too old" in embed["description"]
    assert "not signed by Kick" in embed["footer"]["text"]
    assert "may read" not in str(embed)

    refused = stage.asked("mia", "!webhooklog")
    assert "for moderators" in refused["title"] or "only" in refused["title"].lower()


def test_admins_are_alerted_once_when_live_channel_sends_no_events(stage: Stage) -> None:
    stage.discord.wait_command("settings set")
    channel = channel_id(NORAS_CORNER_ID, "bot-log")
    for key, value in (("kick.admin_channel", f"<#{channel}>"), ("kick.no_events_minutes", "1")):
        assert "Changed" in stage.asked("nora", f"!settings set {key} {value}")["title"]
    stage.kick.live(started_at=instant(timedelta(minutes=10)))
    until(lambda: watched_in_silence(stage), "a look at the live channel")
    # Now the chat subscription is lost, and Kick does not give it back.
    stage.kick.fault(subscriptions__chat_limit=0)
    stage.kick.lose_subscription("chat.message.sent")
    alarmed(stage, "No chat received from Kick")
    stage.kick.reset_faults()
    until(lambda: at_kick(stage) == Counter(EVENT_TYPES), "all ten subscriptions")
    stage.kick.chat("mia", "hello?")
    alarmed(stage, "Receiving chat from Kick again")
    stage.kick.offline()


def watched_in_silence(stage: Stage) -> bool:
    """Whether the product looks at the stream; if so, five minutes ago, with no delivery since."""
    stage.rows("UPDATE inbox_deliveries SET received_at = now() - interval '5 minutes' RETURNING 1")
    looks = stage.rows(
        "UPDATE kick_status_checks SET watched_since = now() - interval '5 minutes'"
        " WHERE broadcaster_user_id = :nora AND started_at IS NOT NULL RETURNING 1",
        nora=NORA,
    )
    return bool(looks)


def alarmed(stage: Stage, title: str) -> None:
    """Exactly one such message reaches the admins' channel."""

    def count() -> int:
        posts = stage.discord.transcript("bot-log")
        return sum(title in str(e.get("title")) for post in posts for e in post["embeds"])

    until(lambda: count() == 1, title)
