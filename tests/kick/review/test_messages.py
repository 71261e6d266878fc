"""How missed events look, and the buttons below them."""

import re
from typing import Any

import pytest

from core.kick.review import messages
from core.kick.review.actions import Entry
from core.kick.review.credit import Credited
from core.kick.review.discord import ReviewButton, alert, review_buttons
from core.kick.review.messages import payload
from core.kick.review.records import ReviewItem
from core.kit.discord.buttons import MAX_ROWS
from tests.kick.review.scene import Scene


@pytest.fixture
def listed(scene: Scene) -> dict[str, Any]:
    """One of each kind."""
    drop = tuple(scene.reported_gift("Mia", f"Lucky_{n}", drop="d") for n in range(7))
    seen = (drop, (scene.reported_kicks("Tom", 1500),), (scene.reported_sub("Ann", 13),))
    return payload([entry(number, *each) for number, each in enumerate(seen, 1)])


def entry(number: int, *items: ReviewItem) -> Entry:
    for item in items:
        item.number = number
    return items


def test_each_entry_is_a_line_with_its_number(listed: dict[str, Any]) -> None:
    embed = messages.queue(listed)
    text = str(embed.description)
    assert embed.title == "🔍 3 missed events"
    assert "**#1** **Mia** gifted 7 subscriptions: Lucky" in text
    assert "Lucky\\_4, …" in text
    assert "**#2** **Tom** gave 1,500 Kicks (Rage Quit)" in text
    assert "**#3** **Ann** subscribed, month 13" in text


def test_anonymous_gift_shows_somebody(scene: Scene) -> None:
    embed = messages.queue(payload([entry(1, scene.reported_gift(None, "Tom"))]))
    assert "Somebody gifted 1 subscription: Tom" in str(embed.description)


def duplicates(kind: str, *names: str, giver: str = "Mia") -> dict[str, Any]:
    row = {"number": 4, "kind": kind, "giver": giver, "receivers": list(names)}
    row |= {"count": len(names), "at": "2026-05-01T12:00:00+00:00"}
    return {"events": [row], "count": 1}


def test_gift_sent_twice_is_explained() -> None:
    embed = messages.queue(duplicates("duplicate", "Tom", "**Ann**"))
    text = str(embed.description)
    assert embed.title == "🔍 1 event to review"
    assert "**#4** **Mia** gifted Tom, \\*\\*Ann\\*\\* a subscription" in text
    assert "Counted as gifts only" in text
    assert "realtime feed" not in text
    assert embed.footer.text == "/missed credit <number> · /missed dismiss <number>"


def test_counted_duplicate_offers_undo() -> None:
    embed = messages.queue(duplicates("counted_duplicate", "Tom", giver=""))
    assert "Somebody gifted Tom" in str(embed.description)
    assert "Counted as both" in str(embed.description)
    assert embed.footer.text == "/missed undo <number> · /missed dismiss <number>"


async def test_buttons_match_the_possible_actions() -> None:
    for kind, label in (("duplicate", "Credit #4"), ("counted_duplicate", "Take back #4")):
        view = review_buttons(duplicates(kind, "Tom")["events"])
        shown = [item.item.label for item in view.children if isinstance(item, ReviewButton)]
        assert shown == [label, "Dismiss #4"]


def test_empty_queue_shows_success() -> None:
    assert str(messages.queue(payload([])).title).startswith("✅")


def test_names_are_escaped(scene: Scene) -> None:
    embed = messages.queue(payload([entry(1, scene.reported_gift("@everyone", "**Tom**"))]))
    assert "@everyone" not in str(embed.description)
    assert "\\*\\*Tom" in str(embed.description)


def test_long_queue_is_truncated_with_a_count(scene: Scene) -> None:
    many = [entry(n, scene.reported_gift("Mia", f"Lucky{n}")) for n in range(1, 40)]
    text = str(messages.queue(payload(many)).description)
    assert "… and 29 more" in text


def test_unknown_names_are_listed() -> None:
    assert messages.credited(3, Credited(2, ())).title == "✅ Credited #3"
    partly = messages.credited(3, Credited(1, ("Gone",)))
    assert "Gone" in str(partly.description)
    assert str(partly.title).startswith("⚠️")


async def test_first_entries_have_buttons(listed: dict[str, Any]) -> None:
    view = review_buttons({"number": n, "kind": "gift"} for n in range(1, 20))
    assert len(view.children) == 2 * MAX_ROWS
    assert {item.row for item in view.children} == set(range(MAX_ROWS))
    shown = alert(listed)
    below = shown.view()
    assert below is not None
    assert len(below.children) == 6


async def test_button_is_restored_from_its_custom_id() -> None:
    template = ReviewButton.__discord_ui_compiled_template__
    for act in ("credit", "undo", "dismiss"):
        custom_id = str(ReviewButton(act, 12).custom_id)
        match = re.fullmatch(template, custom_id)
        assert match is not None
        assert (match["act"], int(match["number"])) == (act, 12)
