"""The hourly self-test: off unless an admin switches it on, and only when chat is silent."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Connection, select, update

from core.guilds import actions as guild_actions
from core.guilds import store as guilds
from core.guilds.records import SelfTest
from core.guilds.store import Channel
from core.inbox import actions as inbox
from core.inbox.records import deliveries
from core.inbox.store import Delivery
from core.kick.alerts import run_selftests
from core.kick.intake import store as intake
from core.kick.intake.rules import AlertSettings
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.outbox.records import messages
from tests.acting import act
from tests.kick.rig import NOON, NORA, StandingClock, chat, settings

SELFTEST = AlertSettings.declared["hourly_selftest"]


@dataclass
class Stream:
    """A live channel and time that passes."""

    tx: Connection
    guild_id: int
    clock: StandingClock = field(default_factory=StandingClock)

    def passes(self, minutes: float) -> None:
        """The task runs again after so many minutes."""
        self.clock.forward(minutes=minutes)
        now = self.clock()
        intake.set_status_checks(self.tx, {NORA: NOON}, now, NOON - timedelta(hours=9))
        ours = Services(
            settings(kick_bot_user_token="t"), cast("Any", None), LocalBus(), self.clock
        )
        run_selftests(self.tx, ours, now)

    def lines(self) -> list[str]:
        found = select(messages.c.payload["text"].astext).where(messages.c.service == "kick")
        return list(self.tx.execute(found).scalars())

    def state(self) -> str:
        return (
            self.tx.scalar(select(SelfTest.state).where(SelfTest.guild_id == self.guild_id)) or ""
        )

    def sent(self, receipt: dict[str, Any]) -> None:
        """Kick took the line."""
        self.tx.execute(update(messages).values(state="sent", receipt=receipt))

    def receives(self, message_id: str) -> None:
        body = chat(message_id=message_id)
        kind, lane = "chat.message.sent", f"kick:{NORA}"
        inbox.receive(self.tx, Delivery("kick.webhook", message_id, kind, lane, body, NOON))
        self.tx.execute(update(deliveries).values(received_at=self.clock()))


@pytest.fixture
def stream(tx: Connection, guild_id: int) -> Stream:
    guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))
    act(tx, guild_id, guild_actions.change_setting, SELFTEST, True)
    found = Stream(tx, guild_id)
    found.passes(0)
    return found


def test_selftest_is_off_by_default(stream: Stream) -> None:
    act(stream.tx, stream.guild_id, guild_actions.change_setting, SELFTEST, False)
    stream.passes(90)
    assert stream.lines() == []


def test_silent_stream_is_tested_once_an_hour(stream: Stream) -> None:
    stream.passes(4)
    assert stream.lines() == []
    stream.passes(1)
    (line,) = stream.lines()
    assert line.startswith("Bot self-test (")
    for _ in range(59):
        stream.passes(1)
    assert len(stream.lines()) == 1
    stream.passes(1)
    assert len(stream.lines()) == 2


def test_returned_message_marks_the_test_received(stream: Stream) -> None:
    stream.passes(5)
    stream.sent({"message_id": "m1"})
    stream.passes(1)
    assert stream.state() == "waiting"
    stream.receives("m1")
    stream.passes(1)
    assert stream.state() == "received"


@pytest.mark.parametrize(
    ("receipt", "state"), [({"message_id": "m1"}, "failed"), ({"skipped": "quota"}, "not_sent")]
)
def test_missing_message_marks_the_test_failed_if_kick_accepted_it(
    stream: Stream, receipt: dict[str, Any], state: str
) -> None:
    stream.passes(5)
    stream.sent(receipt)
    stream.passes(2)
    assert stream.state() == state


def test_only_the_primary_server_runs_the_test(stream: Stream, other_guild_id: int) -> None:
    guilds.set_channel(stream.tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    act(stream.tx, other_guild_id, guild_actions.change_setting, SELFTEST, True)
    stream.passes(5)
    assert len(stream.lines()) == 1
