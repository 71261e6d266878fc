"""Words shown to people pass through here, English being the source (gettext, catalogues by Babel).

Use `_("...")` where a sentence is made and `speak(language)` around the making of it. Templates
have Jinja's own `{% trans %}`, which `core.kit.web` ties to `_` and `ngettext` here.
"""

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALE_DIR = Path(__file__).parent.parent / "locale"
SOURCE_LANGUAGE = "en"

_language: ContextVar[str] = ContextVar("language", default=SOURCE_LANGUAGE)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("regulars", LOCALE_DIR, [language], fallback=True)


@cache
def languages() -> tuple[str, ...]:
    """What can be spoken: English, and what there is a catalogue for."""
    found = {path.parent.parent.name for path in LOCALE_DIR.glob("*/LC_MESSAGES/regulars.mo")}
    return tuple(sorted({SOURCE_LANGUAGE, *found}))


def _(message: str) -> str:
    """The message in the language being spoken."""
    return _catalogue(_language.get()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The form for `count`, as the catalogue has it."""
    return _catalogue(_language.get()).ngettext(one, many, count)


def plural(one: str, many: str, count: int) -> str:
    """The form for `count`, with `{count}` filled in, grouped by thousands."""
    return ngettext(one, many, count).format(count=f"{count:,}")


def spoken() -> str:
    """The language being spoken, such as "en"."""
    return _language.get()


@contextmanager
def speak(language: str) -> Iterator[None]:
    """Speak this language inside the block; an unknown one falls back to English."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)
