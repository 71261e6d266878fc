"""The transport to Kick's chat: rate limited, shortened if necessary, and never sent twice."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kick import client as client_module
from core.kick.accounts.store import set_bot
from core.kick.chat.transport import KickTransport
from core.kick.client import client_of
from core.kick.wire import KickRejected
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox import chat as module
from core.outbox.chat import MAX_CHARACTERS, cut
from core.outbox.records import Outgoing
from core.outbox.transport import Unsure
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.rig import NORA, VERA, follow, settings
from tests.outbox.an_outgoing import claimed
from tests.patience import PATIENCE


def say(payload: Mapping[str, Any]) -> str:
    return str(payload["text"])


def outgoing(text: str = "hello", **differs: Any) -> Outgoing:
    """A line in the sender's hands, first tried now."""
    usual = {"guild_id": 1001, "id": 1, "lane": f"kick:{NORA}", "kind": "test.line"}
    target = {"broadcaster_user_id": NORA, "reply_to": None}
    given = {"target": target, "payload": {"text": text}, **usual} | differs
    return claimed("kick", **given)


def services_for(pretend: Sandbox, database: Database, **differs: Any) -> Services:
    values = {k.lower(): v for k, v in pretend.env.items() if k.startswith("KICK_")}
    return Services(settings(**values | differs), database, LocalBus())


def english(_tx: object, _guild_id: int) -> str:
    return "en"


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)


@pytest.fixture
def services(pretend: Sandbox, clean: Database, guild_id: int) -> Services:
    """Our account is known, and the server follows Nora."""
    ours = services_for(pretend, clean)
    follow(clean, guild_id)
    account = client_of(ours.settings).account_of(pretend.env["KICK_BOT_USER_TOKEN"])
    with clean.begin() as tx:
        set_bot(tx, account.kick_user_id, account.name)
    return ours


@pytest.fixture
def transport(services: Services) -> KickTransport:
    return KickTransport(services, {"test.line": say}, english)


def texts(kick: KickDriver) -> list[str]:
    return [line["text"] for line in kick.transcript()]


# -- delivering ---------------------------------------------------------------------------------


async def test_sent_message_returns_its_id(transport: KickTransport, kick: KickDriver) -> None:
    receipt = await transport.deliver(outgoing("hello 🎰"))
    (line,) = kick.transcript()
    assert line["text"] == "hello 🎰"
    assert receipt["message_id"] in str(line)


async def test_reply_references_its_message(transport: KickTransport, kick: KickDriver) -> None:
    asked = kick.chat("mia", "!call x")
    target = {"broadcaster_user_id": NORA, "reply_to": asked}
    await transport.deliver(outgoing(target=target))
    assert kick.transcript()[-1]["reply_to"]


async def test_reply_to_a_deleted_message_is_a_plain_line(
    transport: KickTransport, kick: KickDriver
) -> None:
    target = {"broadcaster_user_id": NORA, "reply_to": "6f1d9a3e-0000-4000-8000-000000000000"}
    payload = {"text": "Not enough points.", "viewer": "MadCats"}
    await transport.deliver(outgoing(target=target, payload=payload))
    await transport.deliver(outgoing(target=target, payload=payload | {"text": "@MadCats Noted"}))
    assert texts(kick) == ["@MadCats Not enough points.", "@MadCats Noted"]
    assert not kick.transcript()[-1]["reply_to"]


async def test_message_is_sent_in_the_server_language(services: Services, kick: KickDriver) -> None:
    spoken: list[str] = []

    def language_of(_tx: object, guild_id: int) -> str:
        spoken.append(str(guild_id))
        return "en"

    transport = KickTransport(services, {"test.line": lambda _payload: _("Switch")}, language_of)
    await transport.deliver(outgoing(guild_id=1001))
    assert (texts(kick), spoken) == (["Switch"], ["1001"])


async def test_messages_without_token_are_skipped(
    pretend: Sandbox, kick: KickDriver, clean: Database
) -> None:
    services = services_for(pretend, clean, kick_bot_user_token=None)
    transport = KickTransport(services, {"test.line": say}, english)
    receipt = await transport.deliver(outgoing())
    assert receipt == {"skipped": "No Kick channel is set. Use /connect_kick."}
    assert texts(kick) == []


async def test_messages_of_one_chat_are_spaced_and_other_chats_do_not_wait(
    transport: KickTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.3)
    started = time.monotonic()
    await transport.deliver(outgoing("one"))
    await transport.deliver(outgoing("two"))
    assert time.monotonic() - started >= 0.3

    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 3600.0)
    vera = {"broadcaster_user_id": VERA, "reply_to": None}
    await transport.deliver(outgoing("three"))
    waits = asyncio.create_task(transport.deliver(outgoing("four")))
    elsewhere = transport.deliver(outgoing("five", lane=f"kick:{VERA}", target=vera))
    await asyncio.wait_for(elsewhere, PATIENCE)
    assert not waits.done()
    waits.cancel()


async def test_idle_chat_is_answered_immediately(
    transport: KickTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.1)
    await transport.deliver(outgoing("one"))
    await asyncio.sleep(0.15)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 60.0)
    await asyncio.wait_for(transport.deliver(outgoing("two")), PATIENCE)


# -- length -------------------------------------------------------------------------------------


async def test_too_long_message_is_truncated(transport: KickTransport, kick: KickDriver) -> None:
    await transport.deliver(outgoing("😀" * 600))
    assert texts(kick) == ["😀" * 499 + "…"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
        ("word " * 100 + "x", ("word " * 99).strip() + " word…"),
        ("x" * 300 + " " + "y" * 300, "x" * 300 + "…"),
        # A cut that would lose more than half of the line is made within the word.
        ("x " + "y" * 600, "x " + "y" * 497 + "…"),
    ],
)
def test_long_message_is_truncated_at_a_word(text: str, expected: str) -> None:
    assert cut(text) == expected


@given(st.text(alphabet="ab 😀é\u0301", max_size=1200))
def test_truncated_message_fits_and_keeps_its_beginning(text: str) -> None:
    line = cut(text)
    assert len(line) <= MAX_CHARACTERS
    if line != text:
        assert line.endswith("…")
        assert text.startswith(line[:-1])
        assert len(line) > MAX_CHARACTERS // 2


# -- failing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"kick.api.500": 1}, None),
        ({"kick.api.429": 1, "kick.api.retry_after_s": 9}, 9),
        ({"kick.api.cloudflare_403": 1}, None),
        ({"kick.chat.is_sent_false": 1}, None),
    ],
    ids=["500", "429", "Cloudflare", "is_sent false"],
)
async def test_temporary_errors_are_retried_later(
    transport: KickTransport, kick: KickDriver, fault: dict[str, Any], seconds: float | None
) -> None:
    kick.faults(fault)
    with pytest.raises(Outage) as outage:
        await transport.deliver(outgoing())
    assert outage.value.retry_after == seconds
    assert texts(kick) == []
    await transport.deliver(outgoing())
    assert texts(kick) == ["hello"]


async def test_invalid_token_is_named(pretend: Sandbox, clean: Database) -> None:
    services = services_for(pretend, clean, kick_bot_user_token="worthless")
    transport = KickTransport(services, {"test.line": say}, english)
    with pytest.raises(Refusal, match="Kick no longer accepts KICK_BOT_USER_TOKEN"):
        await transport.deliver(outgoing())


async def test_forbidden_account_is_distinguished_from_an_invalid_token(
    transport: KickTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_arguments: object) -> str:
        raise KickRejected(403, "Forbidden")

    monkeypatch.setattr(client_module.KickClient, "send_chat", forbidden)
    with pytest.raises(Refusal, match="not allowed to write in this chat"):
        await transport.deliver(outgoing())


async def test_other_rejections_quote_kick(transport: KickTransport, kick: KickDriver) -> None:
    kick.fault(chat__quota=1)
    with pytest.raises(Refusal, match=r"the bot account \(400: .*quota"):
        await transport.deliver(outgoing())


async def test_lost_reply_raises_unsure(transport: KickTransport, kick: KickDriver) -> None:
    kick.fault(chat__lost_reply=1)
    with pytest.raises(Unsure):
        await transport.deliver(outgoing())
    assert texts(kick) == ["hello"]


# -- was it said? -------------------------------------------------------------------------------


async def test_delivered_message_is_found_in_the_history(
    transport: KickTransport, kick: KickDriver
) -> None:
    kick.chat("mia", "!call x")
    kick.fault(chat__lost_reply=1)
    first_at = datetime.now(UTC)
    with pytest.raises(Unsure):
        await transport.deliver(outgoing(first_sending_at=first_at))
    again = outgoing(first_sending_at=first_at, attempts=2, unsure=True)
    receipt = await transport.confirm(again)
    assert receipt is not None
    assert receipt["message_id"] in str(kick.transcript()[-1])


async def test_message_missing_from_history_can_be_sent_again(
    transport: KickTransport, kick: KickDriver
) -> None:
    kick.chat("mia", "!call x")
    assert await transport.confirm(outgoing(unsure=True)) is None


async def test_empty_history_means_not_delivered(
    transport: KickTransport,
) -> None:
    assert await transport.confirm(outgoing(unsure=True)) is None


async def test_truncated_message_is_recognized_in_the_history(
    transport: KickTransport, kick: KickDriver
) -> None:
    message = outgoing("word " * 200)
    await transport.deliver(message)
    assert await transport.confirm(message) is not None


async def test_same_text_of_another_sender_is_not_ours(
    transport: KickTransport, kick: KickDriver
) -> None:
    kick.chat("mia", "hello")
    assert await transport.confirm(outgoing("hello")) is None


async def test_same_text_sent_long_ago_is_another_message(transport: KickTransport) -> None:
    await transport.deliver(outgoing("hello"))
    later = datetime.now(UTC) + timedelta(seconds=60)
    assert await transport.confirm(outgoing("hello", first_sending_at=later)) is None


async def test_too_short_history_cannot_confirm(transport: KickTransport, kick: KickDriver) -> None:
    """A busy chat scrolls past our line within seconds."""
    kick.chat("mia", "long after")
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    with pytest.raises(Refusal, match="it is not sent again"):
        await transport.confirm(outgoing(first_sending_at=long_ago, unsure=True))


async def test_unknown_bot_id_cannot_confirm(
    transport: KickTransport, kick: KickDriver, clean: Database
) -> None:
    with clean.begin() as tx:
        tx.exec_driver_sql("DELETE FROM kick_bots")
    kick.chat("mia", "!call x")
    with pytest.raises(Refusal, match="it is not sent again"):
        await transport.confirm(outgoing(unsure=True))


async def test_blocked_history_is_retried_three_times_then_given_up(
    transport: KickTransport, kick: KickDriver
) -> None:
    kick.fault(site__cloudflare_403=True)
    for attempts in (1, 2):
        with pytest.raises(Outage):
            await transport.confirm(outgoing(attempts=attempts, unsure=True))
    with pytest.raises(Refusal, match="it is not sent again"):
        await transport.confirm(outgoing(attempts=3, unsure=True))
    assert texts(kick) == []


async def test_message_to_an_unfollowed_channel_cannot_be_confirmed(
    transport: KickTransport, clean: Database
) -> None:
    with clean.begin() as tx:
        tx.exec_driver_sql("DELETE FROM guild_channels")
    with pytest.raises(Refusal, match="no longer follows a Kick channel"):
        await transport.confirm(outgoing(unsure=True))
