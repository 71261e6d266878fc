"""Which emoji a panel can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.people.panels.rules import read_emoji, same_emoji

HYPE, WAVE = 110_000_000_000_000_190, 110_000_000_000_000_191
OWN = {HYPE: ("hype", f"<:hype:{HYPE}>"), WAVE: ("wave", f"<a:wave:{WAVE}>")}


@pytest.mark.parametrize("typed", ["🔗", " 🎉 ", "❤️", "👩‍👩‍👧‍👦", "👍🏽", "🇸🇪", "☭"])
def test_an_emoji_is_taken_as_it_is(typed: str) -> None:
    assert read_emoji(typed, OWN) == typed.strip()


@pytest.mark.parametrize("typed", [f"<:hype:{HYPE}>", ":hype:", "hype", f" <:renamed:{HYPE}> "])
def test_one_of_the_servers_own_is_found(typed: str) -> None:
    assert read_emoji(typed, OWN) == f"<:hype:{HYPE}>"


def test_one_that_moves_is_written_so() -> None:
    assert read_emoji(":wave:", OWN) == f"<a:wave:{WAVE}>"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "banana", "<:hype:123456789012345678>", "1", "!!", "é", "你好", "🔗 🔗", "🔗" * 21],
)
def test_what_is_none_is_refused(typed: str) -> None:
    assert read_emoji(typed, OWN) is None


@given(st.text(max_size=40))
def test_whatever_is_typed_gives_one_word_or_nothing(typed: str) -> None:
    found = read_emoji(typed, OWN)
    assert found is None or (found == found.strip() != "" and len(found) <= 40)


def test_a_reaction_is_compared_by_id_or_without_its_colour_sign() -> None:
    assert same_emoji(f"<:hype:{HYPE}>", HYPE, "renamed")
    assert not same_emoji(f"<:hype:{HYPE}>", WAVE, "hype")
    assert same_emoji("❤️", None, "❤")
    assert not same_emoji("❤️", None, "💔")
    assert not same_emoji("🔗", HYPE, "🔗")
    assert not same_emoji("🔗", None, None)
