"""Viewers: known by their user id, labelled with today's name, one set of them in each server."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from core.kit.database import Database
from core.people import store
from core.people.records import Viewer
from tests.clean import cleaned
from tests.patience import PATIENCE

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def seen(
    tx: Connection,
    guild_id: int,
    name: str,
    *,
    user_id: int = 7,
    minutes: float = 0,
    platform: str = "kick",
) -> int:
    """The account is seen under this name so many minutes after noon; its viewer id."""
    at = NOON + timedelta(minutes=minutes)
    return store.set_viewer(tx, guild_id, platform, user_id, name, at)


def name_of(tx: Connection, guild_id: int, viewer_id: int) -> str:
    return store.get_viewer(tx, guild_id, viewer_id).name


def test_an_account_keeps_its_viewer_id_when_it_is_renamed(tx: Connection, guild_id: int) -> None:
    before = seen(tx, guild_id, "MadCats")
    after = seen(tx, guild_id, "CalmCats", minutes=1)
    assert after == before
    assert name_of(tx, guild_id, before) == "CalmCats"


def test_who_takes_over_a_name_is_somebody_else(tx: Connection, guild_id: int) -> None:
    first = seen(tx, guild_id, "MadCats", user_id=7)
    second = seen(tx, guild_id, "MadCats", user_id=8, minutes=1)
    assert second != first


def test_an_event_that_comes_late_does_not_bring_an_old_name_back(
    tx: Connection, guild_id: int
) -> None:
    viewer_id = seen(tx, guild_id, "CalmCats", minutes=5)
    assert seen(tx, guild_id, "MadCats", minutes=1) == viewer_id
    assert name_of(tx, guild_id, viewer_id) == "CalmCats"
    assert store.find_by_name(tx, guild_id, "MadCats") is None


def test_a_name_that_only_changes_its_capitals_is_shown_as_its_owner_writes_it(
    tx: Connection, guild_id: int
) -> None:
    viewer_id = seen(tx, guild_id, "madcats")
    seen(tx, guild_id, "MadCats", minutes=1)
    assert name_of(tx, guild_id, viewer_id) == "MadCats"


def test_the_same_number_on_two_platforms_is_two_accounts(tx: Connection, guild_id: int) -> None:
    assert seen(tx, guild_id, "MadCats") != seen(tx, guild_id, "MadCats", platform="twitch")


@pytest.mark.parametrize(
    "typed", ["MadCats", "madcats", "MADCATS", "@MadCats", " @madcats ", "  madcats\n"]
)
def test_a_viewer_is_found_however_the_name_is_typed(
    tx: Connection, guild_id: int, typed: str
) -> None:
    viewer_id = seen(tx, guild_id, "MadCats")
    found = store.find_by_name(tx, guild_id, typed)
    assert found is not None
    assert (found.guild_id, found.viewer_id) == (guild_id, viewer_id)
    assert (found.platform, found.platform_user_id, found.name) == ("kick", 7, "MadCats")


def test_capitals_of_every_script_are_folded(tx: Connection, guild_id: int) -> None:
    seen(tx, guild_id, "STRAẞE")
    assert store.find_by_name(tx, guild_id, "strasse") is not None


@pytest.mark.parametrize("typed", ["MadCat", "MadCats2", "%", "Mad_ats", "", "@"])
def test_only_the_whole_name_finds_a_viewer(tx: Connection, guild_id: int, typed: str) -> None:
    seen(tx, guild_id, "MadCats")
    assert store.find_by_name(tx, guild_id, typed) is None


def test_of_two_with_one_name_the_one_who_was_named_last_is_found(
    tx: Connection, guild_id: int
) -> None:
    newest = seen(tx, guild_id, "MadCats", user_id=8, minutes=1)
    seen(tx, guild_id, "MadCats", user_id=7, minutes=0)
    found = store.find_by_name(tx, guild_id, "MadCats")
    assert found is not None
    assert found.viewer_id == newest


def test_servers_do_not_see_each_others_viewers(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    ours = seen(tx, guild_id, "MadCats")
    assert store.find_by_name(tx, other_guild_id, "MadCats") is None
    with pytest.raises(AssertionError):
        store.get_viewer(tx, other_guild_id, ours)

    theirs = seen(tx, other_guild_id, "CalmCats", minutes=1)
    assert theirs != ours
    assert name_of(tx, guild_id, ours) == "MadCats"


def test_of_two_processes_that_meet_an_account_at_once_the_newer_name_stays(
    database: Database, guild_id: int
) -> None:
    with cleaned(database), ThreadPoolExecutor(1) as other_process:

        def late() -> int:
            with database.begin() as tx:
                return seen(tx, guild_id, "MadCats", minutes=1)

        with database.begin() as tx:
            ours = seen(tx, guild_id, "CalmCats", minutes=5)
            waiting = other_process.submit(late)  # it sees no row yet, and waits for ours
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
        assert waiting.result(timeout=PATIENCE) == ours
        with database.begin() as tx:
            assert name_of(tx, guild_id, ours) == "CalmCats"


def test_a_line_under_a_known_name_writes_nothing(tx: Connection, guild_id: int) -> None:
    """Most lines of chat are such lines; a write for each would be most of the work."""
    viewer_id = seen(tx, guild_id, "MadCats")
    version = select(Viewer.named_at).where(Viewer.viewer_id == viewer_id)
    before = tx.execute(version).scalar_one()
    seen(tx, guild_id, "MadCats", minutes=10)
    assert tx.execute(version).scalar_one() == before
    assert tx.execute(select(func.count()).select_from(Viewer)).scalar_one() == 1
