"""Which emoji a panel can have, and what an admin reads if Discord does not let it be posted."""

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.people.panels.discord import _refusal
from core.people.panels.rules import read_emoji, same_emoji

HYPE, WAVE = 110_000_000_000_000_190, 110_000_000_000_000_191
OWN = {HYPE: ("hype", f"<:hype:{HYPE}>"), WAVE: ("wave", f"<a:wave:{WAVE}>")}


@pytest.mark.parametrize("typed", ["🔗", " 🎉 ", "❤️", "👩‍👩‍👧‍👦", "👍🏽", "🇸🇪", "☭"])
def test_unicode_emoji_is_accepted(typed: str) -> None:
    assert read_emoji(typed, OWN) == typed.strip()


@pytest.mark.parametrize("typed", [f"<:hype:{HYPE}>", ":hype:", "hype", f" <:renamed:{HYPE}> "])
def test_server_emoji_is_found(typed: str) -> None:
    assert read_emoji(typed, OWN) == f"<:hype:{HYPE}>"


def test_animated_emoji_is_written_as_animated() -> None:
    assert read_emoji(":wave:", OWN) == f"<a:wave:{WAVE}>"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "banana", "<:hype:123456789012345678>", "1", "!!", "é", "你好", "🔗 🔗", "🔗" * 21],
)
def test_invalid_emoji_is_rejected(typed: str) -> None:
    assert read_emoji(typed, OWN) is None


@given(st.text(max_size=40))
def test_any_input_gives_one_emoji_or_none(typed: str) -> None:
    found = read_emoji(typed, OWN)
    assert found is None or (found == found.strip() != "" and len(found) <= 40)


def test_reactions_match_by_id_or_without_variation_selector() -> None:
    assert same_emoji(f"<:hype:{HYPE}>", HYPE, "renamed")
    assert not same_emoji(f"<:hype:{HYPE}>", WAVE, "hype")
    assert same_emoji("❤️", None, "❤")
    assert not same_emoji("❤️", None, "💔")
    assert not same_emoji("🔗", HYPE, "🔗")
    assert not same_emoji("🔗", None, None)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (10014, "🔗 is not an emoji that Discord knows"),
        (30003, "as many pinned messages as Discord allows"),
        (50001, "Discord does not let me react or pin here"),
        (50013, "Discord does not let me react or pin here"),
    ],
)
def test_refusal_says_why_a_panel_cannot_be_posted(code: int, answer: str) -> None:
    response = cast(Any, SimpleNamespace(status=400, reason=""))
    refusal = _refusal(discord.HTTPException(response, {"code": code, "message": ""}), "🔗")
    assert answer in str(refusal)


def test_error_that_the_admin_cannot_fix_stays_an_error() -> None:
    response = cast(Any, SimpleNamespace(status=500, reason=""))
    error = discord.HTTPException(response, {"code": 0, "message": ""})
    assert _refusal(error, "🔗") is error
