"""Embeds of `/apitoken`."""

from collections.abc import Sequence
from typing import Any

import discord

from core.api_tokens.records import ApiToken
from core.kit.discord.ui import ago, card, mention, safe
from core.kit.text.words import _
from core.kit.web.api import Scope


def scope_words(scope: Scope) -> str:
    """A token's permissions, in words."""
    return {"read": _("read only"), "write": _("read and write")}[scope]


def audited_creation(_before: Any, after: Any) -> str:
    return _("created the API token {target} ({scope})").format(
        target="{target}", scope=scope_words(after) if after in ("read", "write") else "–"
    )


def created(name: str, token: str, scope: Scope) -> discord.Embed:
    """The new token."""
    body = _(
        "||`{token}`||\n\nCopy it now: it won't be shown again. Anyone with this token can use "
        "this server's API ({scope}). Send it as `Authorization: Bearer …`."
    )
    return card(
        "🔑 " + _("API token {name} created").format(name=safe(name)),
        body.format(token=token, scope=scope_words(scope)),
        tone="success",
    )


def sent_by_dm() -> discord.Embed:
    """Says that the new token was sent by direct message."""
    return card("🔑 " + _("Check your DMs"), _("I sent you the new API token."), tone="success")


def listed(tokens: Sequence[ApiToken]) -> discord.Embed:
    """All tokens, without the tokens themselves."""
    if not tokens:
        return card("🔑 " + _("No API tokens"), _("Create one with `/apitoken create`."))
    return card("🔑 " + _("API tokens"), "\n".join(map(_line, tokens)))


def _line(token: ApiToken) -> str:
    used = (
        _("last used {ago}").format(ago=ago(token.used_at))
        if token.used_at is not None
        else _("never used")
    )
    by = mention(token.created_by)
    return f"**{safe(token.name)}** · {scope_words(token.scope)} · {by} · {used}"


def revoked(name: str) -> discord.Embed:
    """A token was revoked."""
    return card(
        "🗑️ " + _("API token {name} revoked").format(name=safe(name)),
        _("Programs that use it no longer have access."),
        tone="success",
    )
