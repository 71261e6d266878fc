"""Messages are sent once, in order, and joined if several are waiting; and the self-test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select

from core.guilds.actions import change_setting
from core.guilds.channels import note_trouble
from core.guilds.records import AuditEntry
from core.guilds.settings import ADMIN_CHANNEL
from core.kick import health as kick_health
from core.kick.accounts.store import set_bot
from core.kick.alerts import check
from core.kick.bodies import WEBHOOK_KINDS
from core.kick.chat.actions import CHAT, say, send_kick_message
from core.kick.chat.transport import KickTransport
from core.kick.discord import KickChecks
from core.kick.feature import FEATURE
from core.kick.feed import store as feed
from core.kick.feed.records import FeedState
from core.kick.health import check_chat
from core.kick.intake import store as intake
from core.kit.database.records import PlatformUserId
from core.kit.discord.ui import check_report, is_private, needed_permissions
from core.kit.errors import Refusal
from core.kit.health_item import CheckLine
from core.kit.services import Services
from core.outbox.actions import find_message
from core.outbox.chat import MAX_CHARACTERS, SEPARATOR, how_many_fit
from core.outbox.records import messages
from core.outbox.sender import Sender
from sandbox.kick.driver import KickDriver
from tests.acting import act
from tests.kick.chat.test_identities import without_bot_account
from tests.kick.chat.test_transport import english, texts
from tests.kick.rig import NORA, VERA, follow
from tests.patience import until_async


@asynccontextmanager
async def sending(services: Services) -> AsyncIterator[Sender]:
    """A sender at work with the feature's own lines."""
    transport = KickTransport(services, FEATURE.lines, english)
    sender = Sender(services.database, {"kick": transport}, services.clock)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def say_all(services: Services, guild_id: int, *lines: str, reply_to: str | None = None) -> None:
    with services.work_in(guild_id) as work:
        for number, line in enumerate(lines):
            assert say(work, services, line, f"test:{line}:{number}", reply_to)


async def test_chat_message_is_queued_and_sent(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    assert send_kick_message(unconnected, "good evening", guild_id)
    async with sending(unconnected):
        await until_async(lambda: texts(kick) == ["good evening"])


def test_without_identity_or_channel_nothing_is_queued(
    unconnected: Services, guild_id: int, other_guild_id: int
) -> None:
    assert not send_kick_message(without_bot_account(unconnected), "hello", guild_id)
    assert not send_kick_message(unconnected, "hello", other_guild_id)
    with unconnected.database.begin() as tx:
        assert tx.execute(select(messages.c.id).where(messages.c.state == "waiting")).all() == []


def health(services: Services) -> list[tuple[int | None, str]]:
    with services.database.begin() as tx:
        return [(part.guild_id, part.reason) for part in check_chat(tx, services.clock())]


def test_send_failure_reason_is_in_health_until_it_is_fixed(
    unconnected: Services, guild_id: int, other_guild_id: int
) -> None:
    reason = without_bot_account(unconnected)
    assert health(reason) == []
    assert not send_kick_message(reason, "hello", guild_id)
    assert not send_kick_message(reason, "hello", other_guild_id)
    assert not send_kick_message(reason, "hello", 404), "a server that is not ours"
    assert health(reason) == [
        (
            guild_id,
            "A chat message could not be sent: No Kick account is connected. Run `/connect_kick`.",
        ),
        (
            other_guild_id,
            "A chat message could not be sent: No Kick channel is set. Use /connect_kick.",
        ),
    ]
    assert send_kick_message(unconnected, "hello", guild_id)
    assert [told for told, _reason in health(reason)] == [other_guild_id]


async def test_message_that_lost_its_identity_is_reported_in_health(
    unconnected: Services, guild_id: int
) -> None:
    assert send_kick_message(unconnected, "hello", guild_id)
    reason = without_bot_account(unconnected)
    async with sending(reason):
        await until_async(lambda: bool(health(reason)))
    assert "No Kick account is connected" in health(reason)[0][1]


# -- /say ---------------------------------------------------------------------------------------


async def test_admin_say_is_sent_and_audited(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    for _time in range(2):  # the same words twice are two lines
        with unconnected.work_in(guild_id, 77) as work:
            CHAT.say_for(work, unconnected, "Welcome!")
    async with sending(unconnected):
        await until_async(lambda: texts(kick) == ["Welcome! • Welcome!"])
    with unconnected.database.begin() as tx:
        noted = tx.execute(select(AuditEntry.action, AuditEntry.actor, AuditEntry.after))
        assert [tuple(row) for row in noted] == [("kick.say", 77, "Welcome!")] * 2


@pytest.mark.parametrize(("line", "words"), [("  ", "is empty"), ("x" * 501, "501 characters")])
def test_message_kick_would_reject_is_refused(
    unconnected: Services, guild_id: int, line: str, words: str
) -> None:
    with unconnected.work_in(guild_id, 77) as work, pytest.raises(Refusal, match=words):
        CHAT.say_for(work, unconnected, line)


def test_say_without_identity_explains_why(unconnected: Services, guild_id: int) -> None:
    reason = without_bot_account(unconnected)
    with reason.work_in(guild_id, 77) as work, pytest.raises(Refusal) as refused:
        CHAT.say_for(work, reason, "hello")
    assert "/connect_kick" in refused.value.remedy


def test_say_requires_manage_server_and_is_private() -> None:
    command: Any = KickChecks.say
    assert needed_permissions(command).manage_guild
    assert is_private(cast(Any, SimpleNamespace(command=command)))


async def test_queued_messages_are_joined(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    say_all(unconnected, guild_id, "one", "two", "three")
    async with sending(unconnected):
        await until_async(lambda: bool(texts(kick)))
        await until_async(lambda: _all_sent(unconnected, guild_id, "one:0", "two:1", "three:2"))
    assert texts(kick) == [SEPARATOR.join(["one", "two", "three"])]


def _all_sent(services: Services, guild_id: int, *keys: str) -> bool:
    with services.database.begin() as tx:
        fates = [act(tx, guild_id, find_message, f"test:{key}") for key in keys]
    return all(fate is not None and fate.state == "sent" for fate in fates)


async def test_overflowing_message_is_sent_next(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    lines = ["a" * 300, "b" * 150, "c" * 100]
    say_all(unconnected, guild_id, *lines)
    async with sending(unconnected):
        await until_async(lambda: len(texts(kick)) == 2)
    assert texts(kick) == [SEPARATOR.join(lines[:2]), lines[2]]


async def test_replies_are_sent_separately_and_in_order(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    asked = kick.chat("mia", "!call x")
    say_all(unconnected, guild_id, "before", "and more")
    say_all(unconnected, guild_id, "the answer", reply_to=asked)
    say_all(unconnected, guild_id, "after")
    async with sending(unconnected):
        await until_async(lambda: len(texts(kick)) == 4)
    assert texts(kick)[1:] == ["before • and more", "the answer", "after"]


async def test_joined_messages_with_lost_reply_are_confirmed_and_not_resent(
    unconnected: Services, kick: KickDriver, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.outbox.sender.UNSURE_SECONDS", 0.1)
    with unconnected.database.begin() as tx:
        set_bot(tx, 4_200_001, "RegularsBot")
    say_all(unconnected, guild_id, "one", "two")
    kick.fault(chat__lost_reply=1)
    async with sending(unconnected):
        await until_async(lambda: bool(texts(kick)))
        say_all(unconnected, guild_id, "three")
        await until_async(lambda: _all_sent(unconnected, guild_id, "one:0", "two:1", "three:0"))
    assert texts(kick) == ["one • two", "three"]


@given(st.lists(st.text(max_size=600), min_size=1, max_size=8))
def test_how_many_fit_returns_the_maximum(lines: list[str]) -> None:
    fitting = how_many_fit(lines)
    assert fitting == 1 or len(SEPARATOR.join(lines[:fitting])) <= MAX_CHARACTERS
    if fitting < len(lines):
        assert len(SEPARATOR.join(lines[: fitting + 1])) > MAX_CHARACTERS


# -- the self-test ------------------------------------------------------------------------------


def impatient(services: Services) -> Callable[[], float]:
    """Half a minute is over two polls after the line is sent or has failed."""
    polls = 0

    def seconds() -> float:
        nonlocal polls
        with services.database.begin() as tx:
            known = "SELECT 1 FROM outbox_messages WHERE state = 'sent' OR error IS NOT NULL"
            polls += tx.exec_driver_sql(known).first() is not None
        return 60.0 * (polls > 2)

    return seconds


async def test_selftest_reports_a_missing_webhook(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    async with sending(unconnected):
        result = await CHAT.test(unconnected, guild_id, impatient(unconnected))
    assert (result.was_sent, result.returned_after) == (True, None)
    assert "No webhook came from Kick" in CHAT.describe(result)[1]


async def test_failed_manual_selftest_is_evidence_for_the_alert(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    """As the hourly one is, which is off here."""
    now = unconnected.clock()
    live_since = now - timedelta(hours=1)

    def kinds_after(minutes: int) -> list[str]:
        """What is posted once the alerts are checked, so many minutes from now."""
        at = now + timedelta(minutes=minutes)
        with unconnected.database.begin() as tx:
            intake.set_status_checks(tx, {NORA: live_since}, at, at - timedelta(hours=9))
        check(replace(unconnected, clock=lambda: at))
        with unconnected.database.begin() as tx:
            return list(tx.execute(select(messages.c.kind).order_by(messages.c.id)).scalars())

    with unconnected.database.begin() as tx:
        act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555)
    assert kinds_after(-10) == []
    async with sending(unconnected):
        await CHAT.test(unconnected, guild_id, impatient(unconnected))
    assert kinds_after(1) == ["kick.line"]
    assert kinds_after(10) == ["kick.line", "kick.no_events"]


async def test_selftest_reports_why_sending_failed(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.faults({"kick.api.401": 9})
    async with sending(unconnected):
        result = await CHAT.test(unconnected, guild_id, impatient(unconnected))
    assert not result.was_sent
    assert "KICK_BOT_USER_TOKEN" in str(result.trouble)


# -- the configuration --------------------------------------------------------------------------


def examine(services: Services, guild_id: int) -> list[CheckLine]:
    with services.work_in(guild_id) as work:
        return kick_health.examine(work, services)


def line_of(name: str, services: Services, guild_id: int) -> CheckLine:
    return next(line for line in examine(services, guild_id) if line.name == name)


def states(services: Services, guild_id: int) -> dict[str, str]:
    return {line.name: line.state for line in examine(services, guild_id)}


def test_report_for_server_without_channel_asks_to_choose_one(
    unconnected: Services, other_guild_id: int
) -> None:
    assert states(unconnected, other_guild_id) == {"kick_channel": "down"}


def test_report_names_what_is_missing(unconnected: Services, guild_id: int) -> None:
    found = states(unconnected, guild_id)
    assert found["kick_channel"] == found["broadcaster ID"] == "ok"
    assert found["chatroom ID"] == found["streamer's account"] == "warn"
    assert found["chat.message.sent"] == "down"
    assert found["chat"] == "ok"


def test_report_names_failed_checks(unconnected: Services, guild_id: int) -> None:
    now, ids = unconnected.clock(), {kind: f"id-{kind}" for kind in WEBHOOK_KINDS}
    with unconnected.database.begin() as tx:
        intake.set_subscriptions(tx, NORA, ids, {}, now)
    assert states(unconnected, guild_id)["kicks.gifted"] == "ok"
    with unconnected.database.begin() as tx:
        intake.set_trouble(tx, NORA, WEBHOOK_KINDS, "It could not be checked: Kick.", now)
    line = line_of("kicks.gifted", unconnected, guild_id)
    assert (line.state, line.found) == ("warn", "It could not be checked: Kick.")


def test_report_names_an_unusable_admin_channel(unconnected: Services, guild_id: int) -> None:
    with unconnected.database.begin() as tx:
        act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555)
    assert ADMIN_CHANNEL.key not in states(unconnected, guild_id)
    with unconnected.database.begin() as tx:
        act(tx, guild_id, note_trouble, 555, "forbidden", ["send_messages"], at=unconnected.clock())
    text = str(check_report("Kick", examine(unconnected, guild_id)).description)
    assert "kick.admin\\_channel** · warning · can't be used" in text
    assert "I can't post in <#555>. Give my role these permissions there: Send Messages." in text


async def test_report_shows_a_failed_chat_message(unconnected: Services, guild_id: int) -> None:
    ended = replace(
        unconnected,
        settings=unconnected.settings.model_copy(update={"kick_bot_user_token": SecretStr("old")}),
    )
    assert send_kick_message(ended, "hello", guild_id)
    async with sending(ended):
        await until_async(lambda: states(ended, guild_id)["chat"] == "warn")
    assert send_kick_message(unconnected, "hello again", guild_id)
    async with sending(unconnected):
        await until_async(lambda: states(unconnected, guild_id)["chat"] == "ok")


def feed_line(services: Services, guild_id: int) -> CheckLine:
    return line_of("feed", services, guild_id)


def test_report_shows_the_feed_state(unconnected: Services, guild_id: int) -> None:
    now = unconnected.clock()

    def store_state(*, is_ok: bool, reason: str) -> None:
        state = FeedState(
            broadcaster_user_id=PlatformUserId(NORA),
            is_ok=is_ok,
            reason=reason,
            received_at=now,
            checked_at=now,
        )
        with unconnected.database.begin() as tx:
            feed.set_states(tx, [state])

    assert feed_line(unconnected, guild_id).found == "not connected"
    store_state(is_ok=True, reason="Listening over Centrifugo.")
    line = feed_line(unconnected, guild_id)
    assert (line.state, line.found, line.at) == ("ok", "Listening over Centrifugo.", now)
    store_state(is_ok=False, reason="Not connected (HTTP 403); it is tried again.")
    line = feed_line(unconnected, guild_id)
    assert (line.state, line.at) == ("warn", now)
    assert "HTTP 403" in line.found
    assert line.remedy
    later = replace(unconnected, clock=lambda: now + timedelta(minutes=2))
    assert feed_line(later, guild_id).found == "not connected"


def test_report_explains_what_is_lost_without_the_feed(
    unconnected: Services, guild_id: int
) -> None:
    def under(**values: bool) -> CheckLine:
        ours = unconnected.settings.model_copy(update=values)
        return feed_line(replace(unconnected, settings=ours), guild_id)

    off = under(use_dual_mode=False)
    assert off.state == "ok"
    assert "won't be noticed" in off.found
    assert under(use_dual_mode=False, kick_use_kickpython_ws=True).state == "warn"


def test_report_names_a_connected_account_that_is_not_the_streamer(
    connected: Services, guild_id: int
) -> None:
    follow(connected.database, guild_id, VERA, "veraspins")
    token = line_of("streamer's account", connected, guild_id)
    assert (token.state, token.found) == (
        "down",
        "NoraPlays is connected, but the channel is veraspins.",
    )


def test_report_shows_connected_streamer_and_token_expiry(
    connected: Services, guild_id: int
) -> None:
    lines = examine(connected, guild_id)
    token = next(line for line in lines if line.name == "streamer's account")
    assert (token.state, token.found) == ("ok", "Connected as NoraPlays.")
    ends_at = token.at
    assert ends_at is not None
    late = replace(connected, clock=lambda: ends_at)
    assert states(late, guild_id)["streamer's account"] == "warn"
    text = str(check_report("Kick", lines).to_dict())
    assert f"Connected as NoraPlays. · token ends <t:{int(ends_at.timestamp())}:R>" in text
    assert "NoraPlays" in text
    assert str(NORA) in text
