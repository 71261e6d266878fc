"""The effects of events on watchtime, one guarantee per test."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from core.events import StreamSeenLive
from core.guilds.actions import change_settings
from core.watchtime import actions, standings, store, streams
from core.watchtime.rules import WatchtimeSettings
from tests.watchtime.model import Teller, at, do, tell, watched


@pytest.fixture
def teller(guild_id: int) -> Teller:
    return Teller(guild_id)


def credited(tx: Connection, guild_id: int) -> dict[int, timedelta]:
    actions.credit(tx, guild_id)
    return watched(tx, guild_id)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_message_while_live_counts_for_ten_minutes(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    tell(tx, teller.went_live(at(0)), teller.says(5, at(10)), teller.seen_live(at(0), at(60)))
    assert credited(tx, guild_id) == {5: minutes(10)}


@pytest.mark.parametrize(
    "sender",
    [
        {"is_broadcaster": True},
        {"is_bot": True},
        {"badges": ("bot",)},
        {"name": "NightBot"},
    ],
)
def test_bots_and_broadcaster_earn_nothing(
    tx: Connection, guild_id: int, teller: Teller, sender: dict[str, object]
) -> None:
    tell(tx, teller.went_live(at(0)), teller.says(5, at(1), **sender))
    tell(tx, teller.ended(at(0), at(60)))
    assert credited(tx, guild_id) == {}


def test_disabled_watchtime_earns_nothing(tx: Connection, guild_id: int, teller: Teller) -> None:
    do(tx, guild_id, change_settings, WatchtimeSettings, enabled=False)
    tell(tx, teller.says(5, at(1)), teller.went_live(at(0)), teller.ended(at(0), at(60)))
    assert credited(tx, guild_id) == {}


def test_window_is_a_setting(tx: Connection, guild_id: int, teller: Teller) -> None:
    do(tx, guild_id, change_settings, WatchtimeSettings, window_minutes=3)
    tell(tx, teller.says(5, at(1)), teller.went_live(at(0)), teller.ended(at(0), at(60)))
    assert credited(tx, guild_id) == {5: minutes(3)}


def test_chat_without_stream_earns_nothing(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, *(teller.says(viewer, at(minute)) for viewer in (5, 6, 7) for minute in range(30)))
    assert credited(tx, guild_id) == {}


def test_only_confirmed_time_is_credited(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.went_live(at(0)), teller.says(5, at(0)))
    assert credited(tx, guild_id) == {}
    tell(tx, teller.seen_live(at(0), at(4)))
    assert credited(tx, guild_id) == {5: minutes(4)}


def test_missed_stream_end_credits_only_confirmed_time(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    """The end never came; a look found the channel offline. What was confirmed stays."""
    tell(tx, teller.went_live(at(0)), teller.seen_live(at(0), at(4)), teller.says(5, at(0)))
    tell(tx, teller.seen_offline(at(8)), teller.says(5, at(9)))
    assert credited(tx, guild_id) == {5: minutes(4)}


def test_exact_end_overrides_polls(tx: Connection, guild_id: int, teller: Teller) -> None:
    """Also downwards: Kick's list lags behind the truth."""
    tell(tx, teller.says(5, at(0)), teller.seen_live(at(0), at(8)))
    assert credited(tx, guild_id) == {5: minutes(8)}
    tell(tx, teller.seen_offline(at(9)), teller.ended(at(0), at(6)))
    assert credited(tx, guild_id) == {5: minutes(6)}
    tell(tx, teller.seen_live(at(0), at(8.5)))
    assert credited(tx, guild_id) == {5: minutes(6)}


@pytest.mark.parametrize("end_first", [True, False])
def test_stream_that_resumes_has_not_ended(
    tx: Connection, guild_id: int, teller: Teller, end_first: bool
) -> None:
    """The connection broke for a moment: Kick told the end, and goes on to list the same stream."""
    broke, seen = teller.ended(at(0), at(10)), teller.seen_live(at(0), at(16))
    tell(tx, teller.went_live(at(0)), teller.says(5, at(5)), teller.says(5, at(13)))
    tell(tx, *([broke, seen] if end_first else [seen, broke]))
    assert credited(tx, guild_id) == {5: minutes(11)}
    (stream,) = streams.list_newest_streams(tx, guild_id)
    assert stream.is_live
    tell(tx, teller.ended(at(0), at(14)))
    assert credited(tx, guild_id) == {5: minutes(9)}


def test_new_stream_ends_the_older_one_where_last_seen(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    tell(tx, teller.went_live(at(0)), teller.seen_live(at(0), at(2)), teller.says(5, at(0)))
    tell(tx, teller.went_live(at(5)), teller.seen_live(at(5), at(6)))
    assert credited(tx, guild_id) == {5: minutes(2 + 1)}


def test_late_message_is_credited_in_a_settled_stream(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    tell(tx, teller.went_live(at(0)), teller.ended(at(0), at(60)))
    assert credited(tx, guild_id) == {}
    assert store.list_stale_guilds(tx) == []
    tell(tx, teller.says(5, at(55)))
    assert store.list_stale_guilds(tx) == [guild_id]
    assert credited(tx, guild_id) == {5: minutes(5)}


def test_replayed_message_needs_no_credit(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.says(5, at(55)), teller.went_live(at(0)), teller.ended(at(0), at(60)))
    actions.credit(tx, guild_id)
    tell(tx, teller.says(5, at(55)), teller.ended(at(0), at(60)), teller.went_live(at(0)))
    assert store.list_stale_guilds(tx) == []


def test_watchtime_is_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int, teller: Teller
) -> None:
    other = Teller(other_guild_id)
    tell(tx, teller.says(5, at(0)), other.says(5, at(0)), other.says(6, at(0)))
    tell(tx, teller.went_live(at(0)), teller.ended(at(0), at(5)))
    assert credited(tx, other_guild_id) == {}
    assert credited(tx, guild_id) == {5: minutes(5)}
    tell(tx, other.went_live(at(0)), other.ended(at(0), at(2)))
    assert credited(tx, other_guild_id) == {5: minutes(2), 6: minutes(2)}
    assert credited(tx, guild_id) == {5: minutes(5)}
    assert [p.watched for p in standings.list_places(tx, guild_id, 10)] == [minutes(5)]
    assert standings.get_totals(tx, other_guild_id).viewers == 2


def test_late_message_makes_only_its_server_stale(
    tx: Connection, guild_id: int, other_guild_id: int, teller: Teller
) -> None:
    """One channel may stream for both."""
    for one in (teller, Teller(other_guild_id)):
        tell(tx, one.went_live(at(0)), one.ended(at(0), at(60)))
        actions.credit(tx, one.guild_id)
    tell(tx, teller.says(5, at(55)))
    assert store.list_stale_guilds(tx) == [guild_id]


def test_each_platform_counts_its_own_streams(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    twitch = Teller(guild_id, platform="twitch")
    tell(tx, teller.says(5, at(0)), twitch.says(6, at(0)), twitch.says(7, at(4)))
    tell(tx, twitch.went_live(at(0)), twitch.ended(at(0), at(5)))
    tell(tx, teller.went_live(at(3)), teller.ended(at(3), at(5)))
    assert credited(tx, guild_id) == {5: minutes(2), 6: minutes(5), 7: minutes(1)}


# -- whether it is live now, whatever the order in which we learn of it ---------------------------

START = at(0)


@pytest.mark.parametrize(
    ("offline_at", "look_at", "is_live"),
    [(None, at(3), True), (at(2), at(3), True), (at(4), at(3), False), (at(3), at(3), False)],
)
@pytest.mark.parametrize("offline_first", [True, False])
def test_newest_poll_decides_whether_it_is_live(
    tx: Connection,
    guild_id: int,
    teller: Teller,
    offline_at: datetime | None,
    look_at: datetime,
    is_live: bool,
    offline_first: bool,
) -> None:
    look: list[StreamSeenLive] = [teller.seen_live(START, look_at), teller.seen_live(START, at(1))]
    offline = [teller.seen_offline(offline_at), teller.seen_offline(at(0.5))] if offline_at else []
    tell(tx, *(offline + look if offline_first else look + offline))
    (stream,) = streams.list_newest_streams(tx, guild_id)
    assert stream.is_live is is_live
    assert (stream.started_at, stream.seen_at) == (START, look_at)


def test_ended_stream_is_not_live_after_a_later_poll(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    tell(tx, teller.ended(START, at(5)), teller.seen_live(START, at(6)))
    (stream,) = streams.list_newest_streams(tx, guild_id)
    assert not stream.is_live
    assert stream.ended_at == at(5)
