"""Parsing of settings: keys, values, and allowed values."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from core.guilds import zones
from core.guilds.settings import choices_of
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting
from core.kit.text.amounts import parse_whole
from core.kit.text.cleaning import clean_lines
from core.kit.text.words import _

Declared = GuildSetting[Any]

MAX_TEXT_CHARACTERS = 1000

_YES = {"on", "yes", "true", "1", "enable", "enabled", "y"}
_NO = {"off", "no", "false", "0", "disable", "disabled", "n"}
_NOTHING = {"none", "nothing", "nobody", "off", "no", "0", "-"}
_EMPTY = {'""', "''", "“”"}
_ID = re.compile(r"<(?:#|@&)(\d{1,19})>|(\d{15,19})", re.ASCII)


def feature_of(declared: Declared) -> str:
    return declared.key.split(".", 1)[0]


def get_declared(text: str, known: Sequence[Declared]) -> Declared:
    """The setting of this key; the part before the dot may be left out if only one key ends so.
    Raises Refusal, which names the nearest keys, if there is none."""
    wanted = _plain(text)
    exact = [declared for declared in known if declared.key == wanted]
    found = exact or [declared for declared in known if _short(declared) == wanted]
    if len(found) == 1:
        return found[0]
    near = near_keys(wanted, known)
    raise Refusal(
        _("There is no such setting"),
        _("Did you mean {near}?").format(near=", ".join(f"`{key}`" for key in near))
        if near
        else _("`/settings list` shows them all."),
    )


def near_keys(text: str, known: Sequence[Declared], maximum: int = 3) -> list[str]:
    """Similar keys, the likeliest first."""
    wanted = _plain(text)
    keys = [declared.key for declared in known]
    holding = [key for key in keys if wanted and wanted in key]
    short = {_short(declared): declared.key for declared in known}
    close = get_close_matches(wanted, keys, n=maximum, cutoff=0.5)
    alike = [short[word] for word in get_close_matches(wanted, short, n=maximum, cutoff=0.6)]
    return list(dict.fromkeys([*holding, *alike, *close]))[:maximum]


def get_feature(text: str, known: Sequence[Declared]) -> str:
    """The feature of this name. Raises Refusal, which lists the others, if it has no settings."""
    wanted = _plain(text)
    features = list(dict.fromkeys(feature_of(declared) for declared in known))
    if wanted in features:
        return wanted
    raise Refusal(
        _("No feature of that name has settings"),
        _("These do: {features}.").format(
            features=", ".join(f"`{feature}`" for feature in features)
        ),
    )


def _plain(text: str) -> str:
    return "_".join(text.split()).strip("`").casefold()


def _short(declared: Declared) -> str:
    return declared.key.split(".", 1)[1]


def parse(declared: Declared, text: str) -> Any:
    """Parse a value, other than of channels and roles.

    Bounds and choices are checked when the value is set. Raises Refusal if the type is wrong.
    """
    text = text.strip()
    word = text.casefold()
    if declared.kind is bool and word in _YES | _NO:
        return word in _YES
    if declared.kind is int:
        try:
            return parse_whole(text)
        except Refusal:
            raise invalid_value(declared) from None
    if declared.kind is not str:
        raise invalid_value(declared)
    if declared.of == "time_zone":
        return zones.find(text) or text
    for choice in choices_of(declared):
        if choice.casefold() == word:
            return choice
    if text in _EMPTY:
        return ""
    kept = clean_lines(text)
    if not kept or len(kept) > MAX_TEXT_CHARACTERS:
        raise invalid_value(declared)
    return kept


def is_nothing(text: str) -> bool:
    """Whether the text means "no channel" or "no role"."""
    return text.strip().casefold() in _NOTHING


def parse_id(text: str) -> int | None:
    """The id in a mention such as `<#123>`, or an id alone."""
    found = _ID.fullmatch(text.strip())
    return int(found[1] or found[2]) if found else None


def invalid_value(declared: Declared) -> Refusal:
    """The refusal of an invalid value, with the allowed values."""
    return Refusal(
        _("Invalid value for this setting"),
        _("Allowed values for `{key}`: {what}.").format(key=declared.key, what=what_fits(declared)),
    )


def what_fits(declared: Declared) -> str:
    """The allowed values, such as `a whole number from 1 to 50`."""
    if declared.kind is bool:
        return _("`on` or `off`")
    if declared.of == "channel":
        return _("a text channel, or `none`")
    if declared.of == "role":
        return _("a role, or `none`")
    if declared.of == "time_zone":
        return _("a time zone, such as `Europe/Stockholm`")
    if declared.kind is int:
        words = {
            (True, True): _("a whole number"),
            (False, True): _("a whole number of at least {minimum}"),
            (True, False): _("a whole number of at most {maximum}"),
            (False, False): _("a whole number from {minimum} to {maximum}"),
        }[declared.minimum is None, declared.maximum is None]
        return words.format(minimum=declared.minimum, maximum=declared.maximum)
    if choices := choices_of(declared):
        return _("one of {choices}").format(choices=", ".join(f"`{word}`" for word in choices))
    return _("text of up to {maximum} characters").format(maximum=MAX_TEXT_CHARACTERS)


def viewer_of(target: str) -> int:
    """The viewer whom an entry of the audit log is about, or 0, which is nobody's id."""
    found = re.fullmatch(r"viewer:(\d{1,18})", target, re.ASCII)
    return int(found[1]) if found else 0
