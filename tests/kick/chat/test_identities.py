"""Which account sends: the app's bot first, and which others replace it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick.accounts import store as accounts
from core.kick.accounts.records import Account
from core.kick.accounts.store import list_bot_ids
from core.kick.chat import transport
from core.kick.chat.actions import send_kick_message
from core.kick.chat.identities import identities_of, why_unable_to_send
from core.kick.chat.transport import KickTransport
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.outbox.transport import Unsure
from sandbox.kick.driver import KickDriver
from tests.kick.chat.test_transport import english, outgoing, say, texts
from tests.kick.rig import NORA, chat, person


def transport_of(services: Services) -> KickTransport:
    return KickTransport(services, {"test.line": say}, english)


def without_bot_account(services: Services) -> Services:
    return replace(
        services, settings=services.settings.model_copy(update={"kick_bot_user_token": None})
    )


def names(services: Services, guild_id: int) -> list[str]:
    return [identity.name for identity in identities_of(services, guild_id)]


def senders(kick: KickDriver) -> list[str]:
    return [line["sender"] for line in kick.transcript()]


async def test_app_bot_is_used_where_the_streamer_is_connected(
    connected: Services, kick: KickDriver, guild_id: int
) -> None:
    assert names(connected, guild_id) == ["app bot", "bot account", "streamer"]
    receipt = await transport_of(connected).deliver(outgoing())
    assert receipt["identity"] == "app bot"
    assert (texts(kick), senders(kick)) == (["hello"], ["Regulars"])


async def test_bot_account_is_used_without_a_connected_streamer(
    unconnected: Services, kick: KickDriver, guild_id: int
) -> None:
    receipt = await transport_of(unconnected).deliver(outgoing())
    assert receipt["identity"] == "bot account"
    assert senders(kick) == ["RegularsBot"]


@pytest.mark.parametrize("fault", ["chat__bot_500", "chat__bot_401", "chat__bot_missing"])
async def test_failing_app_bot_falls_back_to_another_identity_for_an_hour(
    connected: Services, kick: KickDriver, guild_id: int, fault: str
) -> None:
    kick.fault(**{fault: True})
    receipt = await transport_of(connected).deliver(outgoing())
    assert receipt["identity"] == "bot account"
    assert texts(kick) == ["hello"]
    assert names(connected, guild_id) == ["bot account", "streamer"]
    later = replace(connected, clock=lambda: connected.clock() + timedelta(hours=1, seconds=1))
    assert names(later, guild_id)[0] == "app bot"


async def test_streamer_is_the_last_fallback(
    connected: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.fault(chat__bot_missing=True)
    receipt = await transport_of(without_bot_account(connected)).deliver(outgoing())
    assert receipt["identity"] == "streamer"
    assert senders(kick) == ["NoraPlays"]


async def test_bot_is_not_marked_failed_when_every_identity_fails(
    connected: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.faults({"kick.api.500": 5})
    with pytest.raises(Outage):
        await transport_of(connected).deliver(outgoing())
    with connected.database.begin() as tx:
        account = accounts.find_account(tx, guild_id)
    assert account is not None
    assert account.bot_failed_at is None


async def test_message_with_unknown_outcome_is_not_retried_by_another_identity(
    connected: Services, kick: KickDriver
) -> None:
    kick.fault(chat__lost_reply=1)
    with pytest.raises(Unsure):
        await transport_of(connected).deliver(outgoing())
    assert texts(kick) == ["hello"]


async def test_expired_token_is_refreshed_and_message_sent_once(
    connected: Services, kick: KickDriver
) -> None:
    kick.tokens("expire_access")
    receipt = await transport_of(without_bot_account(connected)).deliver(outgoing())
    assert receipt["identity"] == "app bot"
    assert texts(kick) == ["hello"]


async def test_message_is_skipped_without_any_identity(
    unconnected: Services, kick: KickDriver
) -> None:
    receipt = await transport_of(without_bot_account(unconnected)).deliver(outgoing())
    assert "skipped" in receipt
    assert texts(kick) == []


async def test_bot_account_is_used_after_the_connection_ended(
    connected: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.tokens("end_all")
    receipt = await transport_of(connected).deliver(outgoing())
    assert receipt["identity"] == "bot account"
    with connected.database.begin() as tx:
        account = accounts.find_account(tx, guild_id)
        assert account is not None
        assert account.state == "reconnect"


async def test_ended_connection_without_fallback_is_reported(
    connected: Services, kick: KickDriver
) -> None:
    kick.tokens("end_all")
    with pytest.raises(Refusal, match="ended the connection"):
        await transport_of(without_bot_account(connected)).deliver(outgoing())


@pytest.mark.parametrize("with_bot_account", [True, False])
def test_reason_for_being_unable_to_send_is_returned(
    unconnected: Services, guild_id: int, other_guild_id: int, with_bot_account: bool
) -> None:
    services = unconnected if with_bot_account else without_bot_account(unconnected)
    with services.work_in(guild_id) as work:
        assert (why_unable_to_send(work, services) is None) == with_bot_account
    with services.work_in(other_guild_id) as work:
        assert "No Kick channel" in str(why_unable_to_send(work, services))


async def test_app_bot_message_is_recognized_in_the_history(
    connected: Services, kick: KickDriver
) -> None:
    transport = transport_of(without_bot_account(connected))
    receipt = await transport.deliver(outgoing())
    assert receipt["identity"] == "app bot"
    assert (await transport.confirm(outgoing(unsure=True)) or {})["message_id"] == receipt[
        "message_id"
    ]


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"kick_user_id": NORA + 1}, "but the channel is"),
        ({"scopes": ["user:read"]}, "not allowed writing"),
    ],
)
async def test_account_without_chat_access_is_not_used(
    connected: Services, kick: KickDriver, guild_id: int, differs: dict[str, Any], words: str
) -> None:
    services = without_bot_account(connected)
    with services.work_in(guild_id) as work:
        work.execute(update(Account).values(**differs))
        assert words in str(why_unable_to_send(work, services))
    assert names(services, guild_id) == []
    assert names(connected, guild_id) == ["bot account"]
    assert not send_kick_message(services, "hello", guild_id)
    assert texts(kick) == []


def comes_back(services: Services, channel_id: int, line: dict[str, Any], name: str) -> None:
    """The webhook of a line, without any badge."""
    body = chat(message_id=line["message_id"], sender=person(line["sender_id"], name))
    with services.database.begin() as tx:
        inbox.receive(
            tx,
            Delivery(
                "kick.webhook",
                f"d-{line['message_id']}",
                "chat.message.sent",
                f"kick:{channel_id}",
                body,
                services.clock(),
            ),
        )


@pytest.mark.parametrize("sender_id", [4_999_999, NORA])
async def test_app_bot_id_is_learned_from_its_own_messages(
    connected: Services, kick: KickDriver, sender_id: int
) -> None:
    """Nobody says that Kick marks it with a badge; and the streamer is never taken for a bot."""
    transport = transport_of(connected)
    receipt = await transport.deliver(outgoing())
    line = {"message_id": receipt["message_id"], "sender_id": sender_id}
    comes_back(connected, NORA, line, "Regulars")
    await transport.deliver(outgoing())
    with connected.database.begin() as tx:
        assert list_bot_ids(tx) == ({sender_id} if sender_id != NORA else set())


async def test_failure_to_record_a_sent_message_does_not_resend_it(
    connected: Services, kick: KickDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes down after sending, before recording it: a retry would send the message
    twice.
    """

    def away(*_arguments: object) -> None:
        raise Outage("the database")

    monkeypatch.setattr(transport, "update", away)
    kick.fault(chat__bot_500=True)
    receipt = await transport_of(connected).deliver(outgoing())
    assert receipt["identity"] == "bot account"
    assert texts(kick) == ["hello"]
