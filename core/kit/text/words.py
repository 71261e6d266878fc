"""Translations of messages, from English (gettext, catalogues by Babel).

Use `_("...")` where a sentence is built, inside `speak(language)`. Templates use `{% trans %}`.
"""

import gettext
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALE_DIR = Path(__file__).parents[2] / "locale"
SOURCE_LANGUAGE = "en"

_language: ContextVar[str] = ContextVar("language", default=SOURCE_LANGUAGE)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("regulars", LOCALE_DIR, [language], fallback=True)


@cache
def languages() -> tuple[str, ...]:
    """English, and every language with a catalogue."""
    found = {path.parent.parent.name for path in LOCALE_DIR.glob("*/LC_MESSAGES/regulars.mo")}
    return tuple(sorted({SOURCE_LANGUAGE, *found}))


def _(message: str) -> str:
    """The message in the current language."""
    return _catalogue(_language.get()).gettext(message)


def N_(message: str) -> str:
    """Mark a message that is translated later, where it is shown."""
    return message


def package_title(package: str) -> str:
    """A package as people read it: the `TITLE` of its `__init__.py`, or else its name in words."""
    title: str | None = getattr(sys.modules.get(f"core.{package}"), "TITLE", None)
    return translate(title) if title else package.replace("_", " ").capitalize()


translate = _
"""For messages marked with `N_`."""


def ngettext(singular: str, many: str, count: int) -> str:
    """The form for `count`."""
    return _catalogue(_language.get()).ngettext(singular, many, count)


def plural(singular: str, many: str, count: int) -> str:
    """The form for `count`, with `{count}` filled in, grouped by thousands."""
    return ngettext(singular, many, count).format(count=f"{count:,}")


def gain_and_loss(gain: int, loss: int) -> str:
    """`+5 −3`, without what is zero; `±0` if both are."""
    shown = (f"+{gain:,}" if gain else "", f"−{loss:,}" if loss else "")
    return " ".join(filter(None, shown)) or "±0"


def spoken() -> str:
    """The current language, such as "en"."""
    return _language.get()


@contextmanager
def speak(language: str) -> Iterator[None]:
    """Use this language inside the block; an unknown one falls back to English."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
