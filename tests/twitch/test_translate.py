"""Twitch's events become ours: each fact once, for every server that follows the channel."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import (
    BitsCheered,
    ChannelRaided,
    ChatMessageSent,
    Person,
    StreamChanged,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
    SubGifted,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
    ViewerBanned,
)
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import Delivery
from core.twitch.bodies import LIVE_POLL, read_instant
from core.twitch.events import events_of
from tests.twitch.rig import MIA, NORA, TOMAS, chat, someone

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MADCATS = Person(user_id=MIA, name="MadCats", login="madcats")


@pytest.fixture(autouse=True)
def follows(tx: Connection, guild_id: int) -> None:
    guilds.set_channel(tx, Channel(guild_id, "twitch", NORA, "noraplays"))


def told(
    tx: Connection, kind: str, event: dict[str, Any], *, message_id: str = "m", at: datetime = NOON
) -> list[Any]:
    delivery = Delivery("twitch.webhook", message_id, kind, f"twitch:{NORA}", event, at)
    return list(events_of(tx, delivery))


def test_line_of_chat(tx: Connection, guild_id: int) -> None:
    [line] = told(tx, "channel.chat.message", chat("!call Wanted", message_id="uuid"))
    assert isinstance(line, ChatMessageSent)
    assert (line.platform, line.guild_id, line.key) == ("twitch", guild_id, "uuid")
    assert (line.command, line.argument) == ("call", "Wanted")
    assert (line.sender.user_id, line.sender.login) == (MIA, "madcats")
    assert line.sender.is_subscriber
    assert line.is_answered
    assert not line.sender.is_broadcaster


def test_emotes_and_the_name_before_a_reply_are_no_part_of_a_command(tx: Connection) -> None:
    parts = [("mention", "@NoraPlays"), ("text", " !call Starburst "), ("emote", "KEKW")]
    parts += [("text", " \U000e0000"), ("cheermote", "Cheer100")]
    message = {
        "text": "".join(text for _kind, text in parts),
        "fragments": [{"type": kind, "text": text, "emote": None} for kind, text in parts],
    }
    [line] = told(tx, "channel.chat.message", chat(message=message))
    assert (line.command, line.argument) == ("call", "Starburst")
    [line] = told(tx, "channel.chat.message", chat(message=message | {"fragments": None}))
    assert (line.command, line.argument) == ("call", "Starburst KEKW Cheer100")


def test_broadcaster_and_bot_are_recognised(tx: Connection) -> None:
    own = chat(chatter_user_id=str(NORA), chatter_user_name="NoraPlays")
    [line] = told(tx, "channel.chat.message", own)
    assert line.sender.is_broadcaster


def test_line_from_a_shared_chat_does_not_count(tx: Connection) -> None:
    assert told(tx, "channel.chat.message", chat(source_broadcaster_user_id="77")) == []
    shared = chat(source_broadcaster_user_id=str(NORA))
    assert len(told(tx, "channel.chat.message", shared)) == 1


def test_every_server_is_told_and_one_answers(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "twitch", NORA, "noraplays"))
    lines = told(tx, "channel.chat.message", chat())
    assert {line.guild_id for line in lines} == {guild_id, other_guild_id}
    assert sum(line.is_answered for line in lines) == 1


def test_stream_begins_and_ends(tx: Connection) -> None:
    online = someone(id="9001", type="live", started_at="2026-05-01T10:00:00.123456789Z")
    [began] = told(tx, "stream.online", online, at=NOON - timedelta(hours=2))
    start = datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert isinstance(began, StreamWentLive)
    assert began.started_at == start
    ended, offline = told(tx, "stream.offline", someone())
    assert isinstance(ended, StreamEnded)
    assert (ended.started_at, ended.at) == (start, NOON)
    assert isinstance(offline, StreamSeenOffline)


def test_end_of_a_stream_whose_beginning_was_handled_after_it_was_seen_offline(
    tx: Connection,
) -> None:
    start = NOON - timedelta(minutes=5)
    told(tx, "stream.offline", someone(), at=NOON - timedelta(minutes=1))
    online = someone(id="1", type="live", started_at=start.isoformat())
    told(tx, "stream.online", online, at=start)
    ended, _offline = told(tx, "stream.offline", someone(), at=NOON)
    assert isinstance(ended, StreamEnded)
    assert ended.started_at == start


def test_stream_that_begins_at_once_on_kick_is_another_one(tx: Connection) -> None:
    online = someone(id="1", type="live", started_at=NOON.isoformat())
    [began] = told(tx, "stream.online", online)
    ended, offline = told(tx, "stream.offline", someone())
    for event in (began, ended, offline):
        assert event.key == f"twitch|{NOON.isoformat()}"  # Kick's is the instant


def test_end_of_an_unknown_stream(tx: Connection) -> None:
    [offline] = told(tx, "stream.offline", someone())
    assert isinstance(offline, StreamSeenOffline)


def test_rerun_is_no_stream(tx: Connection) -> None:
    rerun = someone(id="1", type="rerun", started_at="2026-05-01T10:00:00Z")
    assert told(tx, "stream.online", rerun) == []


def test_webhook_and_poll_name_the_same_stream(tx: Connection) -> None:
    online = someone(id="1", type="live", started_at="2026-05-01T10:00:00.999Z")
    [began] = told(tx, "stream.online", online)
    poll = someone(seen_at=NOON.isoformat(), started_at="2026-05-01T10:00:00+00:00", title="x")
    [seen] = told(tx, LIVE_POLL, poll)
    assert isinstance(seen, StreamSeenLive)
    assert seen.started_at == began.started_at
    [gone] = told(tx, LIVE_POLL, someone(seen_at=NOON.isoformat(), started_at=None))
    assert isinstance(gone, StreamSeenOffline)


def test_subscription_and_renewal(tx: Connection) -> None:
    [new] = told(tx, "channel.subscribe", someone(tier="1000", is_gift=False))
    assert isinstance(new, SubscriptionStarted)
    assert new.subscriber == MADCATS
    months = someone(tier="3000", cumulative_months=15, message={"text": "hi", "emotes": []})
    [renewed] = told(tx, "channel.subscription.message", months)
    assert isinstance(renewed, SubscriptionRenewed)
    assert renewed.months == 15


def test_gift_counts_once(tx: Connection) -> None:
    gift = someone(total=5, tier="1000", cumulative_total=284, is_anonymous=False)
    gifts = told(tx, "channel.subscription.gift", gift)
    assert len({one.key for one in gifts}) == 5
    assert all(isinstance(one, SubGifted) and one.gifter == MADCATS for one in gifts)
    assert len({one.drop for one in gifts}) == 1
    # Each giftee comes as a subscriber, too.
    [giftee] = told(tx, "channel.subscribe", someone(tier="1000", is_gift=True))
    assert isinstance(giftee, SubscriberReported)
    assert (giftee.reporter, giftee.tier) == ("gift", "1000")


def test_gift_has_the_same_keys_under_another_message(tx: Connection) -> None:
    gift = someone(total=2, tier="1000", cumulative_total=10, is_anonymous=False)
    first = told(tx, "channel.subscription.gift", gift, message_id="a")
    second = told(tx, "channel.subscription.gift", gift, message_id="b")
    assert [one.key for one in first] == [one.key for one in second]


def test_anonymous_gifts_have_no_giver_and_are_distinct(tx: Connection) -> None:
    nobody = someone(user_id=None, user_login=None, user_name=None, total=1, tier="1000")
    nobody |= {"cumulative_total": None, "is_anonymous": True}
    [first] = told(tx, "channel.subscription.gift", nobody, message_id="a")
    [second] = told(tx, "channel.subscription.gift", nobody, message_id="b")
    assert first.gifter is None
    assert first.key != second.key


def test_cheer_raid_ban_and_title(tx: Connection) -> None:
    [cheer] = told(tx, "channel.cheer", someone(bits=500, message="wow", is_anonymous=False))
    assert isinstance(cheer, BitsCheered)
    assert (cheer.sender, cheer.amount) == (MADCATS, 500)
    raid = {
        "from_broadcaster_user_id": str(TOMAS),
        "from_broadcaster_user_name": "Tomas",
        "to_broadcaster_user_id": str(NORA),
        "viewers": 42,
    }
    [raided] = told(tx, "channel.raid", raid)
    assert isinstance(raided, ChannelRaided)
    assert (raided.raider.name, raided.viewers) == ("Tomas", 42)
    ban = someone(moderator_user_id=str(TOMAS), banned_at="2026-05-01T11:00:00Z", ends_at=None)
    [banned] = told(tx, "channel.ban", ban)
    assert isinstance(banned, ViewerBanned)
    assert (banned.viewer, banned.until) == (MADCATS, None)
    title = someone(title="New", language="en", category_name="Slots")
    [changed] = told(tx, "channel.update", title)
    assert isinstance(changed, StreamChanged)
    assert (changed.title, changed.category) == ("New", "Slots")


def test_anonymous_cheer_is_no_event(tx: Connection) -> None:
    nobody = someone(user_id=None, user_name=None, user_login=None, bits=1, is_anonymous=True)
    assert told(tx, "channel.cheer", nobody) == []


def test_channel_that_nobody_follows_has_no_events(tx: Connection) -> None:
    assert told(tx, "channel.chat.message", chat(broadcaster_user_id="999")) == []


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-05-01T10:00:00Z", 0),
        ("2026-05-01T10:00:00.5Z", 500_000),
        ("2026-05-01T10:00:00.123456789Z", 123_456),
        ("2026-05-01T12:00:00.17106713+02:00", 171_067),
    ],
)
def test_nanoseconds_are_cut(text: str, microsecond: int) -> None:
    at = datetime(2026, 5, 1, 10, tzinfo=UTC).replace(microsecond=microsecond)
    assert read_instant(text) == at


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-05-01T10:00:00", "1" * 50, "0001-01-01T00:00:00Z"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"timestamp|isoformat|instant|offset"):
        read_instant(text)


def notice(kind: str, **differs: Any) -> dict[str, Any]:
    """The event of `channel.chat.notification`, as in Twitch's documentation."""
    return {
        "broadcaster_user_id": str(NORA),
        "chatter_user_id": str(MIA),
        "chatter_user_login": "madcats",
        "chatter_user_name": "MadCats",
        "message_id": "notice-1",
        "notice_type": kind,
        "sub": None,
        "resub": None,
        "prime_paid_upgrade": None,
        "source_broadcaster_user_id": None,
    } | differs


@pytest.mark.parametrize(
    ("event", "tier"),
    [
        (notice("sub", sub={"sub_tier": "1000", "is_prime": True, "duration_months": 1}), "prime"),
        (notice("resub", resub={"sub_tier": "2000", "is_prime": False}), "2000"),
        (notice("prime_paid_upgrade", prime_paid_upgrade={"sub_tier": "1000"}), "1000"),
        (notice("raid"), None),
        (notice("sub", sub={"sub_tier": "1000"}, source_broadcaster_user_id="9"), None),
    ],
)
def test_notices_in_chat_tell_prime_from_tier_1(
    tx: Connection, event: dict[str, Any], tier: str | None
) -> None:
    found = told(tx, "channel.chat.notification", event)
    assert [one.tier for one in found] == ([tier] if tier else [])


def test_end_of_a_subscription(tx: Connection) -> None:
    [ended] = told(tx, "channel.subscription.end", someone(tier="1000", is_gift=False))
    assert isinstance(ended, SubscriptionEnded)
    assert ended.subscriber == MADCATS
