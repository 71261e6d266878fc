"""Places over the steps that the index keeps: compared with sorting everybody."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from core.kit.database.work import run_in_guild
from core.kit.text.calendar import Stretch
from core.people import store as people
from core.people.exclusions.actions import exclude_viewer
from core.watchtime import actions, periods, standings
from core.watchtime.records import Day, Total
from core.watchtime.standings import Place, Rank
from tests.conftest import GUILD, OTHER_GUILD
from tests.watchtime.model import Teller, at, tell

NOTHING = timedelta()
INSTANT = timedelta.resolution

# Few steps, so that many are equal or share one, and the instants around where the next begins.
lengths = st.one_of(
    st.just(NOTHING),
    st.builds(
        lambda step, off: max(NOTHING, timedelta(seconds=15 * step**2) + off * INSTANT),
        st.sampled_from([0, 1, 2, 49, 50, 400]),
        st.sampled_from([-1, 0, 0, 1, 7_000_000]),
    ),
)
taken = st.sampled_from([NOTHING, NOTHING, NOTHING, -timedelta(hours=1)])


@given(viewers=st.lists(st.tuples(lengths, taken, st.booleans()), min_size=1, max_size=12))
@settings(max_examples=60)
def test_ranks_match_sorting_everyone(
    tx: Connection,
    guild_id: int,
    other_guild_id: int,
    viewers: list[tuple[timedelta, timedelta, bool]],
) -> None:
    with tx.begin_nested() as story:
        ranked = _write_down(tx, viewers)
        _add(tx, OTHER_GUILD, 1, timedelta(days=30), NOTHING)
        order = sorted(ranked, key=lambda viewer: (-ranked[viewer], viewer))
        places = [(_rank(ranked, viewer), viewer, ranked[viewer]) for viewer in order]
        listed = standings.list_places(tx, GUILD, limit=50)
        assert [(place.rank, place.viewer_id, place.watched) for place in listed] == places
        assert standings.list_places(tx, GUILD, limit=3, offset=2) == listed[2:5]
        assert standings.count_ranked(tx, GUILD, maximum=50) == len(ranked)
        assert standings.get_totals(tx, GUILD).viewers == len(ranked)
        for rank, viewer, watched in places:
            ahead = min((more for more in ranked.values() if more > watched), default=None)
            expected = Rank(watched, rank, len(ranked), ahead)
            assert standings.get_rank(tx, GUILD, viewer) == expected
            assert standings.get_place(tx, GUILD, viewer) == (rank, watched)
        story.rollback()


@given(
    viewers=st.lists(st.tuples(lengths, st.booleans()), min_size=1, max_size=12),
    limit=st.integers(1, 4),
    offset=st.integers(0, 8),
    own=st.integers(0, 11),
)
@settings(max_examples=60)
def test_page_of_a_month_matches_sorting_everyone(
    tx: Connection,
    guild_id: int,
    viewers: list[tuple[timedelta, bool]],
    limit: int,
    offset: int,
    own: int,
) -> None:
    month = Stretch(at(0) - timedelta(days=20), at(0) + timedelta(days=20))
    with tx.begin_nested() as story:
        ids, ranked = [], {}
        for number, (length, excluded) in enumerate(viewers):
            watched = min(length, timedelta(hours=24))
            ids.append(_add_day(tx, number, watched))
            if excluded:
                run_in_guild(tx, GUILD, 900, at(0), exclude_viewer, ids[-1], "everything")
            elif watched > NOTHING:
                ranked[ids[-1]] = watched
        order = sorted(ranked, key=lambda viewer: (-ranked[viewer], viewer))
        places = [
            Place(_rank(ranked, viewer), viewer, f"viewer{ids.index(viewer)}", ranked[viewer])
            for viewer in order
        ]
        own_id = ids[own % len(ids)]
        page = periods.read_page(tx, GUILD, month, limit, offset, own_id)
        assert page.places == places[offset : offset + limit]
        assert page.ranked == len(places)
        assert page.own == next((place for place in places if place.viewer_id == own_id), None)
        story.rollback()


def _add_day(tx: Connection, number: int, watched: timedelta) -> int:
    viewer_id = people.set_viewer(tx, GUILD, "kick", number + 1, f"viewer{number}", at(0))
    row = {"guild_id": GUILD, "viewer_id": viewer_id, "day": at(0).date(), "platform": "kick"}
    rest = {"present": "{}", "spoke_at": at(0), "watched": watched}
    tx.execute(insert(Day).values(**row, **rest))
    return viewer_id


def _write_down(
    tx: Connection, viewers: list[tuple[timedelta, timedelta, bool]]
) -> dict[int, timedelta]:
    """Returns what those with a place have watched."""
    ranked = {}
    for number, (credited, adjusted, excluded) in enumerate(viewers):
        viewer_id = _add(tx, GUILD, number, credited, adjusted)
        if excluded:
            run_in_guild(tx, GUILD, 900, at(0), exclude_viewer, viewer_id, "everything")
        elif credited + adjusted > NOTHING:
            ranked[viewer_id] = credited + adjusted
    return ranked


def _add(
    tx: Connection, guild_id: int, number: int, credited: timedelta, adjusted: timedelta
) -> int:
    name = f"viewer{number}"
    viewer_id = people.set_viewer(tx, guild_id, "kick", number + 1, name, at(0))
    row = {"guild_id": guild_id, "viewer_id": viewer_id}
    tx.execute(insert(Total).values(**row, credited=credited, adjusted=adjusted))
    return viewer_id


def _rank(ranked: dict[int, timedelta], viewer: int) -> int:
    return 1 + sum(watched > ranked[viewer] for watched in ranked.values())


def test_credit_updates_rows_in_place(tx: Connection, guild_id: int) -> None:
    """What makes it fast: the new version of a row lies beside the old one (HOT)."""
    teller = Teller(guild_id)
    tell(tx, teller.says(1, at(0)), teller.says(1, at(10)), teller.seen_live(at(0), at(17)))
    actions.credit(tx, guild_id)
    before = _updated(tx)
    tell(tx, teller.seen_live(at(0), at(18)))
    actions.credit(tx, guild_id)
    assert _updated(tx) == (before[0] + 2, before[1] + 2), "a day and a total, both in place"


def _updated(tx: Connection) -> tuple[int, int]:
    """How many rows of days and totals this transaction updated, and how many of them in place."""
    row = tx.execute(
        text("""
            SELECT sum(pg_stat_get_xact_tuples_updated(oid)) AS updated,
                   sum(pg_stat_get_xact_tuples_hot_updated(oid)) AS in_place
              FROM pg_class WHERE relname IN ('watchtime_days', 'watchtime_totals')
        """)
    ).one()
    return int(row.updated), int(row.in_place)
