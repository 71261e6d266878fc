"""Panels in the database: one a channel, what becomes of them, and who is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.guilds.tables import audit_log
from core.kit.database import Database, violated
from core.outbox.tables import messages
from core.people.linklog import actions as linklog
from core.people.panels import actions, store
from core.people.panels.store import Panel
from tests.clean import cleaned

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN = 900


def panel(guild_id: int, message_id: int = 1, channel_id: int = 10) -> Panel:
    at = NOON + timedelta(seconds=message_id)
    return Panel(guild_id, message_id, channel_id, "general", "🔗", ADMIN, at)


def states(tx: Connection, guild_id: int) -> dict[int, str]:
    return {one.message_id: one.state for one in store.list_panels(tx, guild_id)}


def told(tx: Connection, guild_id: int) -> list[str]:
    found = tx.execute(
        select(messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == linklog.PANEL_KIND)
        .order_by(messages.c.id)
    )
    return [payload["news"] for payload in found.scalars()]


def test_a_new_one_takes_the_place_of_the_old_one_of_its_channel(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    actions.put_panel(tx, panel(other_guild_id, 9))
    assert actions.put_panel(tx, panel(guild_id, 1)) == []
    assert actions.put_panel(tx, panel(guild_id, 2, channel_id=20)) == []
    former = actions.put_panel(tx, panel(guild_id, 3))
    assert [one.message_id for one in former] == [1]
    assert states(tx, guild_id) == {1: "withdrawn", 2: "posted", 3: "posted"}
    assert states(tx, other_guild_id) == {9: "posted"}
    assert store.end_panel(tx, guild_id, 1)
    assert not store.end_panel(tx, guild_id, 3), "a posted one is not forgotten"


def test_two_in_one_channel_are_impossible(tx: Connection, guild_id: int) -> None:
    store.add_panel(tx, panel(guild_id, 1))
    with pytest.raises(IntegrityError) as refused:
        store.add_panel(tx, panel(guild_id, 2))
    assert violated(refused.value) == "people_panels_one_a_channel"


def test_two_admins_at_once_leave_one(database: Database, guild_id: int) -> None:
    def put(message_id: int) -> None:
        with database.begin() as tx:
            actions.put_panel(tx, panel(guild_id, message_id))

    with cleaned(database), ThreadPoolExecutor(8) as crowd:
        list(crowd.map(put, range(1, 17)))
        with database.begin() as tx:
            found = list(states(tx, guild_id).values())
    assert sorted(found) == ["posted"] + ["withdrawn"] * 15


def test_a_deleted_one_is_told_once(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    linklog.switch_on(tx, guild_id, 555, ADMIN)
    actions.put_panel(tx, panel(guild_id, 1))
    actions.notice_gone(tx, other_guild_id, {1}, NOON)
    for _time in range(2):
        actions.notice_gone(tx, guild_id, {1, 2, 3}, NOON)
    assert told(tx, guild_id) == ["posted", "gone"]
    parts = actions.look(tx, NOON)
    assert [(part.guild_id, part.state) for part in parts] == [(guild_id, "warn")]
    assert "/setup_link_panel" in parts[0].reason
    assert actions.look(tx, NOON + timedelta(days=1, seconds=1)) == []


def test_one_that_we_delete_ourselves_is_no_news(tx: Connection, guild_id: int) -> None:
    linklog.switch_on(tx, guild_id, 555, ADMIN)
    actions.put_panel(tx, panel(guild_id, 1))
    actions.withdraw_panel(tx, guild_id, 10, ADMIN, NOON)
    actions.notice_gone(tx, guild_id, {1}, NOON)
    assert states(tx, guild_id) == {}
    assert told(tx, guild_id) == ["posted", "withdrawn"]
    assert actions.look(tx, NOON) == []


def test_a_new_one_settles_the_loss(tx: Connection, guild_id: int) -> None:
    actions.put_panel(tx, panel(guild_id, 1))
    actions.notice_channel_gone(tx, guild_id, 10, NOON)
    assert len(actions.look(tx, NOON)) == 1
    actions.put_panel(tx, panel(guild_id, 2))
    assert actions.look(tx, NOON) == []


def test_trouble_is_told_until_it_is_over(tx: Connection, guild_id: int) -> None:
    actions.put_panel(tx, panel(guild_id, 1))
    assert store.set_trouble(tx, guild_id, 1, "Give my role there: Manage Messages.")
    assert not store.set_trouble(tx, guild_id, 1, "Give my role there: Manage Messages.")
    assert "Manage Messages" in actions.look(tx, NOON)[0].reason
    assert store.set_trouble(tx, guild_id, 1, None)
    assert actions.look(tx, NOON) == []


def test_admins_acts_are_in_the_audit_log(tx: Connection, guild_id: int) -> None:
    actions.put_panel(tx, panel(guild_id, 1))
    actions.withdraw_panel(tx, guild_id, 10, ADMIN, NOON)
    assert actions.withdraw_panel(tx, guild_id, 10, ADMIN, NOON) == []
    found = tx.execute(
        select(audit_log.c.action, audit_log.c.target).where(audit_log.c.guild_id == guild_id)
    )
    assert found.all() == [("people.panel", "#general"), ("people.panel_withdrawn", "#general")]
