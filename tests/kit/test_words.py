"""Words in the language being spoken."""

import asyncio
import gettext
from collections.abc import Iterator
from typing import Any

import pytest

from core.kit.text import words
from core.kit.text.words import _, plural, speak


class Shouting(gettext.NullTranslations):
    """A language of capitals."""

    def gettext(self, message: str) -> str:
        return message.upper()

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return (msgid1 if n == 1 else msgid2).upper().replace("{COUNT}", "{count}")


@pytest.fixture(autouse=True)
def shouting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another language than English is known: `xx`."""
    real = gettext.translation

    def find(domain: str, folder: Any, languages: list[str], fallback: bool) -> Any:
        if languages == ["xx"]:
            return Shouting()
        return real(domain, folder, languages, fallback=fallback)

    monkeypatch.setattr(gettext, "translation", find)
    words._catalogue.cache_clear()
    yield
    words._catalogue.cache_clear()


def test_english_is_the_default_language() -> None:
    assert _("Nobody yet") == "Nobody yet"


def test_language_applies_inside_the_block_only() -> None:
    with speak("xx"):
        assert _("Nobody yet") == "NOBODY YET"
        with speak("en"):
            assert _("Nobody yet") == "Nobody yet"
        assert _("Nobody yet") == "NOBODY YET"
    assert _("Nobody yet") == "Nobody yet"


def test_language_is_restored_after_an_error() -> None:
    with pytest.raises(RuntimeError), speak("xx"):
        raise RuntimeError
    assert _("Hello") == "Hello"


@pytest.mark.parametrize("language", ["tlh", "", "../../etc/passwd", "de_AT.UTF-8"])
def test_unknown_language_falls_back_to_english(language: str) -> None:
    with speak(language):
        assert _("Hello") == "Hello"


async def test_concurrent_tasks_use_their_own_languages() -> None:
    async def say(language: str) -> str:
        with speak(language):
            await asyncio.sleep(0.001)
            return _("Hello")

    said = list(await asyncio.gather(say("xx"), say("en"), say("xx")))
    assert said == ["HELLO", "Hello", "HELLO"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1_234_567, "1,234,567 calls")],
)
def test_plural_forms_and_thousands_separators_are_used(count: int, text: str) -> None:
    assert plural("{count} call", "{count} calls", count) == text


def test_plurals_are_translated() -> None:
    with speak("xx"):
        assert plural("{count} call", "{count} calls", 2) == "2 CALLS"
