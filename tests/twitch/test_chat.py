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
from core.twitch.chat.transport import MAX_ECHO_DELAY, TwitchTransport
from core.twitch.tasks import check_subscriptions
from tests.conftest import GUILD
from tests.outbox.an_outgoing import claimed
from tests.twitch.rig import NORA, Installation, chat, deliver


def text_of(payload: Mapping[str, Any]) -> str:
    return str(payload["text"])


def outgoing(installation: Installation, text: str = "hello", **differs: Any) -> Outgoing:
    usual = {"guild_id": GUILD, "id": 1, "lane": f"twitch:{NORA}", "kind": "test.line"}
    target = {"broadcaster_user_id": NORA, "reply_to": None}
    given = {"target": target, "payload": {"text": text}, **usual} | differs
    return claimed("twitch", **given)


def transport(installation: Installation) -> TwitchTransport:
    return TwitchTransport(
        installation.services, {"test.line": text_of}, lambda _tx, _guild_id: "en"
    )


def said(installation: Installation) -> list[tuple[str, str]]:
    return [(one["sender"], one["text"]) for one in installation.twitch.transcript()]


async def test_line_is_written_as_the_streamer(installation: Installation) -> None:
    installation.connect()
    receipt = await transport(installation).deliver(outgoing(installation))
    assert receipt["identity"] == "streamer"
    assert said(installation) == [("NoraPlays", "hello")]


async def test_bot_account_goes_first(installation: Installation) -> None:
    installation.connect()
    installation.connect("bot", "bot")
    receipt = await transport(installation).deliver(outgoing(installation))
    assert receipt["identity"] == "bot"
    assert said(installation) == [("Regulars_Bot", "hello")]


async def test_streamer_steps_in_for_a_banned_bot(installation: Installation) -> None:
    installation.connect()
    installation.connect("bot", "bot")
    installation.twitch.do("ban", person="bot")
    receipt = await transport(installation).deliver(outgoing(installation))
    assert receipt["identity"] == "streamer"


async def test_reply_names_its_message(installation: Installation) -> None:
    installation.connect()
    message_id = installation.twitch.chat("mia", "!call Wanted")
    target = {"broadcaster_user_id": NORA, "reply_to": message_id}
    await transport(installation).deliver(outgoing(installation, "Noted", target=target))
    assert installation.twitch.transcript()[-1]["reply_to"] == message_id


async def test_reply_to_a_deleted_message_is_a_plain_line(installation: Installation) -> None:
    installation.connect()
    target = {"broadcaster_user_id": NORA, "reply_to": "gone"}
    payload = {"text": "Not enough points.", "viewer": "MadCats"}
    await transport(installation).deliver(outgoing(installation, target=target, payload=payload))
    assert said(installation) == [("NoraPlays", "@MadCats Not enough points.")]


async def test_line_that_is_not_shown_is_a_refusal(installation: Installation) -> None:
    installation.connect()
    installation.twitch.fault(chat__is_sent_false=1)
    with pytest.raises(Refusal, match="Your message was not shown"):
        await transport(installation).deliver(outgoing(installation))


async def test_token_that_ended_is_renewed(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("tokens", action="expire")
    await transport(installation).deliver(outgoing(installation))
    assert said(installation) == [("NoraPlays", "hello")]


@pytest.mark.parametrize("status", [429, 500])
async def test_temporary_errors_are_retried_later(installation: Installation, status: int) -> None:
    installation.connect()
    installation.twitch.fault(api__only="chat", **{f"api__{status}": 1})
    with pytest.raises(Outage):
        await transport(installation).deliver(outgoing(installation))
    assert said(installation) == []


async def test_nobody_connected_skips_the_line(installation: Installation) -> None:
    receipt = await transport(installation).deliver(outgoing(installation))
    assert "No Twitch channel is connected" in receipt["skipped"]


async def test_lost_answer_is_looked_for_and_not_repeated(installation: Installation) -> None:
    installation.connect()
    installation.twitch.fault(api__only="chat", api__lost_answer=1)
    message = outgoing(installation, first_sending_at=installation.clock())
    with pytest.raises(Unsure):
        await transport(installation).deliver(message)
    assert said(installation) == [("NoraPlays", "hello")]
    # It has not come back yet.
    with pytest.raises(Unsure):
        await transport(installation).confirm(message)
    echo = chat("hello", chatter_user_id=str(NORA), message_id="echo")
    deliver(installation, "channel.chat.message", echo)
    assert await transport(installation).confirm(message) == {"message_id": "echo"}


async def test_line_that_did_not_come_back_is_sent_again(installation: Installation) -> None:
    installation.connect()
    message = outgoing(installation, first_sending_at=installation.clock())
    installation.clock.forward(seconds=1)
    deliver(installation, "channel.chat.message", chat("something else"))
    installation.clock.forward(seconds=MAX_ECHO_DELAY.total_seconds())
    assert await transport(installation).confirm(message) is None


async def test_without_chat_a_line_is_given_up(installation: Installation) -> None:
    installation.connect()
    message = outgoing(installation, first_sending_at=installation.clock() - timedelta(minutes=1))
    with pytest.raises(Refusal, match="may have reached"):
        await transport(installation).confirm(message)


def test_admin_says_a_line(installation: Installation) -> None:
    installation.connect()
    with installation.services.work_in(GUILD, 1) as work:
        CHAT.say_for(work, installation.services, "Good evening")
        for wrong in ("", "x" * 501):
            with pytest.raises(Refusal):
                CHAT.say_for(work, installation.services, wrong)
    sql = "SELECT payload->>'text' FROM outbox_messages WHERE kind = 'twitch.line'"
    assert installation.rows(sql) == [("Good evening",)]


def test_reason_why_nothing_can_be_said(installation: Installation) -> None:
    with installation.services.work_in(GUILD) as work:
        assert "No Twitch channel is connected" in str(why_unable_to_send(work))
    installation.connect()
    installation.rows("UPDATE twitch_accounts SET scopes = '{user:read:chat}' RETURNING 1")
    with installation.services.work_in(GUILD) as work:
        assert "has not allowed writing" in str(why_unable_to_send(work))


async def test_selftest_needs_the_line_to_come_back(installation: Installation) -> None:
    installation.connect()
    passed = iter([0.0, *(9.0 * n for n in range(1, 20))])
    result = await CHAT.test(installation.services, GUILD, lambda: next(passed))
    assert (result.was_sent, result.returned_after) == (False, None)


def test_line_is_posted_once_for_each_key(installation: Installation) -> None:
    installation.connect()
    with installation.services.work_in(GUILD) as work:
        assert say(work, "hello", "key")
        assert not say(work, "hello", "key")
        assert find_message(work, "key") is not None


def test_renamed_channel_is_followed(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("rename", person="nora", name="NoraNew")
    check_subscriptions(installation.services)
    sql = "SELECT slug FROM guild_channels WHERE guild_id = :guild_id"
    assert installation.rows(sql, guild_id=GUILD) == [("noranew",)]
