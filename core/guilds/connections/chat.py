"""The chat of a server's channel, as admins use it: sending a line as the bot, and the self-test.

A self-test sends a message and waits until it comes back: the only end-to-end test the platforms
allow.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store
from core.guilds.actions import audit
from core.guilds.records import SelfTest, TestState
from core.inbox.records import deliveries
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.health_item import CheckLine, State
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.actions import find_message
from core.outbox.chat import MAX_CHARACTERS

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.25

RETURN_TIMEOUT = timedelta(minutes=2)
"""A message that has not come back after this time is lost."""

CLOCKS_DIFFER = timedelta(seconds=30)
"""Maximum difference between the clocks of our processes."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How chat arrives.

    Attributes:
        are: condition for the inbox deliveries that are chat.
        way: the transport, such as "webhook".
        remedy: what to check if none arrives.
    """

    are: ColumnElement[bool]
    way: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat of a platform.

    Attributes:
        platform: its key in the records.
        name: its display name.
        why_unable: `why_unable(work, services)`: why nothing can be sent, or None.
        say: `say(work, services, text, key)`: send a line soon; a key is sent once.
        arrivals: `arrivals(work, services)`.
    """

    platform: str
    name: str
    why_unable: Callable[[Work, Services], str | None]
    say: Callable[[Work, Services, str, str], object]
    arrivals: Callable[[Work, Services], Arrivals]

    def say_for(self, work: Work, services: Services, text: str) -> None:
        """An admin has the bot send a line, which goes into the audit log.

        Raises:
            Refusal: nothing can be sent, and why.
        """
        if not text.strip():
            raise Refusal(_("The line is empty."), _("Type the `line` after the command."))
        if len(text) > MAX_CHARACTERS:
            raise Refusal(
                _("That is too long: {count} characters.").format(count=len(text)),
                _("A line in {platform}'s chat has at most {maximum}.").format(
                    platform=self.name, maximum=MAX_CHARACTERS
                ),
            )
        self._require_able(work, services)
        self.say(work, services, text, f"{self.platform}.said:{uuid4()}")
        audit(work, f"{self.platform}.say", after=text)

    def _require_able(self, work: Work, services: Services) -> None:
        if reason := self.why_unable(work, services):
            what = _("The bot cannot write in {platform}'s chat.").format(platform=self.name)
            raise Refusal(what, reason)

    # -- the self-test ----------------------------------------------------------------------

    async def test(
        self, services: Services, guild_id: int, seconds: Callable[[], float] = time.monotonic
    ) -> "Result":
        """Send a line and wait until it comes back, at most half a minute.

        Args:
            seconds: a monotonic clock.

        Raises:
            Refusal: there is no channel, no account that can send, or a test was sent just now.
        """

        def start(work: Work) -> SelfTest:
            self._require_able(work, services)
            return self.send_test(work, services)

        def look(work: Work) -> Result:
            found, newest = self.find_result(work, services, test), self.find_test(work)
            if found.returned_after is not None and newest and newest.key == test.key:
                newest.state = "received"
            return found

        test = await services.run_as_bot(guild_id, start)
        deadline, result = seconds() + WAIT_SECONDS, Result(was_sent=False)
        while result.returned_after is None and seconds() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            result = await services.run_as_bot(guild_id, look)
        return result

    def find_test(self, work: Work) -> SelfTest | None:
        """The newest self-test."""
        return work.find(SelfTest, self.platform)

    def send_test(self, work: Work, services: Services) -> SelfTest:
        """Send the line of a self-test.

        Raises:
            Refusal: the newest test began less than half a minute ago.
        """
        key = f"{self.platform}.selftest:{secrets.token_hex(4)}"
        new = {"key": key, "sent_at": work.now, "state": "waiting"}
        begun = work.execute(
            upsert(SelfTest)
            .values(platform=self.platform, **new)
            .on_conflict_do_update(
                constraint="guild_selftests_one_a_platform",
                set_=new,
                where=SelfTest.sent_at <= work.now - timedelta(seconds=WAIT_SECONDS),
            )
            .returning(SelfTest.key)
        )
        if begun.first() is None:
            raise Refusal(_("A self-test was sent just now."), _("Wait half a minute."))
        self.say(work, services, _("Bot self-test ({code})").format(code=key[-8:]), key)
        return SelfTest(platform=self.platform, key=key, sent_at=work.now, state="waiting")

    def find_result(self, work: Work, services: Services, test: SelfTest) -> "Result":
        """The result of a self-test so far."""
        status, arrivals = find_message(work, test.key), self.arrivals(work, services)
        if status is None:  # deleted long after it was sent
            return Result(True, arrivals=arrivals)
        if status.receipt is None:
            return Result(False, trouble=status.error)
        message_id = status.receipt.get("message_id")
        if message_id is None:
            return Result(False, trouble=str(status.receipt.get("skipped", "")))
        channel = store.find_channel(work.tx, work.guild_id, self.platform)
        received_at = work.tx.scalar(
            select(deliveries.c.received_at)
            .where(
                arrivals.are,
                deliveries.c.received_at >= test.sent_at - CLOCKS_DIFFER,
                deliveries.c.lane == f"{self.platform}:{channel.channel_id if channel else 0}",
                deliveries.c.body["message_id"].astext == message_id,
            )
            .limit(1)
        )
        after = None
        if received_at is not None:
            after = max((received_at - test.sent_at).total_seconds(), 0.0)
        return Result(True, after, arrivals=arrivals)

    def state_of(self, work: Work, services: Services, test: SelfTest) -> TestState:
        """The current state of a self-test."""
        if test.state != "waiting":
            return test.state
        result = self.find_result(work, services, test)
        if result.returned_after is not None:
            return "received"
        if work.now - test.sent_at < RETURN_TIMEOUT:
            return "waiting"
        # A line that the platform did not accept says nothing about what arrives.
        return "failed" if result.was_sent else "not_sent"

    def check_line(self, work: Work, services: Services) -> CheckLine | None:
        """The result of the newest self-test; None if there was none."""
        test = self.find_test(work)
        if test is None:
            return None
        found: dict[TestState, tuple[State, str]] = {
            "received": ("ok", _("the line came back from {platform}'s chat")),
            "failed": ("warn", _("the line did not come back from {platform}'s chat")),
            "not_sent": ("warn", _("{platform} did not accept the line")),
            "waiting": ("warn", _("waiting for the line to come back")),
        }
        state, words = found[self.state_of(work, services, test)]
        text = words.format(platform=self.name)
        return CheckLine("self-test", state, text, test.sent_at, dated=_("sent"))

    def describe(self, result: "Result") -> tuple[str, str]:
        """Heading and text about a self-test that has ended."""
        if result.arrivals is None:
            waits = _("It is still waiting; see `/health`.")
            return _("Chat test failed: the line was not sent"), result.trouble or waits
        if result.returned_after is None:
            return _("Chat test failed: the line did not come back"), result.arrivals.remedy
        text = _("A line sent to {platform}'s chat came back by {way} after {time} s.").format(
            platform=self.name, way=result.arrivals.way, time=f"{result.returned_after:.1f}"
        )
        return _("Chat test passed"), text


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a self-test.

    Attributes:
        was_sent: the platform accepted the message.
        returned_after: seconds until it came back; None if it did not.
        trouble: the reason why it was not sent.
        arrivals: the transport it should come back on, if it was sent.
    """

    was_sent: bool
    returned_after: float | None = None
    trouble: str | None = None
    arrivals: Arrivals | None = None
