"""Panels in the database: one per channel, their states, and notifications."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.guilds.records import AuditEntry
from core.kit.database.connection import Database, violated
from core.kit.database.records import ChannelId, MemberId, MessageId
from core.kit.database.work import Work, run_in_guild
from core.outbox.records import messages
from core.people.linklog import actions as linklog
from core.people.linklog.discord import configure
from core.people.panels import actions
from core.people.panels.records import Panel
from tests.clean import cleaned

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN = 900


def panel(message_id: int = 1, channel_id: int = 10) -> Panel:
    return Panel(
        message_id=MessageId(message_id),
        channel_id=ChannelId(channel_id),
        channel_name="general",
        emoji="🔗",
        posted_by=MemberId(ADMIN),
        posted_at=NOON + timedelta(seconds=message_id),
    )


@dataclass(frozen=True)
class Guild:
    """An admin acts in a server, at noon."""

    tx: Connection
    id: int

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_guild(self.tx, self.id, ADMIN, NOON, action, *args, **kwargs)

    def put(self, message_id: int, channel_id: int = 10) -> list[int]:
        """Post a panel; the messages that are to be deleted."""
        former = self.do(actions.put_panel, panel(message_id, channel_id))
        return [panel.message_id for panel in former]

    def states(self) -> dict[int, str]:
        return {panel.message_id: panel.state for panel in self.do(actions.list_panels)}


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    return Guild(tx, guild_id)


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> Guild:
    return Guild(tx, other_guild_id)


def notified(tx: Connection, guild_id: int) -> list[str]:
    found = tx.execute(
        select(messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == linklog.PANEL_KIND)
        .order_by(messages.c.id)
    )
    return [payload["news"] for payload in found.scalars()]


def test_new_panel_replaces_the_one_in_its_channel(guild: Guild, other: Guild) -> None:
    other.put(9)
    assert guild.put(1) == []
    assert guild.put(2, channel_id=20) == []
    assert guild.put(3) == [1]
    assert guild.states() == {1: "withdrawn", 2: "posted", 3: "posted"}
    assert other.states() == {9: "posted"}
    assert guild.do(actions.delete_withdrawn, 1)
    assert not guild.do(actions.delete_withdrawn, 1)
    assert not guild.do(actions.delete_withdrawn, 3), "a posted one is not forgotten"
    assert guild.states() == {2: "posted", 3: "posted"}


def test_database_rejects_two_panels_in_one_channel(guild: Guild) -> None:
    guild.do(lambda work: work.add(panel(1)))
    with pytest.raises(IntegrityError) as refused:
        guild.do(lambda work: work.add(panel(2)))
    assert violated(refused.value) == "people_panels_one_a_channel"


def test_simultaneous_setups_leave_one_panel(database: Database, guild_id: int) -> None:
    def put(message_id: int) -> None:
        with database.begin() as tx:
            Guild(tx, guild_id).put(message_id)

    with cleaned(database), ThreadPoolExecutor(8) as crowd:
        list(crowd.map(put, range(1, 17)))
        with database.begin() as tx:
            found = list(Guild(tx, guild_id).states().values())
    assert sorted(found) == ["posted"] + ["withdrawn"] * 15


def test_deleted_panel_is_reported_once(tx: Connection, guild: Guild, other: Guild) -> None:
    guild.do(configure, link_log=True, link_log_channel=555)
    guild.put(1)
    other.do(actions.record_gone, {1})
    for _time in range(2):
        guild.do(actions.record_gone, {1, 2, 3})
    assert notified(tx, guild.id) == ["posted", "gone"]
    parts = actions.check_health(tx, NOON)
    assert [(part.guild_id, part.state) for part in parts] == [(guild.id, "warn")]
    assert "/setup_link_panel" in parts[0].reason
    assert actions.check_health(tx, NOON + timedelta(days=1, seconds=1)) == []


def test_panel_deletion_noticed_simultaneously_is_reported_once(
    database: Database, guild_id: int
) -> None:
    def notice(_time: int) -> None:
        with database.begin() as tx:
            Guild(tx, guild_id).do(actions.record_gone, {1})

    with cleaned(database), ThreadPoolExecutor(8) as crowd:
        with database.begin() as tx:
            Guild(tx, guild_id).do(configure, link_log=True, link_log_channel=555)
            Guild(tx, guild_id).put(1)
        list(crowd.map(notice, range(16)))
        with database.begin() as tx:
            assert notified(tx, guild_id) == ["posted", "gone"]


def test_panel_withdrawn_by_us_is_not_reported_as_deleted(tx: Connection, guild: Guild) -> None:
    guild.do(configure, link_log=True, link_log_channel=555)
    guild.put(1)
    guild.do(actions.withdraw_panel, 10)
    guild.do(actions.record_gone, {1})
    assert guild.states() == {}
    assert notified(tx, guild.id) == ["posted", "withdrawn"]
    assert actions.check_health(tx, NOON) == []


def test_new_panel_resolves_the_loss(tx: Connection, guild: Guild) -> None:
    guild.put(1)
    guild.do(actions.record_channel_gone, 10)
    assert len(actions.check_health(tx, NOON)) == 1
    guild.put(2)
    assert actions.check_health(tx, NOON) == []


def test_panel_problem_is_in_health_until_resolved(tx: Connection, guild: Guild) -> None:
    guild.put(1)
    guild.do(actions.set_trouble, 1, "Give my role these permissions there: Manage Messages.")
    assert "Manage Messages" in actions.check_health(tx, NOON)[0].reason
    guild.do(actions.set_trouble, 1, None)
    assert actions.check_health(tx, NOON) == []


def test_admin_actions_are_audited(tx: Connection, guild: Guild) -> None:
    guild.put(1)
    guild.do(actions.withdraw_panel, 10)
    assert guild.do(actions.withdraw_panel, 10) == []
    found = tx.execute(
        select(AuditEntry.action, AuditEntry.target)
        .where(AuditEntry.guild_id == guild.id)
        .order_by(AuditEntry.id)
    )
    assert found.all() == [("people.panel", "#general"), ("people.panel_withdrawn", "#general")]
