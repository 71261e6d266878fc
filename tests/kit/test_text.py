"""Text that people type, cleaned once."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.text.cleaning import (
    MAX_MARKS,
    clean,
    clean_lines,
    escape_links,
    fold,
    has_link,
    unquoted,
    without_links,
)

FORBIDDEN = (
    *"\0\x07\x1b\x7f\u00ad\u034f\u061c\u115f\u1160\u3164\uffa0\u2800\u180e\ufeff\ufffc\ufffd\ud83d",
    *map(chr, range(0x200B, 0x200D)),
    *map(chr, (*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))),
    *map(chr, (0xE0000, 0xE0001, 0xE0041, 0xE0100, 0xFE00)),
)
EMOJI = ("👩‍❤️‍💋‍👨", "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "🇩🇪", "1️⃣", "☀️", "🕵🏿‍♀️", "❤️‍🔥")


@pytest.mark.parametrize("char", FORBIDDEN, ids=lambda char: f"U+{ord(char):04X}")
def test_what_cannot_be_seen_is_removed(char: str) -> None:
    assert clean(char) == ""
    assert clean(f"{char}Book{char} of{char}{char}Dead{char}") == "Book ofDead"
    assert clean_lines(f"a{char}\tb\n{char}c") == "a\tb\nc"


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("  two\u00a0\u3000 spaces\t and\r\nlines\u2028\u2029 ", "two spaces and lines"),
        ("e\u0301te\u0301", "été"),
        ("\u202eevil\u202c name", "evil name"),
        ("1\u202f234\u2009567 gold", "1\u00a0234\u00a0567 gold"),
        ("@x1\u00a0100", "@x1 100"),
        ("Z\u0351\u0352\u0353\u0354\u0355\u0356algo", "Z\u0353\u0354\u0355algo"),
        ("\u0301\u0301 \u0301", ""),
        ("\U0001f468\u200b\u200d\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("a\u200d\ufe0fb\U000e0067", "ab"),
        *((emoji, emoji) for emoji in EMOJI),
    ],
)
def test_text_is_cleaned(typed: str, cleaned: str) -> None:
    assert clean(typed) == cleaned


def test_lines_and_tabs_stay_where_they_are_wanted() -> None:
    assert clean_lines("name\t\tpoints\r\nMad\u200bCats\t\t5\n") == "name\t\tpoints\nMadCats\t\t5\n"


pieces = st.sampled_from(
    (*FORBIDDEN, *EMOJI, *"\u200d\ufe0f\u20e3\u0301\u0323\u0338↔#1 \u00a0\u202f\n")
)


@given(st.lists(pieces | st.text(max_size=3), max_size=30).map("".join))
def test_cleaning_again_changes_nothing(typed: str) -> None:
    for cleaned, function in ((clean(typed), clean), (clean_lines(typed), clean_lines)):
        assert function(cleaned) == cleaned
        assert unicodedata.is_normalized("NFC", cleaned)
        bare = re.sub("|".join(map(re.escape, EMOJI)), "", cleaned)
        assert not set(FORBIDDEN) & set(bare)
        marks = re.compile(f"[\u0300-\u036f]{{{MAX_MARKS + 1}}}")
        assert not marks.search(cleaned)
        cleaned.encode()


@given(st.text())
def test_folding_again_changes_nothing(typed: str) -> None:
    assert fold(fold(typed)) == fold(typed)


@pytest.mark.parametrize("typed", ["JOIN", "Joın", "JOİN", "ｊｏｉｎ", "𝐉𝐨𝐢𝐧"])
def test_cases_and_compatible_letters_are_the_same(typed: str) -> None:
    assert fold(typed) == "join"


# -- links and quotes -----------------------------------------------------------------------------

LINKS = (
    "https://evil.example/x.html",
    "HTTP://EVIL.EXAMPLE",
    "steam://run/1",
    "www.evil.example",
    "evil.com",
    "try evil.bet/now",
    "discord.gg/abc",
    "t.co/x",
    "me@evil.com",
    "x.evil.co.uk.",
    "evil.example/path",
)


@pytest.mark.parametrize("text", LINKS)
def test_links_are_found_and_taken_apart(text: str) -> None:
    assert has_link(text)
    apart = without_links(text)
    assert apart.replace(" ", "") == text.replace(" ", "")
    assert not has_link(apart)
    assert escape_links(text).replace("\\", "") == text
    assert not has_link(escape_links(text))


@pytest.mark.parametrize("text", ["ｅｖｉｌ．ｃｏｍ", "evil。com"])
def test_links_in_other_letters_are_found(text: str) -> None:
    assert has_link(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Dr. Evil", "Mr.Null", "Gonzo's Quest", "0.40€", "1.234,50 eur", "Book of Ra 6.0"),
        *("Tombstone R.I.P.", "and...then", "Hop'n'Pop", "1.2.3.4", "Pirots.4", "50/50", "a: b"),
    ],
)
def test_names_and_amounts_are_no_links(text: str) -> None:
    assert not has_link(text)
    assert without_links(text) == escape_links(text) == text


@given(st.text("ab.-:/\\'\" w", max_size=300))
def test_no_text_takes_long(text: str) -> None:
    """Catastrophic backtracking would."""
    long = text * 30
    assert not has_link(without_links(long))
    unquoted(f"'{long}")


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ('"Friday hunt"', "Friday hunt"),
        ("“Friday hunt”", "Friday hunt"),
        ("„Friday hunt“", "Friday hunt"),
        ("”Friday hunt”", "Friday hunt"),
        ('“Friday hunt"', "Friday hunt"),
        ("«Friday hunt»", "Friday hunt"),
        ("»Friday hunt«", "Friday hunt"),
        ("‘Gonzo’s Quest’", "Gonzo’s Quest"),
        ("「Friday」", "Friday"),
        (r'"a \"b\" c"', 'a "b" c'),
        ('"a" and "b"', '"a" and "b"'),
        ('12" single', '12" single'),
        ("’til dawn", "’til dawn"),
        ('"', '"'),
        ('""', ""),
    ],
)
def test_quotes_around_all_of_it_are_taken_off(typed: str, text: str) -> None:
    assert unquoted(typed) == text
