"""The two kinds of expected errors, and the code that finds a log line."""

import re

from core.kit.errors import Outage, Refusal, trouble_code


def test_refusal_text_is_what_happened() -> None:
    assert str(Refusal("That name is taken.", "Choose another one.")) == "That name is taken."


def test_outage_text_names_service_and_reason() -> None:
    assert str(Outage("the database", "timeout")) == "the database is not answering: timeout"
    assert str(Outage("Kick")) == "Kick is not answering"


def test_service_name_is_capitalized_only_at_the_first_letter() -> None:
    assert Outage("the database").who == "The database"
    assert Outage("StreamElements").who == "StreamElements"


def test_trouble_codes_are_short_unique_and_unambiguous() -> None:
    codes = {trouble_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch(r"RG-[2-9A-HJ-NP-Z]{6}", code) for code in codes)
    assert not any(set(code[3:]) & set("01IO") for code in codes)
