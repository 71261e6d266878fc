"""Standings, the leaderboard, the overview and the health page."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import change_setting
from core.guilds.settings import TIME_ZONE
from core.kit.database.connection import cache_of
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.kit.health_item import HealthItem
from core.people.lookup import find_person
from core.people.store import add_link
from core.watchtime import actions, views
from core.watchtime.feature import FEATURE
from core.watchtime.standings import Place
from core.watchtime.views import Board, Overview, Status
from tests.acting import act
from tests.watchtime.model import Teller, at, exclude, tell


@pytest.fixture
def teller(tx: Connection, guild_id: int) -> Teller:
    """An evening, credited up to 22:50. Viewer 1 watched 30 minutes, 2 and 3 watched 10, 4 none."""
    teller = Teller(guild_id)
    tell(tx, *(teller.says(1, at(minute)) for minute in (0, 10, 45)))
    tell(tx, teller.says(2, at(44)), teller.says(3, at(20)), teller.says(4, at(-60)))
    tell(tx, teller.went_live(at(-5)), teller.seen_live(at(-5), at(55)))
    actions.credit(tx, guild_id)
    return teller


def card(tx: Connection, guild_id: int, name: str, now: datetime) -> Status:
    viewer = act(tx, guild_id, find_person, name)
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, NOBODY, now, views.get_status, viewer)


def overview(tx: Connection, guild_id: int, now: datetime) -> Overview:
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, NOBODY, now, views.get_overview)


def board(tx: Connection, guild_id: int, size: int = 10, **which: Any) -> Board:
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, NOBODY, at(60), views.get_board, size=size, **which)


NOBODY = 99
"""A member who has linked nothing."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_card_has_total_rank_and_stream(tx: Connection, guild_id: int, teller: Teller) -> None:
    found = card(tx, guild_id, "@VIEWER1 ", at(50))
    assert found.rank.watched == minutes(30)
    assert (found.rank.rank, found.rank.ranked, found.rank.ahead) == (1, 3, None)
    assert found.watched_of_stream == minutes(30)
    assert found.spoke_at == at(45)
    assert found.counted_until == at(55)
    assert found.window == minutes(10)


def test_equal_totals_share_a_rank(tx: Connection, guild_id: int, teller: Teller) -> None:
    for name in ("viewer2", "viewer3"):
        rank = card(tx, guild_id, name, at(50)).rank
        assert (rank.rank, rank.ahead) == (2, minutes(30))
    places = board(tx, guild_id).places
    assert [(p.rank, p.name, p.watched) for p in places] == [
        (1, "viewer1", minutes(30)),
        (2, "viewer2", minutes(10)),
        (2, "viewer3", minutes(10)),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 10])
@pytest.mark.parametrize("period", ["all", "month"])
def test_ranks_are_the_same_on_pages_of_any_size(
    tx: Connection, guild_id: int, teller: Teller, period: str, size: int
) -> None:
    tell(tx, teller.says(6, at(52)))
    actions.credit(tx, guild_id)
    pages = [board(tx, guild_id, size, period=period, page=n + 1) for n in range(4)]
    assert [page.pages for page in pages] == [-(-4 // size)] * 4
    found = [(p.rank, p.name) for page in pages[: pages[0].pages] for p in page.places]
    assert found == [(1, "viewer1"), (2, "viewer2"), (2, "viewer3"), (4, "viewer6")]


def test_next_rank_is_the_nearest(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.says(5, at(20)), teller.says(5, at(40)))
    actions.credit(tx, guild_id)
    rank = card(tx, guild_id, "viewer2", at(50)).rank
    assert (rank.rank, rank.ranked, rank.ahead) == (3, 4, minutes(20))


def test_viewer_without_watchtime_has_no_rank(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    found = card(tx, guild_id, "viewer4", at(50))
    assert (found.rank.rank, found.rank.watched, found.rank.ranked) == (None, minutes(0), 3)
    assert found.spoke_at == at(-60)


@pytest.mark.parametrize(("now", "until"), [(at(54.9), at(55)), (at(55), None), (at(40), None)])
def test_viewer_is_counted_until_the_window_closes(
    tx: Connection, guild_id: int, teller: Teller, now: datetime, until: datetime | None
) -> None:
    assert card(tx, guild_id, "viewer1", now).counted_until == until


def test_card_recognizes_the_streamer(tx: Connection, guild_id: int, teller: Teller) -> None:
    assert not card(tx, guild_id, "viewer4", at(50)).is_streamer
    guilds.set_channel(tx, guilds.Channel(guild_id, "kick", 4, "viewer4"))
    assert card(tx, guild_id, "viewer4", at(50)).is_streamer


def test_own_line_shows_rank_or_exclusion(tx: Connection, guild_id: int, teller: Teller) -> None:
    viewer = act(tx, guild_id, find_person, "viewer1")
    add_link(tx, guild_id, NOBODY, "kick", viewer.viewer_id, at(0))
    assert board(tx, guild_id).own == Place(1, viewer.viewer_id, "viewer1", minutes(30))
    exclude(tx, guild_id, "viewer1")
    for period in ("all", "month"):
        found = board(tx, guild_id, period=period)
        assert found.own == Place(None, viewer.viewer_id, "viewer1", minutes(0))
        assert found.is_excluded


def test_nobody_is_counted_while_offline(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.seen_offline(at(56)), teller.says(1, at(57)))
    assert card(tx, guild_id, "viewer1", at(58)).counted_until is None
    assert overview(tx, guild_id, at(58)).counted_now == 0


def test_viewer_is_counted_across_midnight(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.says(1, at(115)), teller.seen_live(at(-5), at(118)))
    assert card(tx, guild_id, "viewer1", at(116)).counted_until == at(125)
    assert card(tx, guild_id, "viewer1", at(121)).counted_until == at(125)
    assert overview(tx, guild_id, at(121)).counted_now == 1


def test_current_stream_is_separate_from_the_last(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    tell(tx, teller.ended(at(-5), at(56)), teller.went_live(at(60)), teller.says(1, at(61)))
    tell(tx, teller.seen_live(at(60), at(65)))
    before = card(tx, guild_id, "viewer1", at(65))
    assert before.watched_of_stream == minutes(0), "confirmed, but not credited yet"
    actions.credit(tx, guild_id)
    found = card(tx, guild_id, "viewer1", at(65))
    assert found.watched_of_stream == minutes(4)
    assert found.rank.watched == minutes(34)


def test_overview_has_totals_and_streams(tx: Connection, guild_id: int, teller: Teller) -> None:
    found = overview(tx, guild_id, at(50))
    assert found.counted_now == 2
    assert (found.totals.watched, found.totals.viewers) == (minutes(50), 3)
    assert [(s.started_at, s.is_live) for s in found.streams] == [(at(-5), True)]
    assert found.settings.enabled


def test_overview_of_an_empty_server_is_empty(tx: Connection, other_guild_id: int) -> None:
    found = overview(tx, other_guild_id, at(0))
    assert (found.streams, found.counted_now, found.totals.viewers) == ((), 0, 0)
    assert board(tx, other_guild_id).places == []


def test_leaderboard_respects_its_limit(tx: Connection, guild_id: int, teller: Teller) -> None:
    assert [p.name for p in board(tx, guild_id, 2).places] == ["viewer1", "viewer2"]


@pytest.mark.parametrize("limit", [0, 26, -1])
def test_invalid_leaderboard_limit_is_rejected(tx: Connection, guild_id: int, limit: int) -> None:
    with pytest.raises(Refusal):
        board(tx, guild_id, limit)


def test_unknown_name_is_rejected(tx: Connection, guild_id: int, teller: Teller) -> None:
    with pytest.raises(Refusal, match="nobody_here"):
        card(tx, guild_id, "nobody_here", at(50))


def look(tx: Connection, guild_id: int, now: datetime) -> HealthItem:
    (part,) = [p for check in FEATURE.checks for p in check(tx, now) if p.guild_id == guild_id]
    return part


def test_health_shows_the_live_stream(tx: Connection, guild_id: int, teller: Teller) -> None:
    part = look(tx, guild_id, at(56))
    assert part.name == "Stream on Kick"
    assert (part.state, part.reason, part.age_seconds) == (
        "ok",
        "Live since 2026-03-01 21:55 UTC.",
        60,
    )


def test_health_warns_about_an_unconfirmed_stream(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    part = look(tx, guild_id, at(60.1))
    assert part.state == "warn"
    assert "last confirmed 2026-03-01 22:55 UTC" in part.reason


def test_health_shows_the_last_stream(tx: Connection, guild_id: int, teller: Teller) -> None:
    tell(tx, teller.ended(at(-5), at(57)))
    part = look(tx, guild_id, at(300))
    assert (part.state, part.reason) == ("ok", "Offline; last live 2026-03-01 22:57 UTC.")


def test_viewers_over_time_are_those_counted_at_each_instant(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    """The chart of the stream has the number that "counted now" had at that moment."""
    stream, points = run_in_guild(tx, guild_id, NOBODY, at(55), views.get_viewers_over_time)
    assert stream is not None
    assert len(points) == views.CHART_POINTS + 1
    assert (points[0][0], points[-1][0]) == (at(-5), at(55))
    shown = [count for _instant, count in points]
    assert shown == [overview(tx, guild_id, instant).counted_now for instant, _count in points]
    assert max(shown) == 2


def test_today_is_what_the_leaderboard_of_today_adds_up_to(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    act(tx, guild_id, actions.adjust, "viewer1", 500, "not watched", "key")
    today = run_in_guild(tx, guild_id, NOBODY, at(60), views.get_today)
    assert (today.watched, today.viewers) == (minutes(50), 3)
    exclude(tx, guild_id, "viewer2")
    today = run_in_guild(tx, guild_id, NOBODY, at(60), views.get_today)
    assert (today.watched, today.viewers) == (minutes(40), 2)
    tomorrow = run_in_guild(tx, guild_id, NOBODY, at(24 * 60), views.get_today)
    assert (tomorrow.watched, tomorrow.viewers) == (minutes(0), 0)


def test_days_of_a_viewer_add_up_to_their_streams(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    """Midnight is that of the server's time zone."""
    tell(tx, teller.says(1, at(115)), teller.seen_live(at(-5), at(130)))
    actions.credit(tx, guild_id)
    viewer = act(tx, guild_id, find_person, "viewer1")

    def last_days() -> list[timedelta]:
        cache_of(tx).clear()
        days = run_in_guild(tx, guild_id, NOBODY, at(140), views.get_days, viewer)
        assert len(days) == views.CHART_DAYS
        assert sum((time for _day, time in days), minutes(0)) == minutes(40)
        return [time for _day, time in days[-2:]]

    assert last_days() == [minutes(35), minutes(5)]
    act(tx, guild_id, change_setting, TIME_ZONE, "Europe/Stockholm")
    assert last_days() == [minutes(30), minutes(10)]
