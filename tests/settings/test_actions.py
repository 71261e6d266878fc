"""Settings as they stand, and what becomes of a change."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import apply_environment
from core.kit.errors import Refusal
from core.people import store as people
from core.settings import actions
from tests.kick.rig import settings as environment
from tests.settings.rig import CHANNEL, ENABLED, KNOWN, SECONDS

NORA = 42


def test_all_settings_are_listed_in_the_order_they_are_declared(
    tx: Connection, guild_id: int
) -> None:
    found = actions.list_current(tx, guild_id, KNOWN)
    assert [one.declared for one in found] == list(KNOWN)
    assert all(one.value == one.declared.default for one in found)
    assert all((one.by, one.at, one.variable) == (None, None, "") for one in found)


def test_it_is_told_who_has_set_what(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    change = actions.change(tx, guild_id, SECONDS, 45, NORA)
    assert (change.before.value, change.after.value, change.taken) == (30, 45, True)
    now = actions.get_current(tx, guild_id, SECONDS)
    assert (now.value, now.by) == (45, NORA)
    assert now.at is not None
    assert abs(now.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert actions.get_current(tx, other_guild_id, SECONDS).by is None


def test_it_is_told_what_comes_from_the_environment(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    said = environment(discord_guild_id=guild_id, slot_calls_channel_id=777)
    apply_environment(tx, said, KNOWN)
    now = actions.get_current(tx, guild_id, CHANNEL)
    assert (now.value, now.variable, now.by) == (777, "SLOT_CALLS_CHANNEL_ID", None)
    assert actions.get_current(tx, other_guild_id, CHANNEL).variable == ""

    change = actions.change(tx, guild_id, CHANNEL, 777, NORA)
    assert change.taken is False
    assert (change.before.by, change.after.by) == (None, NORA)
    change = actions.reset(tx, said, guild_id, CHANNEL, NORA)
    assert change.taken is True
    assert change.after.variable == "SLOT_CALLS_CHANNEL_ID"


def test_what_does_not_fit_changes_nothing(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal):
        actions.change(tx, guild_id, SECONDS, 0, NORA)
    assert actions.get_current(tx, guild_id, SECONDS).by is None


def test_nothing_to_do_is_told_apart(tx: Connection, guild_id: int) -> None:
    assert actions.reset(tx, environment(), guild_id, ENABLED, NORA).taken is False
    assert actions.change(tx, guild_id, ENABLED, False, NORA).taken is True
    assert actions.change(tx, guild_id, ENABLED, False, NORA).taken is False
    reset = actions.reset(tx, environment(), guild_id, ENABLED, NORA)
    assert (reset.before.value, reset.after.value, reset.taken) == (False, True, True)


# -- the audit log ------------------------------------------------------------------------------


def test_the_log_is_read_newest_first_page_by_page(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    assert actions.read_record(tx, guild_id, 3, 0) == actions.Record([], 0, 0, {})
    for number in range(7):
        guilds.post_audit(tx, guild_id, NORA, f"game.{number}")
    guilds.post_audit(tx, other_guild_id, NORA, "game.other")
    pages = [actions.read_record(tx, guild_id, 3, page) for page in range(4)]
    acts = [[entry.action.removeprefix("game.") for entry in page.entries] for page in pages]
    assert acts == [["6", "5", "4"], ["3", "2", "1"], ["0"], ["0"]]
    assert [page.skipped for page in pages] == [0, 3, 6, 6]
    assert {page.total for page in pages} == {7}


def test_viewers_in_the_log_carry_todays_name(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    viewer_id = people.set_viewer(tx, guild_id, "kick", 7, "MadCats", noon)
    stranger = people.set_viewer(tx, other_guild_id, "kick", 7, "Vera's", noon)
    for target in (f"viewer:{viewer_id}", f"viewer:{stranger}", "viewer:x", str(viewer_id)):
        guilds.post_audit(tx, guild_id, NORA, "game.block", target)
    people.set_viewer(tx, guild_id, "kick", 7, "MadDogs", noon + timedelta(days=1))
    assert actions.read_record(tx, guild_id, 10, 0).viewers == {viewer_id: "MadDogs"}
