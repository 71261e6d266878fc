"""One person is one person: what their accounts watch at the same time counts once, whenever they
are linked and unlinked. Compared with the slow model, with both platforms live at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, Event, Person
from core.guilds import actions as guilds
from core.kit.database.connection import Database, cache_of
from core.kit.database.work import run_in_guild
from core.people import store as people
from core.people.exclusions.actions import exclude_viewer
from core.people.linking import actions as linking
from core.watchtime import actions, periods, standings, store, views
from core.watchtime.rules import Limit, WatchtimeSettings
from tests.acting import act
from tests.conftest import GUILD
from tests.watchtime.model import (
    Piece,
    Teller,
    _first_of_each_day,
    _live,
    _midnights,
    at,
    counted,
    length,
    tell,
    within,
)
from tests.watchtime.test_exact_by_day import write_down

KICK, TWITCH = Teller(GUILD), Teller(GUILD, "twitch")
TEN = timedelta(minutes=10)

Account = tuple[str, int]


@dataclass(frozen=True)
class Link:
    """A member links this account, or unlinks what they have linked on its platform."""

    member: int
    account: Account


instants = st.builds(at, st.integers(0, 24).map(lambda tens: 10 * tens), st.sampled_from([0, 1]))
tellers = st.sampled_from([KICK, TWITCH])
messages = st.builds(
    lambda teller, viewer, when: teller.says(viewer, when),
    tellers,
    st.integers(1, 2),
    instants,
)
links = st.builds(
    Link,
    st.integers(1, 2),
    st.tuples(st.sampled_from(["kick", "twitch"]), st.integers(1, 2)),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    teller, start = draw(tellers), draw(instants)
    looks = draw(st.lists(st.integers(1, 150), min_size=1, max_size=3))
    told: list[Event] = [teller.seen_live(start, start + timedelta(minutes=n)) for n in looks]
    return [teller.went_live(start), *told]


@st.composite
def stories(draw: st.DrawFn) -> list[Event | Link]:
    told: list[Event | Link] = [e for one in draw(st.lists(streams(), max_size=4)) for e in one]
    told += draw(st.lists(messages, min_size=2, max_size=14))
    told += draw(st.lists(links, min_size=1, max_size=8))
    return draw(st.permutations(told))


def people_of(linked: Mapping[tuple[int, str], int]) -> dict[Account, int]:
    """Account -> member, of those that are linked."""
    return {(platform, user): member for (member, platform), user in linked.items()}


def change_link(tx: Connection, step: Link, linked: dict[tuple[int, str], int]) -> None:
    """Link or unlink, as far as that is possible, and let watchtime hear of it."""
    member, (platform, user) = step.member, step.account
    cache_of(tx).clear()
    if (member, platform) in linked:
        link = act(tx, GUILD, people.find_link, member, platform)
        assert link is not None
        run_in_guild(tx, GUILD, member, at(0), linking.unlink_account, link)
        del linked[member, platform]
        viewer_id = link.viewer_id
    elif (platform, user) in people_of(linked):
        return
    else:
        person = Person(user_id=user, name=f"viewer{user}")
        link = run_in_guild(tx, GUILD, member, at(0), linking.link_account, platform, person)
        linked[member, platform] = user
        viewer_id = link.viewer_id
    about: dict[str, Any] = {"guild_id": GUILD, "at": at(0), "key": "x", "platform": platform}
    about |= {"discord_id": member, "viewer_id": viewer_id}
    is_linked = (member, platform) in linked
    cache_of(tx).clear()
    tell(tx, AccountLinked(**about, name="x") if is_linked else AccountUnlinked(**about))


def expected(
    events: Sequence[Event], persons: Mapping[Account, int], limits: Sequence[Limit]
) -> dict[object, list[Piece]]:
    """Member or account -> the time that counts."""
    intervals: dict[object, list[Piece]] = {}
    for platform in ("kick", "twitch"):
        theirs = [e for e in events if getattr(e, "platform", "") == platform]
        for user, pieces in counted(theirs, TEN).items():
            who = persons.get((platform, user), (platform, user))
            intervals.setdefault(who, []).extend(pieces)
    return {who: _once(some, limits) for who, some in intervals.items()}


def _once(intervals: Iterable[Piece], limits: Sequence[Limit]) -> list[Piece]:
    """Every instant of the intervals once, and no more of a day than its limit."""
    known = list(intervals)
    edges = {edge for one in known for edge in one} | {limit.applies_from for limit in limits}
    edges |= {m for one in limits for m in _midnights(edges, one.zone)}
    pieces = [
        (start, end)
        for start, end in pairwise(sorted(edges))
        if any(begin <= start < until for begin, until in known)
    ]
    return _first_of_each_day(pieces, limits)


def streams_overlap(events: Sequence[Event]) -> bool:
    """Whether a channel was live twice at the same time, which the history shows twice."""
    for platform in ("kick", "twitch"):
        theirs = [e for e in events if getattr(e, "platform", "") == platform]
        live = sorted(_live(theirs))
        if any(until > start for (_start, until), (start, _until) in pairwise(live)):
            return True
    return False


def credited(tx: Connection) -> dict[int, timedelta]:
    """Person -> what the days of their accounts add up to."""
    found = tx.exec_driver_sql(
        "SELECT v.person_id, sum(d.watched) FROM watchtime_days d JOIN people_viewers v"
        f" USING (guild_id, viewer_id) WHERE guild_id = {GUILD} GROUP BY 1"
    )
    return {row[0]: row[1] for row in found}


def viewer_ids(tx: Connection) -> dict[Account, int]:
    found = tx.exec_driver_sql(
        f"SELECT platform, platform_user_id, viewer_id FROM people_viewers WHERE guild_id = {GUILD}"
    )
    return {(row[0], row[1]): row[2] for row in found}


LIMITS = ((), (Limit(at(-300), timedelta(minutes=25), "Europe/Stockholm"),))


@settings(max_examples=120)
@given(
    story=stories(),
    credit_after=st.frozensets(st.integers(0, 30), max_size=12),
    limits=st.sampled_from(LIMITS),
    cut=st.tuples(instants, instants),
)
def test_what_people_watched_matches_the_slow_model(
    database: Database,
    story: list[Event | Link],
    credit_after: frozenset[int],
    limits: Sequence[Limit],
    cut: tuple[datetime, datetime],
) -> None:
    with database.engine.connect() as tx:
        tx.info.clear()
        act(tx, GUILD, guilds.change_setting, WatchtimeSettings.declared["window_minutes"], 10)
        write_down(tx, limits, "Europe/Stockholm")
        linked: dict[tuple[int, str], int] = {}
        for number, step in enumerate(story):
            if isinstance(step, Link):
                change_link(tx, step, linked)
            else:
                tell(tx, step)
            if number in credit_after:
                actions.credit(tx, GUILD)
        actions.credit(tx, GUILD)
        assert actions.credit(tx, GUILD) == 0
        assert store.list_drift(tx) == []
        events = [one for one in story if isinstance(one, Event)]
        ids = viewer_ids(tx)
        persons = people_of(linked)
        wanted = expected(events, persons, limits)
        by_days, board = credited(tx), standings.list_places(tx, GUILD, 20)
        ranked = {place.viewer_id: place.watched for place in board}
        start, end = min(cut), max(cut)
        between = periods.watched_between(tx, GUILD, None, start, end)
        for account, viewer_id in ids.items():
            pieces = wanted.get(persons.get(account, account), [])
            person = people.get_person(tx, GUILD, viewer_id)
            assert by_days.get(person, timedelta()) == length(pieces)
            assert standings.get_watched(tx, GUILD, viewer_id) == length(pieces)
            assert ranked.get(person, timedelta()) == length(pieces)
            assert between.get(person, timedelta()) == within(pieces, start, end)
            if not streams_overlap(events):
                history = act(tx, GUILD, views.get_history, viewer_id, 1, is_admin=True)
                assert sum((entry.amount for entry in history.entries), timedelta()) == length(
                    pieces
                )
        assert len(board) == sum(1 for pieces in wanted.values() if length(pieces))
        tx.rollback()


def test_accounts_of_a_person_are_one_line_of_the_leaderboard(tx: Connection) -> None:
    """In chat on both platforms at once: 10 minutes, then 5 more on Twitch alone."""
    start = at(0)
    for teller in (KICK, TWITCH):
        tell(tx, teller.went_live(start), teller.seen_live(start, at(60)))
    tell(tx, KICK.says(1, at(1)), TWITCH.says(7, at(6)))
    actions.credit(tx, GUILD)
    ids = viewer_ids(tx)
    assert [place.watched for place in standings.list_places(tx, GUILD, 9)] == [TEN, TEN]
    linked: dict[tuple[int, str], int] = {}
    for account in (("kick", 1), ("twitch", 7)):
        change_link(tx, Link(5, account), linked)
    (place,) = standings.list_places(tx, GUILD, 9)
    assert place.watched == timedelta(minutes=15)
    assert place.viewer_id == min(ids.values())
    for viewer_id in ids.values():
        assert standings.get_place(tx, GUILD, viewer_id) == (1, timedelta(minutes=15))
        viewer = people.get_viewer(tx, GUILD, viewer_id)
        assert act(tx, GUILD, views.get_status, viewer, at=at(8)).counted_until == at(16)
    assert standings.list_members(tx, GUILD) == {5: timedelta(minutes=15)}
    assert act(tx, GUILD, views.get_present, at=at(8)).counted_now == 1
    change_link(tx, Link(5, ("kick", 1)), linked)
    assert [place.watched for place in standings.list_places(tx, GUILD, 9)] == [TEN, TEN]


def test_exclusion_of_one_account_excludes_the_person(tx: Connection) -> None:
    start = at(0)
    for teller in (KICK, TWITCH):
        tell(tx, teller.went_live(start), teller.seen_live(start, at(60)))
    tell(tx, KICK.says(1, at(1)), TWITCH.says(7, at(6)))
    actions.credit(tx, GUILD)
    linked: dict[tuple[int, str], int] = {}
    for account in (("kick", 1), ("twitch", 7)):
        change_link(tx, Link(5, account), linked)
    on_twitch = viewer_ids(tx)["twitch", 7]

    act(tx, GUILD, exclude_viewer, on_twitch, "watchtime")
    assert standings.list_places(tx, GUILD, 9) == []
    cache_of(tx).clear()
    tell(tx, KICK.says(1, at(30)))
    actions.credit(tx, GUILD)
    assert standings.get_watched(tx, GUILD, on_twitch) == timedelta(minutes=15)
    change_link(tx, Link(5, ("kick", 1)), linked)
    places = standings.list_places(tx, GUILD, 9)
    assert [place.watched for place in places] == [TEN], "the penalty is the account's"
