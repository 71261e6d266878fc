"""Lines on their way to Twitch's chat: as whom, and never said twice."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from core.kit.errors import Outage, Refusal
from core.outbox.actions import find_message
from core.outbox.records import Outgoing
from core.outbox.transport import Unsure
from core.twitch.chat.actions import CHAT, say, why_unable_to_send
from core.twitch.chat.transport import COMES_BACK, TwitchTransport
from core.twitch.tasks import look_after_subscriptions
from tests.conftest import GUILD
from tests.outbox.an_outgoing import claimed
from tests.twitch.rig import NORA, Office, chat, deliver


def text_of(payload: Mapping[str, Any]) -> str:
    return str(payload["text"])


def outgoing(office: Office, text: str = "hello", **differs: Any) -> Outgoing:
    usual = {"guild_id": GUILD, "id": 1, "lane": f"twitch:{NORA}", "kind": "test.line"}
    target = {"broadcaster_user_id": NORA, "reply_to": None}
    given = {"target": target, "payload": {"text": text}, **usual} | differs
    return claimed("twitch", **given)


def transport(office: Office) -> TwitchTransport:
    return TwitchTransport(office.services, {"test.line": text_of}, lambda _tx, _guild_id: "en")


def said(office: Office) -> list[tuple[str, str]]:
    return [(one["sender"], one["text"]) for one in office.twitch.transcript()]


async def test_line_is_written_as_the_streamer(office: Office) -> None:
    office.connect()
    receipt = await transport(office).deliver(outgoing(office))
    assert receipt["identity"] == "streamer"
    assert said(office) == [("NoraPlays", "hello")]


async def test_bot_account_goes_first(office: Office) -> None:
    office.connect()
    office.connect("bot", "bot")
    receipt = await transport(office).deliver(outgoing(office))
    assert receipt["identity"] == "bot"
    assert said(office) == [("Regulars_Bot", "hello")]


async def test_streamer_steps_in_for_a_banned_bot(office: Office) -> None:
    office.connect()
    office.connect("bot", "bot")
    office.twitch.do("ban", person="bot")
    receipt = await transport(office).deliver(outgoing(office))
    assert receipt["identity"] == "streamer"


async def test_reply_names_its_message(office: Office) -> None:
    office.connect()
    message_id = office.twitch.chat("mia", "!call Wanted")
    target = {"broadcaster_user_id": NORA, "reply_to": message_id}
    await transport(office).deliver(outgoing(office, "Noted", target=target))
    assert office.twitch.transcript()[-1]["reply_to"] == message_id


async def test_reply_to_a_deleted_message_is_a_plain_line(office: Office) -> None:
    office.connect()
    target = {"broadcaster_user_id": NORA, "reply_to": "gone"}
    payload = {"text": "Not enough points.", "viewer": "MadCats"}
    await transport(office).deliver(outgoing(office, target=target, payload=payload))
    assert said(office) == [("NoraPlays", "@MadCats Not enough points.")]


async def test_line_that_is_not_shown_is_a_refusal(office: Office) -> None:
    office.connect()
    office.twitch.fault(chat__is_sent_false=1)
    with pytest.raises(Refusal, match="Your message was not shown"):
        await transport(office).deliver(outgoing(office))


async def test_token_that_ended_is_renewed(office: Office) -> None:
    office.connect()
    office.twitch.do("tokens", action="expire")
    await transport(office).deliver(outgoing(office))
    assert said(office) == [("NoraPlays", "hello")]


@pytest.mark.parametrize("status", [429, 500])
async def test_temporary_errors_are_retried_later(office: Office, status: int) -> None:
    office.connect()
    office.twitch.fault(api__only="chat", **{f"api__{status}": 1})
    with pytest.raises(Outage):
        await transport(office).deliver(outgoing(office))
    assert said(office) == []


async def test_nobody_connected_skips_the_line(office: Office) -> None:
    receipt = await transport(office).deliver(outgoing(office))
    assert "No Twitch channel is connected" in receipt["skipped"]


async def test_lost_answer_is_looked_for_and_not_repeated(office: Office) -> None:
    office.connect()
    office.twitch.fault(api__only="chat", api__lost_answer=1)
    message = outgoing(office, first_sending_at=office.clock())
    with pytest.raises(Unsure):
        await transport(office).deliver(message)
    assert said(office) == [("NoraPlays", "hello")]
    # It has not come back yet.
    with pytest.raises(Unsure):
        await transport(office).confirm(message)
    echo = chat("hello", chatter_user_id=str(NORA), message_id="echo")
    deliver(office, "channel.chat.message", echo)
    assert await transport(office).confirm(message) == {"message_id": "echo"}


async def test_line_that_did_not_come_back_is_sent_again(office: Office) -> None:
    office.connect()
    message = outgoing(office, first_sending_at=office.clock())
    office.clock.forward(seconds=1)
    deliver(office, "channel.chat.message", chat("something else"))
    office.clock.forward(seconds=COMES_BACK.total_seconds())
    assert await transport(office).confirm(message) is None


async def test_without_chat_a_line_is_given_up(office: Office) -> None:
    office.connect()
    message = outgoing(office, first_sending_at=office.clock() - timedelta(minutes=1))
    with pytest.raises(Refusal, match="may have reached"):
        await transport(office).confirm(message)


def test_admin_says_a_line(office: Office) -> None:
    office.connect()
    with office.services.work_in(GUILD, 1) as work:
        CHAT.say_for(work, office.services, "Good evening")
        for wrong in ("", "x" * 501):
            with pytest.raises(Refusal):
                CHAT.say_for(work, office.services, wrong)
    sql = "SELECT payload->>'text' FROM outbox_messages WHERE kind = 'twitch.line'"
    assert office.rows(sql) == [("Good evening",)]


def test_reason_why_nothing_can_be_said(office: Office) -> None:
    with office.services.work_in(GUILD) as work:
        assert "No Twitch channel is connected" in str(why_unable_to_send(work))
    office.connect()
    office.rows("UPDATE twitch_accounts SET scopes = '{user:read:chat}' RETURNING 1")
    with office.services.work_in(GUILD) as work:
        assert "has not allowed writing" in str(why_unable_to_send(work))


async def test_selftest_needs_the_line_to_come_back(office: Office) -> None:
    office.connect()
    passed = iter([0.0, *(9.0 * n for n in range(1, 20))])
    result = await CHAT.test(office.services, GUILD, lambda: next(passed))
    assert (result.was_sent, result.returned_after) == (False, None)


def test_line_is_posted_once_for_each_key(office: Office) -> None:
    office.connect()
    with office.services.work_in(GUILD) as work:
        assert say(work, "hello", "key")
        assert not say(work, "hello", "key")
        assert find_message(work, "key") is not None


def test_renamed_channel_is_followed(office: Office) -> None:
    office.connect()
    office.twitch.do("rename", person="nora", name="NoraNew")
    look_after_subscriptions(office.services)
    sql = "SELECT slug FROM guild_channels WHERE guild_id = :guild_id"
    assert office.rows(sql, guild_id=GUILD) == [("noranew",)]
