"""`/health` in the fake Discord, and its buttons."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.health.actions import Report
from core.health.feature import make_feature
from core.health.messages import report_card
from core.kit.database.connection import Database
from core.kit.health_item import HealthItem
from core.outbox import actions as outbox
from core.outbox import store
from core.outbox.feature import FEATURE as OUTBOX
from sandbox.discord.seed import NORAS_CORNER_ID
from tests.acting import act
from tests.clean import cleaned
from tests.health.rig import BotRig, open_bot


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[BotRig]:
    with cleaned(database):
        async with open_bot(database, [make_feature([OUTBOX])]) as rig:
            yield rig


def add_dead_letter(database: Database, guild_id: int) -> None:
    later = datetime.now(UTC) + timedelta(seconds=5)
    with database.begin() as tx:
        act(tx, guild_id, outbox.post_to_channel, 5, "k", f"key{guild_id}", {})
        (message,) = store.claim_due(tx, later, 1)
        store.set_dead(tx, message, "The channel is gone.")


def buttons(line: dict[str, Any]) -> dict[str, str]:
    """Label or emoji -> custom_id."""
    found = [part for row in line["components"] for part in row["components"]]
    return {part.get("label") or "": part["custom_id"] for part in found}


async def test_admin_sees_the_report_and_only_they_can_use_its_buttons(
    rig: BotRig,
) -> None:
    line = await rig.ask("tomas", "!health")
    assert "Everything works" in line["embeds"][0]["title"]
    assert list(buttons(line)) == ["Check again"]
    pressed = await rig.hands.click("nora", line["message_id"], buttons(line)["Check again"])
    assert pressed["response"]["ephemeral"]
    assert "Only the person who ran" in pressed["response"]["embeds"][0]["title"]


@pytest.mark.parametrize(
    ("part", "end"),
    [
        (HealthItem("A", "ok", "R.", 12.4), "R. · checked 12 s ago"),
        (HealthItem("A", "ok", "R.", 60, age_of="received"), "R. · last received 1 min ago"),
        (
            HealthItem("A", "warn", "R.", 3600, age_of="confirmed"),
            "R. · last confirmed 1 h 00 min ago",
        ),
        (HealthItem("A", "down", "R.", 45, age_of="seen"), "R. · last seen 45 s ago"),
        (
            HealthItem("A", "warn", "7 waiting.", 31, age_of="oldest"),
            "7 waiting. · the oldest for 31 s",
        ),
        (HealthItem("A", "warn", "R.", 300, age_of="trouble"), "R. · for 5 min"),
        (HealthItem("A", "ok", "R."), "R."),
    ],
)
def test_row_says_what_its_age_measures(part: HealthItem, end: str) -> None:
    description = str(report_card(Report("ok", (part,), datetime.now(UTC))).description)
    assert description.splitlines()[0].endswith(end)


async def test_retry_affects_dead_letters_of_this_server_only(
    rig: BotRig, database: Database
) -> None:
    other = 77
    with database.begin() as tx:
        tx.exec_driver_sql("INSERT INTO guilds (guild_id, name) VALUES (77, 'Other')")
    add_dead_letter(database, NORAS_CORNER_ID)
    add_dead_letter(database, other)
    line = await rig.ask("nora", "!health")
    assert "could not be sent: The channel is gone" in line["embeds"][0]["description"]
    again = buttons(line)["Retry failed messages"]
    await rig.hands.click("nora", line["message_id"], again)
    changed = await rig.hands.wait_for(
        "general",
        lambda message: (
            message["message_id"] == line["message_id"]
            and list(buttons(message)) == ["Check again"]
        ),
    )
    assert "could not be sent" not in changed["embeds"][0]["description"]
    with database.begin() as tx:
        left = tx.scalars(text("SELECT guild_id FROM outbox_messages WHERE state = 'dead'")).all()
    assert left == [other]


async def test_health_command_requires_manage_server(rig: BotRig) -> None:
    line = await rig.ask("mia", "!health")
    assert "for moderators" in line["embeds"][0]["title"]
    assert "Manage Server" in line["embeds"][0]["description"]


async def test_slash_command_reply_is_private(rig: BotRig) -> None:
    answer = await rig.hands.slash("nora", "general", "health")
    assert answer["response"]["ephemeral"]
