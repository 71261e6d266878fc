"""Reading and changing settings, and the audit log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from core.guilds.actions import apply_environment, audit
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import store as people
from core.settings import actions
from tests.kick.rig import settings as environment
from tests.settings.rig import CHANNEL, ENABLED, KNOWN, SECONDS

NORA = 42
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def work(tx: Connection, guild_id: int) -> Iterator[Work]:
    with Work(tx, guild_id, actor=NORA, now=NOON) as work:
        yield work


@pytest.fixture
def elsewhere(tx: Connection, other_guild_id: int) -> Iterator[Work]:
    with Work(tx, other_guild_id, now=NOON) as work:
        yield work


def test_settings_are_listed_in_declaration_order(work: Work) -> None:
    found = actions.list_current(work, KNOWN)
    assert [current.declared for current in found] == list(KNOWN)
    assert all(current.value == current.declared.default for current in found)
    assert all((current.by, current.at, current.variable) == (None, None, "") for current in found)


def test_changed_setting_names_the_admin(work: Work, elsewhere: Work) -> None:
    before, after = actions.change(work, SECONDS, 45)
    assert (before.value, before.by, after.value, after.by) == (30, None, 45, NORA)
    assert after.at is not None
    assert abs(after.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert actions.get_current(work, SECONDS) == after
    assert actions.get_current(elsewhere, SECONDS).by is None


def test_environment_value_names_the_variable(work: Work, elsewhere: Work) -> None:
    said = environment(discord_guild_id=work.guild_id, slot_calls_channel_id=777)
    apply_environment(work.tx, said, KNOWN)
    now = actions.get_current(work, CHANNEL)
    assert (now.value, now.variable, now.by) == (777, "SLOT_CALLS_CHANNEL_ID", None)
    assert actions.get_current(elsewhere, CHANNEL).variable == ""

    before, after = actions.change(work, CHANNEL, 777)
    assert (before.value, before.by, after.value, after.by) == (777, None, 777, NORA)
    before, after = actions.reset(work, said, CHANNEL)
    assert (before.by, after.by, after.variable) == (NORA, None, "SLOT_CALLS_CHANNEL_ID")


def test_invalid_value_changes_nothing(work: Work) -> None:
    with pytest.raises(Refusal):
        actions.change(work, SECONDS, 0)
    assert actions.get_current(work, SECONDS).by is None


def test_reset_without_change_does_nothing(work: Work) -> None:
    before, after = actions.reset(work, environment(), ENABLED)
    assert before == after
    actions.change(work, ENABLED, False)
    before, after = actions.reset(work, environment(), ENABLED)
    assert (before.value, after.value, after.by) == (False, True, None)


# -- the audit log ------------------------------------------------------------------------------


def test_log_is_paginated_newest_first(work: Work, elsewhere: Work) -> None:
    assert actions.read_log(work, 3, 1) == actions.LogPage([], 0, 0, {})
    for number in range(7):
        audit(work, f"game.{number}")
    audit(elsewhere, "game.other")
    pages = [actions.read_log(work, 3, number) for number in range(1, 5)]
    acts = [[entry.action.removeprefix("game.") for entry in page.entries] for page in pages]
    assert acts == [["6", "5", "4"], ["3", "2", "1"], ["0"], ["0"]]
    assert [page.skipped for page in pages] == [0, 3, 6, 6]
    assert {page.total for page in pages} == {7}


def test_log_shows_current_viewer_names(work: Work, elsewhere: Work) -> None:
    def named(work: Work, name: str, day: int = 0) -> int:
        at = NOON + timedelta(days=day)
        return people.set_viewer(work.tx, work.guild_id, "kick", 7, name, at)

    viewer_id, stranger = named(work, "MadCats"), named(elsewhere, "Vera's")
    for target in (f"viewer:{viewer_id}", f"viewer:{stranger}", "viewer:x", str(viewer_id)):
        audit(work, "game.block", target)
    named(work, "MadDogs", day=1)
    assert actions.read_log(work, 10, 1).viewers == {viewer_id: "MadDogs"}
