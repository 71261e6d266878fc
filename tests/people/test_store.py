"""Viewers: identified by user id, shown with their current name, separate in each server."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from core.kit.database.connection import Database
from core.people import store
from core.people.lookup import find_by_name
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


def test_renamed_account_keeps_its_viewer_id(tx: Connection, guild_id: int) -> None:
    before = seen(tx, guild_id, "MadCats")
    after = seen(tx, guild_id, "CalmCats", minutes=1)
    assert after == before
    assert name_of(tx, guild_id, before) == "CalmCats"


def test_account_taking_over_a_name_is_a_new_viewer(tx: Connection, guild_id: int) -> None:
    first = seen(tx, guild_id, "MadCats", user_id=7)
    second = seen(tx, guild_id, "MadCats", user_id=8, minutes=1)
    assert second != first


def test_late_event_does_not_restore_an_old_name(tx: Connection, guild_id: int) -> None:
    viewer_id = seen(tx, guild_id, "CalmCats", minutes=5)
    assert seen(tx, guild_id, "MadCats", minutes=1) == viewer_id
    assert name_of(tx, guild_id, viewer_id) == "CalmCats"
    assert find_by_name(tx, guild_id, "MadCats") is None


def test_changed_capitalization_is_stored(tx: Connection, guild_id: int) -> None:
    viewer_id = seen(tx, guild_id, "madcats")
    seen(tx, guild_id, "MadCats", minutes=1)
    assert name_of(tx, guild_id, viewer_id) == "MadCats"


def test_same_id_on_two_platforms_is_two_accounts(tx: Connection, guild_id: int) -> None:
    assert seen(tx, guild_id, "MadCats") != seen(tx, guild_id, "MadCats", platform="twitch")


@pytest.mark.parametrize(
    "typed", ["MadCats", "madcats", "MADCATS", "@MadCats", " @madcats ", "  madcats\n"]
)
def test_viewer_is_found_by_any_spelling_of_the_name(
    tx: Connection, guild_id: int, typed: str
) -> None:
    viewer_id = seen(tx, guild_id, "MadCats")
    found = find_by_name(tx, guild_id, typed)
    assert found is not None
    assert (found.guild_id, found.viewer_id) == (guild_id, viewer_id)
    assert (found.platform, found.platform_user_id, found.name) == ("kick", 7, "MadCats")


def test_names_are_case_folded_in_every_script(tx: Connection, guild_id: int) -> None:
    seen(tx, guild_id, "STRAẞE")
    assert find_by_name(tx, guild_id, "strasse") is not None


@pytest.mark.parametrize("typed", ["MadCat", "MadCats2", "%", "Mad_ats", "", "@"])
def test_partial_name_finds_no_viewer(tx: Connection, guild_id: int, typed: str) -> None:
    seen(tx, guild_id, "MadCats")
    assert find_by_name(tx, guild_id, typed) is None


def test_latest_owner_of_a_name_is_found(tx: Connection, guild_id: int) -> None:
    newest = seen(tx, guild_id, "MadCats", user_id=8, minutes=1)
    seen(tx, guild_id, "MadCats", user_id=7, minutes=0)
    found = find_by_name(tx, guild_id, "MadCats")
    assert found is not None
    assert found.viewer_id == newest


def test_viewers_are_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    ours = seen(tx, guild_id, "MadCats")
    assert find_by_name(tx, other_guild_id, "MadCats") is None
    with pytest.raises(LookupError):
        store.get_viewer(tx, other_guild_id, ours)

    theirs = seen(tx, other_guild_id, "CalmCats", minutes=1)
    assert theirs != ours
    assert name_of(tx, guild_id, ours) == "MadCats"


def test_newer_name_wins_between_simultaneous_processes(database: Database, guild_id: int) -> None:
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


def test_message_under_a_known_name_writes_nothing(tx: Connection, guild_id: int) -> None:
    """Most chat messages are such lines; a write for each would be most of the work."""
    viewer_id = seen(tx, guild_id, "MadCats")
    version = select(Viewer.named_at).where(Viewer.viewer_id == viewer_id)
    before = tx.execute(version).scalar_one()
    seen(tx, guild_id, "MadCats", minutes=10)
    assert tx.execute(version).scalar_one() == before
    assert tx.execute(select(func.count()).select_from(Viewer)).scalar_one() == 1
