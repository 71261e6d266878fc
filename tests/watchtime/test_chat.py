"""`!watchtime` in the stream's chat."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.guilds.actions import change_settings
from core.outbox.records import messages
from core.watchtime import actions
from core.watchtime.feature import FEATURE
from core.watchtime.rules import WatchtimeSettings
from tests.watchtime.model import Teller, at, do, exclude, tell


@pytest.fixture
def teller(tx: Connection, guild_id: int) -> Teller:
    teller = Teller(guild_id)
    tell(tx, *(teller.says(viewer, at(0)) for viewer in (1, 2)), teller.says(1, at(10)))
    tell(tx, teller.seen_live(at(0), at(60)))
    actions.credit(tx, guild_id)
    return teller


def ask(tx: Connection, teller: Teller, viewer: int, minute: float) -> None:
    (command,) = FEATURE.chat_commands
    command.run(tx, [teller.says(viewer, at(minute))])


def answers(tx: Connection, guild_id: int) -> list[dict[str, Any]]:
    found = tx.execute(
        select(messages.c.kind, messages.c.payload, messages.c.target)
        .where(messages.c.guild_id == guild_id)
        .order_by(messages.c.id)
    )
    return [dict(row) for row in found.mappings()]


def said(tx: Connection, guild_id: int) -> list[str]:
    return [FEATURE.lines[answer["kind"]](answer["payload"]) for answer in answers(tx, guild_id)]


def test_watchtime_command_answers_in_chat(
    tx: Connection, guild_id: int, other_guild_id: int, teller: Teller
) -> None:
    ask(tx, teller, 2, 30)
    ask(tx, teller, 3, 30)
    assert said(tx, guild_id) == [
        "@viewer2 you have watched 10 min, rank 2.",
        "@viewer3 no watchtime yet: "
        "each chat message counts for 10 minutes while the stream is live.",
    ]
    target = answers(tx, guild_id)[0]["target"]
    assert target["reply_to"].startswith("2@")
    assert said(tx, other_guild_id) == []


def test_streamer_is_answered_that_their_time_is_not_counted(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    (command,) = FEATURE.chat_commands
    command.run(tx, [teller.says(9, at(30), is_broadcaster=True)])
    told = ["@viewer9 streamers don't earn watchtime in their own channel."]
    assert said(tx, guild_id) == told


def test_each_viewer_is_answered_once_a_minute(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    for minute in (30, 30.2, 30.9, 31.1):
        ask(tx, teller, 1, minute)
    ask(tx, teller, 2, 30.5)
    assert len(said(tx, guild_id)) == 3


def test_excluded_viewers_and_disabled_watchtime_get_no_answer(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    exclude(tx, guild_id, "viewer1")
    ask(tx, teller, 1, 30)
    do(tx, guild_id, change_settings, WatchtimeSettings, enabled=False)
    ask(tx, teller, 2, 30)
    assert said(tx, guild_id) == []
