"""Embeds and chat replies, whatever people type."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import discord
import pytest

from core.guilds.records import ChannelTrouble, TroubleReason
from core.kit.database.records import ChannelId, ViewerId
from core.kit.discord.ui import COLOURS, Tone
from core.outbox.chat import cut
from core.people.names import Names
from core.slot_calls import messages
from core.slot_calls.actions import Status
from core.slot_calls.discord import render_post
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import MAX_SLOT_LENGTH, NAMES, Reason, SlotCallSettings
from tests.embeds import ODD_TEXTS, check_harmless, check_limits, text_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOON_TAG = f"<t:{int(NOON.timestamp())}:R>"


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "slot": "Book of Dead",
        "viewer": "MadCats",
        "platform": "kick",
        "called_at": NOON.isoformat(),
        "state": "open",
        "closed_by": None,
    } | changes


def queue(calls: Sequence[SlotCall], number: int, pages: int) -> discord.Embed:
    for at, one in enumerate(calls):
        one.viewer_id = ViewerId(at + 1)
    names = {int(call.viewer_id): call.viewer_name for call in calls}
    return messages.queue(calls, number, pages, NAMES, Names(names, {}))


def call(number: int = 7, slot: str = "Book of Dead", viewer: str = "MadCats") -> SlotCall:
    call = SlotCall(
        number=number,
        viewer_id=ViewerId(3),
        slot=slot,
        platform="kick",
        message_id="m",
        called_at=NOON,
        channel_id=ChannelId(5),
    )
    call.viewer_name = viewer
    return call


def channel_trouble(reason: TroubleReason, *missing: str) -> ChannelTrouble:
    return ChannelTrouble(channel_id=ChannelId(5), reason=reason, missing=list(missing), since=NOON)


def status(
    *,
    open: int = 0,
    blocked: int = 0,
    trouble: ChannelTrouble | None = None,
    primary: str | None = None,
    **settings: Any,
) -> discord.Embed:
    chosen = SlotCallSettings(**{"channel": 5} | settings)
    return messages.status(Status(chosen, open, blocked, trouble, NAMES, primary))


# -- the post -------------------------------------------------------------------------------------


async def test_open_call_is_rendered() -> None:
    rendered = render_post(payload())
    embed, view = rendered.embed, rendered.view()
    assert embed.title == "🎰 Book of Dead"
    assert embed.description == f"Requested by **MadCats** on Kick · {NOON_TAG}"
    assert embed.footer.text == "Request #7"
    assert embed.colour is not None
    assert embed.colour.value == COLOURS["kick"]
    assert view is not None
    assert view.is_persistent()


@pytest.mark.parametrize(
    ("state", "icon", "tone", "ending"),
    [("done", "✅", "success", "Played"), ("skipped", "⏭️", "warning", "Skipped")],
)
def test_closed_call_is_rendered(state: str, icon: str, tone: Tone, ending: str) -> None:
    rendered = render_post(payload(state=state, closed_by=900))
    assert rendered.embed.title == f"{icon} Book of Dead"
    assert (rendered.embed.description or "").endswith(f"\n{ending} · <@900>")
    assert rendered.embed.footer.text == "Request #7"
    assert rendered.embed.colour is not None
    assert rendered.embed.colour.value == COLOURS[tone]
    assert rendered.view() is None


def test_right_to_left_names_stay_as_typed() -> None:
    embed = messages.post(payload(slot="כתר הזהב", viewer="משה"))
    assert "כתר הזהב" in (embed.title or "")
    assert "**משה**" in (embed.description or "")


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_embeds_fit_and_escape_any_text(text: str) -> None:
    for embed in (
        messages.post(payload(slot=text[:MAX_SLOT_LENGTH], viewer=text)),
        queue([call(slot=text[:MAX_SLOT_LENGTH], viewer=text)] * 30, 1, 3),
    ):
        check_limits(embed)
        check_harmless(embed, text)


# -- chat -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "reply"),
    [
        ("off", "Slot requests are closed right now."),
        ("no_channel", "Slot requests are not set up yet. A moderator can choose the channel."),
        (
            "no_access",
            "Slot requests are not available right now. The moderators have been notified.",
        ),
        ("no_name", "@MadCats Which slot? For example: !call Book of Dead"),
        ("too_long", "@MadCats That slot name is too long. Please shorten it."),
        ("duplicate", "@MadCats You already requested Razor Shark."),
        ("limit", "@MadCats You have 3 open requests. Wait until one is played."),
        ("cooldown", "@MadCats Cooldown: try again in 12 s."),
        ("closed", "Not taking new requests. Requests in the queue will still be played."),
        ("full", "The queue is full right now. Try again later."),
        ("not_linked", "@MadCats Link your account in Discord first: /link"),
        ("link", "@MadCats Please enter the slot's name, without a link."),
        ("banned", "@MadCats Razor Shark can't be requested here."),
        ("unknown", "@MadCats I don't know Razor Shark. Please enter its full name."),
        ("requested", "@MadCats Razor Shark is already in the queue."),
    ],
)
def test_every_rejection_has_a_reply(reason: str, reply: str) -> None:
    data = {"reason": reason, "viewer": "MadCats", "slot": "Razor Shark", "max_open": 3, "wait": 12}
    data["command"] = "call"
    assert messages.rejected(data) == reply
    assert reason in get_args(Reason)


def test_rejections_say_what_was_read_and_count_in_words() -> None:
    data = {"viewer": "MadCats", "slot": "Mental 7", "meant": "Mental", "max_open": 1, "wait": 1}
    read = messages.rejected(data | {"reason": "banned"})
    assert read == "@MadCats Mental 7 looks like Mental, which is banned here."
    limit = messages.rejected(data | {"reason": "limit"})
    assert limit == "@MadCats You have 1 open request. Wait until it is played."


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_chat_replies_fit_for_any_text(text: str) -> None:
    slot = text[:MAX_SLOT_LENGTH]
    data = {"viewer": "MadCats", "slot": slot, "position": 3, "reason": "duplicate"}
    for reply in (messages.accepted(data), messages.rejected(data)):
        assert cut(reply) == reply
        assert slot in reply


# -- moderators -----------------------------------------------------------------------------------


def test_status_shows_channel_queue_and_limits() -> None:
    embed = status(open=1234, blocked=2)
    assert embed.title == "🟢 Slot requests are on"
    assert {field.name: field.value for field in embed.fields} == {
        "Channel": "<#5>",
        "Cooldown": "30 s",
        "Open requests per viewer": "3",
        "Queue limit": "no limit",
        "In the queue": "1,234",
    }
    assert embed.footer.text == "2 viewers are blocked"
    changed = status(unique=True, replies=False, max_queue=50)
    shown = {field.name: field.value for field in changed.fields}
    assert (shown["Each slot once"], shown["Reply in chat"], shown["Queue limit"]) == (
        *("on", "off"),
        "50",
    )
    assert status(blocked=1).footer.text == "1 viewer is blocked"
    assert status().footer.text is None


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"channel": 0}, "`/slotcalls channel`"),
        ({"enabled": False}, "`/slotcalls on`"),
        ({"closed": True}, "`/slotcalls open`"),
        ({}, "!call <slot>"),
    ],
)
def test_status_says_what_to_do_next(settings: dict[str, Any], hint: str) -> None:
    assert hint in text_of(status(**settings))


@pytest.mark.parametrize(
    ("trouble", "part"),
    [
        (channel_trouble("deleted"), "was deleted"),
        (
            channel_trouble("forbidden", "send_messages"),
            "Give my role these permissions there: Send Messages",
        ),
    ],
)
def test_channel_that_cannot_be_used_is_a_warning(trouble: ChannelTrouble, part: str) -> None:
    embed = status(trouble=trouble)
    assert embed.title == "⚠️ Slot requests are on"
    assert part in text_of(embed)


def test_secondary_server_names_the_primary_one() -> None:
    assert "**Vera's Den**, the primary server" in text_of(status(primary="Vera's Den"))


def test_queue_is_shown_in_order() -> None:
    embed = queue([call(3), call(5, "Razor Shark", "lil_bean")], 1, 1)
    assert embed.title == "🎰 2 requests in the queue"
    assert embed.description == (
        f"`#3` **Book of Dead** · MadCats · {NOON_TAG}\n"
        f"`#5` **Razor Shark** · lil\\_bean · {NOON_TAG}"
    )


def test_long_queue_has_pages() -> None:
    calls = [call(number, "😀" * 80) for number in range(1, 26)]
    embed = queue(calls, 3, 3)
    check_limits(embed)
    assert embed.title == "🎰 25 requests in the queue"
    shown = (embed.description or "").split("\n")
    assert [line.split("`")[1] for line in shown] == [f"#{number}" for number in range(21, 26)]
    assert embed.footer.text == "Page 3 of 3"


def test_panel_says_what_viewers_can_do() -> None:
    row = {"number": 3, "slot": "Book of Dead", "viewer": "MadCats"}
    rows = [row | {"called_at": NOON.isoformat()}]
    for state, part in (("open", "!call"), ("closed", "Closed"), ("off", "are off")):
        embed = messages.panel({"rows": rows, "waiting": 12, "state": state, "command": "call"})
        assert embed.title == "🎰 12 requests in the queue"
        assert "Book of Dead" in str(embed.description)
        assert part in str(embed.footer.text)


def test_empty_lists_say_how_they_fill() -> None:
    assert "!call <slot>" in text_of(queue([], 1, 1))
