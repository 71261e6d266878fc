"""Which emoji a panel can have, and which permissions it needs."""

import re
import unicodedata
from collections.abc import Mapping

DEFAULT_EMOJI = "🔗"

NEEDED = (
    "view_channel",
    "send_messages",
    "embed_links",
    "read_message_history",
    "add_reactions",
    "manage_messages",
    "pin_messages",
)
"""Permissions to post, to react, to remove the reactions of others, and to pin."""

MAX_CHARACTERS = 20
"""Maximum characters of an emoji; a family of four with skin tones has eleven."""

_CUSTOM = re.compile(r"<a?:\w{2,32}:(?P<id>\d{15,20})>")
_NAME = re.compile(r":?(?P<name>\w{2,32}):?")
_VARIATION = "\ufe0f"


def read_emoji(typed: str, own: Mapping[int, tuple[str, str]]) -> str | None:
    """The emoji as it is written in a message, or None: it is not an emoji, or belongs to another
    server.

    Args:
        typed: the input, such as `🔗`, `<:hype:123>`, `:hype:` or `hype`.
        own: the server's custom emojis: id -> (name, its form in messages).
    """
    typed = typed.strip()
    custom = _CUSTOM.fullmatch(typed)
    if custom is not None:
        known = own.get(int(custom["id"]))
        return known[1] if known else None
    named = _NAME.fullmatch(typed)
    if named is not None and typed.isascii():
        return next((written for name, written in own.values() if name == named["name"]), None)
    return typed if _may_be_emoji(typed) else None


def _may_be_emoji(typed: str) -> bool:
    """A rough check; Discord decides."""
    if not typed or typed.isascii() or len(typed) > MAX_CHARACTERS:
        return False
    return not any(unicodedata.category(c)[0] in "LZ" for c in typed)


def same_emoji(written: str, emoji_id: int | None, name: str | None) -> bool:
    custom = _CUSTOM.fullmatch(written)
    if custom is not None:
        return emoji_id == int(custom["id"])
    return emoji_id is None and _plain(written) == _plain(name or "")


def _plain(emoji: str) -> str:
    """Without the variation selector, which clients add or drop."""
    return emoji.replace(_VARIATION, "")
