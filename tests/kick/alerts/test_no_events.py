"""The alert for a live channel without chat is sent once, and once more when it is over."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from core.guilds import actions as guild_actions
from core.guilds import store as guilds
from core.guilds.records import SelfTest, TestState
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick import messages as embeds
from core.kick.alerts import check_silence
from core.kick.feed import store as feed
from core.kick.feed.records import FeedState
from core.kick.health import check_deliveries
from core.kick.intake import store
from core.kick.intake.rules import AlertSettings
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.outbox.records import messages
from tests.acting import act
from tests.kick.rig import NOON, NORA

MINUTES = AlertSettings.declared["no_events_minutes"]
STARTED = NOON - timedelta(hours=1)
ADMINS = 555


class Channels:
    """A server's channel over time."""

    def __init__(self, tx: Connection, guild_id: int) -> None:
        self.tx = tx
        self.guild_id = guild_id
        self.now = NOON
        self.feed_is_ok = True
        self.webhooks_missing_since: datetime | None = NOON
        self._number = 0
        guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))
        self.set(ADMIN_CHANNEL, ADMINS)

    def set(self, declared: Any, value: Any) -> None:
        act(self.tx, self.guild_id, guild_actions.change_setting, declared, value)

    def polled(self, started_at: datetime | None = STARTED, **time: float) -> None:
        """Time passes; the livestreams are polled and the alerts checked."""
        self.now += timedelta(**time)
        store.set_status_checks(
            self.tx, {NORA: started_at}, self.now, self.now - timedelta(minutes=4)
        )
        state = FeedState(
            broadcaster_user_id=PlatformUserId(NORA),
            is_ok=self.feed_is_ok,
            reason="",
            webhooks_missing_since=self.webhooks_missing_since,
            checked_at=self.now,
        )
        feed.set_states(self.tx, [state])
        check_silence(self.tx, self.now)

    def passes(self, minutes: int, started_at: datetime | None = STARTED) -> None:
        for _ in range(minutes):
            self.polled(started_at, minutes=1)

    def receives(self, source: str = "kick.webhook") -> None:
        """A chat message; afterwards the feed shows lines without a webhook."""
        self._number += 1
        if source != "kick.poll":
            self.webhooks_missing_since = self.now
        kind, lane = "chat.message.sent", f"kick:{NORA}"
        inbox.receive(self.tx, Delivery(source, f"d{self._number}", kind, lane, {}, self.now))
        self.tx.execute(
            text("UPDATE inbox_deliveries SET received_at = :now WHERE delivery_id = :id"),
            {"now": self.now, "id": f"d{self._number}"},
        )

    def alerts(self, guild_id: int | None = None) -> list[Any]:
        return list(
            self.tx.execute(
                select(messages)
                .where(messages.c.guild_id == (guild_id or self.guild_id))
                .order_by(messages.c.id)
            )
        )

    def kinds(self) -> list[str]:
        return [row.kind.removeprefix("kick.") for row in self.alerts()]


@pytest.fixture
def channel(tx: Connection, guild_id: int) -> Channels:
    """Its feed shows chat from noon on."""
    return Channels(tx, guild_id)


def test_quiet_stream_raises_no_alert(channel: Channels) -> None:
    """Without evidence there is no alert, however long it lasts."""
    channel.webhooks_missing_since = None
    channel.polled()
    channel.passes(120)
    assert channel.kinds() == []
    assert check_deliveries(channel.tx, channel.now)[1:] == []


def test_feed_chat_without_webhooks_is_evidence(channel: Channels) -> None:
    channel.webhooks_missing_since = None
    channel.polled()
    channel.passes(30)
    channel.webhooks_missing_since = channel.now
    channel.passes(4)
    assert channel.kinds() == []
    channel.passes(1)
    (alert,) = channel.alerts()
    assert alert.payload["evidence"] == "chat"


def test_missing_subscription_is_evidence(channel: Channels) -> None:
    channel.webhooks_missing_since = None
    ids = {"chat.message.sent": "01J", "channel.followed": None}
    store.set_subscriptions(channel.tx, NORA, ids, {}, NOON)
    channel.polled()
    channel.passes(30)
    assert channel.kinds() == []
    ids["chat.message.sent"] = None
    store.set_subscriptions(channel.tx, NORA, ids, {"chat.message.sent": "Kick declined."}, NOON)
    channel.passes(1)
    assert [row.payload["evidence"] for row in channel.alerts()] == ["subscription"]
    channel.passes(30)
    assert channel.kinds() == ["no_events"]


@pytest.mark.parametrize(
    ("state", "kinds"),
    [("waiting", []), ("received", []), ("not_sent", []), ("failed", ["no_events"])],
)
def test_failed_selftest_is_evidence(
    channel: Channels, guild_id: int, state: TestState, kinds: list[str]
) -> None:
    channel.webhooks_missing_since = None
    channel.polled()
    channel.passes(10)
    test = SelfTest(platform="kick", key="k", sent_at=channel.now, state=state)
    act(channel.tx, guild_id, Work.add, test)
    channel.passes(1)
    assert channel.kinds() == kinds
    channel.receives()
    channel.webhooks_missing_since = None
    channel.passes(30)
    assert channel.kinds() == kinds + ["no_events_over"] * len(kinds), "an old test proves nothing"


def test_five_silent_minutes_are_reported_once_in_the_admin_channel(channel: Channels) -> None:
    channel.polled()
    channel.passes(4)
    assert channel.kinds() == []
    channel.passes(30)
    (alert,) = channel.alerts()
    assert alert.kind == "kick.no_events"
    assert alert.target == {"channel_id": ADMINS}
    assert alert.payload == {"slug": "noraplays", "since": NOON.isoformat(), "evidence": "chat"}


def test_recovery_is_reported_once(channel: Channels) -> None:
    channel.polled()
    channel.passes(6)
    channel.receives()
    channel.passes(3)
    assert channel.kinds() == ["no_events", "no_events_over"]
    assert channel.alerts()[1].payload["why"] == "received"


def test_second_silence_in_a_stream_is_reported_again(channel: Channels) -> None:
    channel.polled()
    for _ in range(2):
        channel.passes(6)
        channel.receives()
        channel.passes(1)
    assert channel.kinds() == ["no_events", "no_events_over"] * 2
    assert len({row.key for row in channel.alerts()}) == 4


def test_channel_with_chat_is_not_reported(channel: Channels) -> None:
    channel.polled()
    for _ in range(5):
        channel.passes(4)
        channel.receives()
    assert channel.kinds() == []


def test_polls_do_not_count_as_chat(channel: Channels) -> None:
    channel.polled()
    for _ in range(6):
        channel.passes(1)
        channel.receives("kick.poll")
    assert channel.kinds() == ["no_events"]


def test_feed_connection_is_watched_where_chat_comes_from_the_feed(channel: Channels) -> None:
    store.set_authorities(channel.tx, NORA, {"chat.message.sent": "feed"}, NOON, overrule=True)
    channel.polled()
    channel.passes(10)
    assert channel.kinds() == []
    channel.receives("kick.feed")
    channel.feed_is_ok = False
    channel.polled()
    for _ in range(6):
        channel.passes(1)
        channel.receives("kick.webhook")
    channel.tx.info["cache"].clear()
    assert channel.kinds() == ["no_events"]
    channel.receives("kick.feed")
    channel.passes(1)
    assert channel.kinds() == ["no_events", "no_events_over"]


def test_offline_channel_raises_no_alert(channel: Channels) -> None:
    channel.polled(None)
    channel.passes(30, None)
    assert channel.kinds() == []


def test_stream_ending_in_silence_closes_the_alert(channel: Channels) -> None:
    channel.polled()
    channel.passes(6)
    channel.passes(3, None)
    assert channel.kinds() == ["no_events", "no_events_over"]
    assert channel.alerts()[1].payload["why"] == "ended"


def test_next_stream_raises_a_new_alert(channel: Channels) -> None:
    channel.polled()
    channel.passes(6)
    later = channel.now
    channel.passes(6, later)
    assert channel.kinds() == ["no_events", "no_events_over", "no_events"]
    assert channel.alerts()[1].payload["why"] == "ended"


def test_silence_is_measured_from_stream_start(channel: Channels) -> None:
    channel.polled(None)
    channel.passes(30, None)
    began = channel.now
    channel.passes(4, began)
    assert channel.kinds() == []
    channel.passes(1, began)
    assert channel.kinds() == ["no_events"]


def test_downtime_does_not_count_as_silence(channel: Channels) -> None:
    """After a night in which the product did not run, there is no chat to miss."""
    channel.polled()
    channel.polled(hours=8)
    channel.passes(4)
    assert channel.kinds() == []
    channel.passes(1)
    assert channel.kinds() == ["no_events"]


def test_silence_threshold_is_a_setting(channel: Channels) -> None:
    channel.set(MINUTES, 15)
    channel.polled()
    channel.passes(14)
    assert channel.kinds() == []
    channel.passes(1)
    assert channel.kinds() == ["no_events"]
    channel.set(MINUTES, 0)
    channel.passes(30)
    assert channel.kinds() == ["no_events"]


def test_alerts_are_isolated_per_server(
    channel: Channels, tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    act(tx, other_guild_id, guild_actions.change_setting, ADMIN_CHANNEL, 777)
    act(tx, other_guild_id, guild_actions.change_setting, MINUTES, 0)
    channel.polled()
    channel.passes(6)
    assert channel.kinds() == ["no_events"]
    assert channel.alerts(other_guild_id) == []
    silent = [part for part in check_deliveries(tx, channel.now) if part.name == "Kick activity"]
    assert [(part.state, part.guild_id) for part in silent] == [("warn", guild_id)]


def test_server_without_channel_has_no_alert(channel: Channels, tx: Connection) -> None:
    channel.polled()
    channel.passes(6)
    tx.execute(text("DELETE FROM guild_channels"))
    check_silence(tx, channel.now)
    assert store.list_open_alerts(tx) == {}


def test_silence_appears_in_health_without_an_admin_channel(
    channel: Channels, tx: Connection, guild_id: int
) -> None:
    channel.set(ADMIN_CHANNEL, 0)
    channel.polled()
    channel.passes(6)
    assert channel.kinds() == []
    assert "Kick activity" in {part.name for part in check_deliveries(tx, channel.now)}


def test_alert_messages_say_what_to_do() -> None:
    payload = {"slug": "nora_plays", "since": NOON.isoformat()}
    alert = embeds.no_events(payload).embed
    assert r"nora\_plays" in str(alert.description)
    assert "/check_kick_config" in str(alert.description)
    assert "realtime feed shows chat" in str(alert.description)
    over = {"at": (NOON + timedelta(minutes=12)).isoformat()}
    assert "12 min" in str(
        embeds.no_events_over(payload | over | {"why": "received"}).embed.description
    )
    assert "offline" in str(
        embeds.no_events_over(payload | over | {"why": "ended"}).embed.description
    )
