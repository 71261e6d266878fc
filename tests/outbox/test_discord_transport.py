"""The Discord transport against the fake Discord, over a real socket."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.outbox import discord_transport, store
from core.outbox.actions import post_to_channel
from core.outbox.discord_transport import DiscordTransport, Rendered
from core.outbox.records import Outgoing
from core.outbox.transport import Unsure
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from sandbox.people import BY_HANDLE
from tests.acting import act
from tests.clean import cleaned
from tests.outbox.an_outgoing import claimed
from tests.sandbox.discord_rig import Hands, open_world

GENERAL = channel_id(NORAS_CORNER_ID, "general")


def render(payload: Mapping[str, Any]) -> Rendered:
    def view() -> discord.ui.View | None:
        if "button" not in payload:
            return None
        made = discord.ui.View(timeout=None)
        made.add_item(discord.ui.Button(label=payload["button"], custom_id="x"))
        return made

    embed = discord.Embed(title=payload["title"], description=payload.get("body"))

    def files() -> list[discord.File]:
        name = payload.get("file")
        return [discord.File(BytesIO(name.encode()), "a.txt")] if name else []

    return Rendered(embed, view, files, payload.get("calls"))


def outgoing(title: str = "Hello", **changes: Any) -> Outgoing:
    usual = {"guild_id": NORAS_CORNER_ID, "id": 4711, "kind": "test.card"}
    given = {"target": {"channel_id": GENERAL}, "payload": {"title": title}, **usual} | changes
    return claimed("discord", **given)


class Rig:
    """A logged-in client without a gateway connection, its transport, and people's hands."""

    def __init__(self, client: discord.Client, hands: Hands, database: Database) -> None:
        self.client, self.hands, self.database = client, hands, database
        self.transport = DiscordTransport(
            lambda: client,
            database,
            {"test.card": render},
            lambda _tx, _guild_id: "en",
            guilds.list_granted,
        )

    async def titles(self, channel: str = "general") -> list[str]:
        lines = await self.hands.transcript(channel)
        return [embed["title"] for line in lines for embed in line["embeds"]]


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[Rig]:
    with cleaned(database):
        async with open_world() as world:
            driver = DiscordDriver(world.base_url)
            async with discord.Client(intents=discord.Intents.none()) as client:
                await client.login(world.token)
                yield Rig(client, Hands(driver), database)
            driver.close()


async def test_message_with_buttons_is_delivered_while_the_gateway_is_closed(
    rig: Rig,
) -> None:
    await rig.hands.gateway("stop")
    receipt = await rig.transport.deliver(
        outgoing(payload={"title": "Hello", "body": "@everyone hi", "button": "Played"})
    )
    (line,) = await rig.hands.transcript("general")
    assert receipt == {"message_id": int(line["message_id"]), "channel_id": GENERAL}
    assert line["embeds"][0]["title"] == "Hello"
    assert "Played" in str(line["components"])


async def test_only_the_mentioned_member_is_pinged(rig: Rig) -> None:
    mia, leo = BY_HANDLE["mia"].discord_id, BY_HANDLE["leo"].discord_id

    async def pinged(**payload: Any) -> list[int]:
        told = {"title": "Hello", "body": f"@everyone <@{leo}>", **payload}
        receipt = await rig.transport.deliver(outgoing(id=len(payload), payload=told))
        channel = rig.client.get_partial_messageable(GENERAL)
        message = await channel.fetch_message(receipt["message_id"])
        assert not message.mention_everyone
        return [user.id for user in message.mentions]

    assert await pinged() == []
    assert await pinged(calls=mia) == [mia]


async def test_edit_changes_the_original_and_removes_buttons(rig: Rig) -> None:
    payload = {"title": "Open", "button": "Played"}
    receipt = await rig.transport.deliver(outgoing(payload=payload))
    keep_receipt(rig.database, receipt)
    edit = outgoing("Played", target={"channel_id": GENERAL, "edits": "original"})
    assert await rig.transport.deliver(edit) == receipt
    (line,) = await rig.hands.transcript("general")
    assert line["embeds"][0]["title"] == "Played"
    assert line["components"] == []


async def test_files_are_sent_and_replaced_by_an_edit(rig: Rig) -> None:
    receipt = await rig.transport.deliver(outgoing(payload={"title": "Open", "file": "one"}))
    keep_receipt(rig.database, receipt)
    channel = rig.client.get_partial_messageable(GENERAL)

    async def shown() -> list[bytes]:
        message = await channel.fetch_message(receipt["message_id"])
        return [await attachment.read() for attachment in message.attachments]

    assert await shown() == [b"one"]
    target = {"channel_id": GENERAL, "edits": "original"}
    await rig.transport.deliver(outgoing(payload={"title": "x", "file": "two"}, target=target))
    assert await shown() == [b"two"]
    await rig.transport.deliver(outgoing(payload={"title": "x"}, target=target))
    assert await shown() == []


async def test_edit_of_a_deleted_message_is_skipped(rig: Rig) -> None:
    receipt = await rig.transport.deliver(outgoing())
    keep_receipt(rig.database, receipt)
    await rig.hands.delete_message(str(receipt["message_id"]))
    edit = outgoing("Played", target={"channel_id": GENERAL, "edits": "original"})
    assert await rig.transport.deliver(edit) == {"skipped": "the original was deleted"}
    assert await rig.titles() == []


async def test_edit_of_an_unsent_message_is_skipped(rig: Rig) -> None:
    edit = outgoing(target={"channel_id": GENERAL, "edits": "original"})
    assert await rig.transport.deliver(edit) == {"skipped": "the original was never posted"}


async def test_deletion_is_idempotent(rig: Rig) -> None:
    receipt = await rig.transport.deliver(outgoing())
    keep_receipt(rig.database, receipt)
    deletion = outgoing(target={"channel_id": GENERAL, "deletes": "original"}, payload={})
    assert await rig.transport.deliver(deletion) == receipt
    assert await rig.titles() == []
    assert await rig.transport.confirm(deletion) is None
    assert await rig.transport.deliver(deletion) == {"skipped": "the original was deleted"}


def keep_receipt(database: Database, receipt: dict[str, Any]) -> None:
    with database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO guilds (guild_id, name) VALUES (%s, 'N') ON CONFLICT DO NOTHING",
            (NORAS_CORNER_ID,),
        )
        act(tx, NORAS_CORNER_ID, post_to_channel, GENERAL, "test.card", "original", {})
        (taken,) = store.claim_due(tx, datetime.now(UTC) + timedelta(seconds=1), 1)
        store.set_sent(tx, taken, datetime.now(UTC), receipt)


# -- refusals -------------------------------------------------------------------------------------


async def test_missing_permission_is_refused_with_a_remedy(rig: Rig) -> None:
    await rig.hands.fault(rest_missing_permission=1)
    with pytest.raises(Refusal) as caught:
        await rig.transport.deliver(outgoing())
    assert "not allowed" in caught.value.what
    assert "Send Messages" in caught.value.remedy


async def test_unknown_channel_is_refused_with_a_remedy(rig: Rig) -> None:
    with pytest.raises(Refusal) as caught:
        await rig.transport.deliver(outgoing(target={"channel_id": 1}))
    assert "was deleted" in caught.value.what
    assert caught.value.remedy


async def test_invalid_message_is_refused(rig: Rig) -> None:
    with pytest.raises(Refusal, match="50035"):
        await rig.transport.deliver(outgoing("x" * 300))


# -- outages and doubts ---------------------------------------------------------------------------


async def test_missing_login_is_an_outage(database: Database) -> None:
    transport = DiscordTransport(lambda: None, database, {"test.card": render}, lambda _t, _g: "en")
    with pytest.raises(Outage, match="not logged in"):
        await transport.deliver(outgoing())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_temporary_discord_error_is_an_outage(status: int) -> None:
    response = cast(Any, SimpleNamespace(status=status, reason="No"))
    error = discord_transport._translated(discord.HTTPException(response, "no"))
    assert isinstance(error, Outage)
    assert error.reason == f"HTTP {status}"


@pytest.mark.parametrize("fault", ["rest_500", "rest_429"])
async def test_discord_timeout_raises_unsure(
    rig: Rig, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_transport, "TIMEOUT_SECONDS", 0.2)
    await rig.hands.fault(rest_429_retry_after=5)
    await rig.hands.fault(**{fault: 9})
    with pytest.raises(Unsure, match="no answer in time"):
        await rig.transport.deliver(outgoing())


async def test_short_rate_limit_is_waited_for(rig: Rig) -> None:
    await rig.hands.fault(rest_429=1)
    await rig.transport.deliver(outgoing())
    assert await rig.titles() == ["Hello"]


async def test_refused_connection_is_an_outage(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:1/api")
    with pytest.raises(Outage, match="no connection"):
        await rig.transport.deliver(outgoing())


async def test_lost_reply_raises_unsure_and_quick_retry_does_not_duplicate(
    rig: Rig,
) -> None:
    await rig.hands.fault(rest_lost_answer=1)
    message = outgoing()
    with pytest.raises(Unsure):
        await rig.transport.deliver(message)
    assert await rig.titles() == ["Hello"]
    assert await rig.transport.confirm(message) is None
    receipt = await rig.transport.deliver(message)
    (line,) = await rig.hands.transcript("general")
    assert receipt["message_id"] == int(line["message_id"])


async def test_identical_messages_are_both_sent(rig: Rig) -> None:
    await rig.transport.deliver(outgoing(id=1))
    await rig.transport.deliver(outgoing(id=2))
    assert await rig.titles() == ["Hello", "Hello"]


# -- after the nonce ------------------------------------------------------------------------------


async def test_channel_is_searched_for_the_message_after_a_minute(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = outgoing()
    receipt = await rig.transport.deliver(message)
    monkeypatch.setattr(discord_transport, "NONCE_LASTS", timedelta(0))
    assert await rig.transport.confirm(message) == receipt


async def test_other_older_and_different_messages_do_not_match(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_transport, "NONCE_LASTS", timedelta(0))
    await rig.hands.message("mia", "general", "Hello")
    await rig.transport.deliver(outgoing("Another"))
    assert await rig.transport.confirm(outgoing()) is None
    await rig.transport.deliver(outgoing())
    later = datetime.now(UTC) + timedelta(seconds=11)
    assert await rig.transport.confirm(outgoing(first_sending_at=later)) is None


async def test_edit_needs_no_confirmation(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_transport, "NONCE_LASTS", timedelta(0))
    edit = outgoing(target={"channel_id": GENERAL, "edits": "original"})
    assert await rig.transport.confirm(edit) is None
