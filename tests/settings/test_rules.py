"""How keys and values are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.features import load_features
from core.guilds.settings import require_fitting
from core.kit.errors import Refusal
from core.settings.rules import (
    MAX_TEXT_CHARACTERS,
    get_declared,
    get_feature,
    is_nothing,
    near_keys,
    parse,
    parse_id,
    what_fits,
)
from tests.settings.rig import (
    COLOUR,
    COUNT,
    ENABLED,
    GREETING,
    KNOWN,
    LANGUAGE,
    LEAST,
    SECONDS,
    ZONE,
)

# -- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["game.seconds", "GAME.Seconds", " game.seconds ", "`game.seconds`", "seconds"]
)
def test_setting_is_found_by_key(text: str) -> None:
    assert get_declared(text, KNOWN) is SECONDS


def test_spaces_match_underscores() -> None:
    assert get_declared("game.least players", KNOWN) is LEAST


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("game.secnds", "game.seconds"),
        ("greting", "game.greeting"),
        ("clock.", "clock.zone"),
        ("time.zone", "clock.zone"),
    ],
)
def test_unknown_key_suggests_the_nearest(text: str, named: str) -> None:
    with pytest.raises(Refusal, match="no such setting") as refused:
        get_declared(text, KNOWN)
    assert named in refused.value.remedy


@pytest.mark.parametrize("text", ["", "🎰", "x" * 500])
def test_nonsense_key_suggests_the_list(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        get_declared(text, KNOWN)
    assert refused.value.remedy == "`/settings list` shows them all."


def test_ambiguous_last_part_lists_both_keys() -> None:
    twice = (*KNOWN, type(SECONDS)("clock.seconds", int, 1, "Twice."))
    with pytest.raises(Refusal) as refused:
        get_declared("seconds", twice)
    assert "`game.seconds`, `clock.seconds`" in refused.value.remedy


@given(st.text(max_size=40), st.integers(1, 25))
def test_similar_keys_are_unique_and_limited(text: str, maximum: int) -> None:
    near = near_keys(text, KNOWN, maximum)
    assert len(near) <= maximum
    assert len(set(near)) == len(near)
    assert set(near) <= {declared.key for declared in KNOWN}


def test_feature_is_found_by_name() -> None:
    assert get_feature(" Game ", KNOWN) == "game"
    with pytest.raises(Refusal) as refused:
        get_feature("raffle", KNOWN)
    assert refused.value.remedy == "These do: `game`, `clock`."


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        *((ENABLED, word, True) for word in ("on", "ON", " yes ", "true", "1", "enabled")),
        *((ENABLED, word, False) for word in ("off", "No", "false", "0", "disable")),
        (SECONDS, "45", 45),
        (SECONDS, " +45 ", 45),
        (SECONDS, "1,200", 1200),
        (COUNT, "-3", -3),
        (COUNT, "999,999,999,999", 999_999_999_999),
        (SECONDS, "٣", 3),
        (COLOUR, "GREEN", "green"),
        (COLOUR, " Dark Blue ", "dark blue"),
        (LANGUAGE, "EN", "en"),
        (ZONE, "stockholm", "Europe/Stockholm"),
        (ZONE, "America/New York", "America/New_York"),
        (GREETING, "  Hi, *you* 🎰 <@1>  ", "Hi, *you* 🎰 <@1>"),
        (GREETING, "two\nlines", "two\nlines"),
        (GREETING, "a\0b\x07c\ud800d", "abcd"),
        (GREETING, "👨‍👩‍👧", "👨‍👩‍👧"),
        (GREETING, '""', ""),
        (GREETING, "x" * MAX_TEXT_CHARACTERS, "x" * MAX_TEXT_CHARACTERS),
    ],
)
def test_valid_text_is_parsed(declared: Any, text: str, value: object) -> None:
    parsed = parse(declared, text)
    assert (parsed, type(parsed)) == (value, type(value))
    require_fitting(declared, parsed)


@pytest.mark.parametrize(
    ("declared", "text", "fits"),
    [
        (ENABLED, "maybe", "Allowed values for `game.enabled`: `on` or `off`."),
        (ENABLED, "", "`on` or `off`"),
        (SECONDS, "many", "a whole number from 1 to 3600"),
        (SECONDS, "4.5", "a whole number"),
        (SECONDS, "1,2", "a whole number"),
        (LEAST, "", "a whole number of at least 1"),
        (COUNT, "9" * 16, "a whole number"),
        (GREETING, " ", "text of up to 1000 characters"),
        (GREETING, "x" * (MAX_TEXT_CHARACTERS + 1), "text of up to 1000 characters"),
    ],
)
def test_text_of_another_type_is_rejected_with_advice(declared: Any, text: str, fits: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(declared, text)
    assert fits in refused.value.remedy


@pytest.mark.parametrize(
    ("declared", "text"),
    [(SECONDS, "0"), (SECONDS, "3601"), (COLOUR, "red"), (ZONE, "Atlantis"), (LANGUAGE, "tlh")],
)
def test_parsed_value_out_of_bounds_is_rejected(declared: Any, text: str) -> None:
    with pytest.raises(Refusal):
        require_fitting(declared, parse(declared, text))


@given(st.sampled_from([ENABLED, SECONDS, COUNT, GREETING, COLOUR, ZONE]), st.text(max_size=60))
def test_any_text_is_parsed_to_its_type_or_rejected(declared: Any, text: str) -> None:
    try:
        value = parse(declared, text)
        require_fitting(declared, value)
    except Refusal:
        return
    assert type(value) is declared.kind
    if isinstance(value, str):
        assert "\0" not in value
        value.encode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<#123>", 123),
        ("<@&456>", 456),
        (" <#123> ", 123),
        ("123456789012345678", 123_456_789_012_345_678),
        ("123", None),  # the name of a channel rather
        ("<@123>", None),
        ("<#>", None),
        ("<#123> <#456>", None),
        ("<#" + "9" * 20 + ">", None),
        ("general", None),
    ],
)
def test_ids_are_parsed_from_mentions(text: str, found: int | None) -> None:
    assert parse_id(text) == found


def test_none_has_several_spellings() -> None:
    assert all(is_nothing(word) for word in ("none", "None ", "off", "0", "-"))
    assert not any(is_nothing(word) for word in ("", "general", "none of them"))


# -- what the features declare ---------------------------------------------------------------------

DECLARED = [setting for feature in load_features() for setting in feature.settings]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.key)
def test_default_is_valid(declared: Any) -> None:
    assert type(declared.default) is declared.kind
    require_fitting(declared, declared.default)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.key)
def test_every_setting_can_be_shown_and_typed(declared: Any) -> None:
    assert what_fits(declared)
    assert len(declared.key) <= 60
    assert declared.help.endswith(".")
    assert len(declared.help) <= 250
    assert get_declared(declared.key, DECLARED) is declared
    if declared.of in ("channel", "role"):
        assert (declared.kind, declared.default) == (int, 0)
    else:
        parse(declared, str(declared.default) or '""')
