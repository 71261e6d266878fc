"""How slot calls look and sound, whatever people write."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import discord
import pytest

from core.guilds.channels import Trouble
from core.kick.speech.rules import cut
from core.kit.discord_ui import COLOURS
from core.slot_calls import embeds
from core.slot_calls.actions import Status
from core.slot_calls.rules import MOST_CHARACTERS, Reason
from core.slot_calls.store import Call

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOON_TAG = f"<t:{int(NOON.timestamp())}:R>"

ODD_TEXTS = [
    "😀" * 500,
    "*" * 500,
    "@everyone @here <@123456789012345678> <@&123456789012345678>",
    "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block```",
    "# heading",
    "> quote",
    "[free money](https://example.com)",
    "\u202eright to left\u202c עברית العربية",
    "line\nline\n\nline",
    "{viewer} {0} %s",
    "\\",
    "x",
]

STATUS = Status(
    enabled=True, channel_id=5, trouble=None, cooldown=30, most_open=3, waiting=0, blocked=0
)


def payload(**differs: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "slot": "Book of Dead",
        "viewer": "MadCats",
        "platform": "kick",
        "called_at": NOON.isoformat(),
        "state": "open",
        "closed_by": None,
        "place": 3,
    } | differs


def call(number: int = 7, slot: str = "Book of Dead", viewer: str = "MadCats") -> Call:
    return Call(1001, number, 3, viewer, slot, "kick", NOON, 5, "open", None)


def check_limits(embed: discord.Embed) -> None:
    """https://discord.com/developers/docs/resources/message#embed-object-embed-limits"""
    assert embed.title
    assert len(embed.title) <= 256
    assert len(embed.description or "") <= 4096
    assert len(embed.fields) <= 25
    assert all(len(field.name or "") <= 256 for field in embed.fields)
    assert all(len(field.value or "") <= 1024 for field in embed.fields)
    assert len(embed) <= 6000


def words(embed: discord.Embed) -> str:
    fields = [f"{field.name} {field.value}" for field in embed.fields]
    return "\n".join([embed.title or "", embed.description or "", *fields, embed.footer.text or ""])


# -- the post -----------------------------------------------------------------------------------


async def test_an_open_call_says_what_who_where_when_and_its_place() -> None:
    rendered = embeds.post(payload())
    embed = rendered.embed
    assert embed.title == "🎰 Book of Dead"
    assert embed.description == f"Requested by **MadCats** on Kick · {NOON_TAG}"
    assert embed.footer.text == "Request #7 · number 3 in the queue"
    assert embed.colour is not None
    assert embed.colour.value == COLOURS["kick"]
    view = rendered.view()
    assert view is not None
    assert view.timeout is None, "the buttons work for as long as the post is there"
    assert [item.custom_id for item in view.children if isinstance(item, discord.ui.DynamicItem)]


@pytest.mark.parametrize(
    ("state", "icon", "tone", "ending"),
    [("done", "✅", "success", "Played"), ("skipped", "⏭️", "warning", "Skipped")],
)
def test_a_closed_call_says_how_it_ended_and_by_whom_without_buttons(
    state: str, icon: str, tone: str, ending: str
) -> None:
    closed = payload(state=state, closed_by=900)
    del closed["place"]
    rendered = embeds.post(closed)
    assert rendered.embed.title == f"{icon} Book of Dead"
    assert (rendered.embed.description or "").endswith(f"\n{ending} · <@900>")
    assert rendered.embed.footer.text == "Request #7"
    assert rendered.embed.colour is not None
    assert rendered.embed.colour.value == COLOURS[tone]  # type: ignore[index]
    assert rendered.view() is None


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_whatever_is_written_the_post_fits_and_does_no_harm(text: str) -> None:
    embed = embeds.post(payload(slot=text[:MOST_CHARACTERS], viewer=text, platform="kick")).embed
    check_limits(embed)
    check_harmless(embed, text)


def check_harmless(embed: discord.Embed, text: str) -> None:
    shown = words(embed)
    assert "@everyone" not in shown
    assert "<@123456789012345678>" not in shown
    assert "**bold**" not in shown
    assert "```block```" not in shown
    assert "||spoiler||" not in shown
    if text.startswith("[free"):
        assert "\\[free money]" in shown


def test_right_to_left_names_stay_as_written() -> None:
    embed = embeds.post(payload(slot="כתר הזהב", viewer="משה")).embed
    assert "כתר הזהב" in (embed.title or "")
    assert "**משה**" in (embed.description or "")


# -- in chat ------------------------------------------------------------------------------------


def test_chat_hears_that_a_call_is_on_the_list() -> None:
    line = embeds.taken({"viewer": "MadCats", "slot": "Book of Dead", "place": 3})
    assert line == "@MadCats Book of Dead is in the queue, number 3."


@pytest.mark.parametrize("reason", sorted(set(get_args(Reason)) - {"blocked"}))
def test_every_reason_has_a_sentence(reason: str) -> None:
    line = embeds.declined(
        {"reason": reason, "viewer": "MadCats", "slot": "x", "wait": 12, "most_open": 3}
    )
    assert line.endswith((".", "Dead"))
    assert "{" not in line


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("again", "@MadCats You already requested Book of Dead"),
        ("many", "You have 3 open requests"),
        ("soon", "try again in 12 s"),
        ("nameless", "!call Book of Dead"),
    ],
)
def test_a_reason_is_said_with_its_numbers(reason: str, part: str) -> None:
    said = {"viewer": "MadCats", "slot": "Book of Dead", "wait": 12, "most_open": 3}
    assert part in embeds.declined({"reason": reason, **said})


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_whatever_is_written_a_line_of_chat_fits(text: str) -> None:
    slot = text[:MOST_CHARACTERS]
    taken = embeds.taken({"viewer": "MadCats", "slot": slot, "place": 3})
    said = {"reason": "again", "viewer": "MadCats", "wait": 12, "most_open": 3}
    for line in (taken, embeds.declined({"slot": slot, **said})):
        assert cut(line) == line
        assert slot in line


# -- for admins ---------------------------------------------------------------------------------


def test_the_status_tells_where_how_many_and_which_limits() -> None:
    embed = embeds.status(replace(STATUS, waiting=1234, blocked=2))
    assert embed.title == "🟢 Slot requests are on"
    assert [field.value for field in embed.fields] == [
        "<#5>",
        "1,234",
        "Max 3 open requests per viewer, 30 s cooldown",
    ]
    assert embed.footer.text == "2 viewers are blocked"
    check_limits(embed)


def test_the_status_says_what_to_do_next() -> None:
    assert "`/slotcalls channel`" in words(embeds.status(replace(STATUS, channel_id=None)))
    off = embeds.status(replace(STATUS, enabled=False))
    assert off.title == "⚫ Slot requests are off"
    assert "`/slotcalls on`" in words(off)
    assert "!call <slot>" in words(embeds.status(STATUS))


@pytest.mark.parametrize(
    ("trouble", "part"),
    [
        (Trouble(1, 5, "deleted", (), NOON), "was deleted"),
        (Trouble(1, 5, "forbidden", ("send_messages",), NOON), "Give my role there: Send Messages"),
    ],
)
def test_a_channel_that_cannot_be_used_is_a_warning(trouble: Trouble, part: str) -> None:
    embed = embeds.status(replace(STATUS, trouble=trouble))
    assert embed.title == "⚠️ Slot requests are on"
    assert part in words(embed)


def test_one_blocked_viewer_is_one() -> None:
    assert embeds.status(replace(STATUS, blocked=1)).footer.text == "1 viewer is blocked"
    assert embeds.status(STATUS).footer.text is None


def test_an_empty_list_explains_how_it_fills() -> None:
    embed = embeds.queue([])
    assert embed.title == "🎰 The queue is empty"
    assert "!call <slot>" in words(embed)


def test_the_list_is_shown_in_order() -> None:
    embed = embeds.queue([call(3), call(5, "Razor Shark", "lil_bean")])
    assert embed.title == "🎰 2 requests in the queue"
    assert embed.description == (
        f"`#3` **Book of Dead** · MadCats · {NOON_TAG}\n"
        f"`#5` **Razor Shark** · lil\\_bean · {NOON_TAG}"
    )


def test_a_list_that_does_not_fit_says_how_many_are_left_out() -> None:
    embed = embeds.queue([call(number, "😀" * 80) for number in range(1, 201)])
    check_limits(embed)
    shown = (embed.description or "").split("\n")
    assert shown[-1] == f"… and {200 - (len(shown) - 1)} more"
    assert embed.title == "🎰 200 requests in the queue"


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_whatever_is_written_the_lists_fit_and_do_no_harm(text: str) -> None:
    for embed in (
        embeds.queue([call(slot=text[:MOST_CHARACTERS], viewer=text)] * 30),
        embeds.blocked([text] * 100),
    ):
        check_limits(embed)
        check_harmless(embed, text)


def test_nobody_blocked_says_how_to_block() -> None:
    assert "/slotcalls block" in words(embeds.blocked([]))
    assert embeds.blocked(["MadCats"]).title == "🚫 1 viewer is blocked"
