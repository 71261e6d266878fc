"""The embed of `/tier`, and names of tiers and sources."""

from collections.abc import Sequence
from datetime import datetime

import discord

from core.kit.discord.ui import card, safe
from core.kit.text.words import _
from core.tiers.rules import Found, Reason, Source, Tier


def tier_words(tier: Tier) -> str:
    """The name of a tier."""
    return {
        "none": _("No subscription"),
        "subscriber": _("Subscriber"),
        "prime": _("Prime"),
        "1000": _("Tier 1"),
        "2000": _("Tier 2"),
        "3000": _("Tier 3"),
    }[tier]


def source_words(source: Source) -> str:
    """The name of a source."""
    return {
        "list": _("Twitch's subscriber list"),
        "badge": _("the chat badge"),
        "event": _("a subscription or gift"),
        "notice": _("Twitch's chat notice"),
        "streamelements": "StreamElements",
        "widget": _("the StreamElements widget"),
    }[source]


def reason_words(reason: Reason) -> str:
    """Whether a source was used, and why not."""
    return {
        "used": _("used"),
        "exact": _("has the exact tier"),
        "stale": _("too old"),
        "older": _("there is a newer one"),
        "less_trusted": _("another source has priority"),
    }[reason]


def tier(accounts: Sequence[tuple[str, str, Found]]) -> discord.Embed:
    """The tier of each account (platform, name, result), with the sources."""
    titles = [f"{safe(name)}: {tier_words(found.tier)}" for _platform, name, found in accounts]
    if len(accounts) == 1:
        return card(f"⭐ {titles[0]}", _why(accounts[0][2]))
    parts = [
        f"**{platform.title()} · {title}**\n{_why(found)}"
        for title, (platform, _name, found) in zip(titles, accounts, strict=True)
    ]
    return card("⭐ " + _("Subscriptions"), "\n".join(parts))


def _why(found: Found) -> str:
    lines = [
        _("{tier} from {source}, {when}: {reason}").format(
            tier=tier_words(known.tier),
            source=source_words(known.source),
            when=_ago(known.at),
            reason=reason_words(reason),
        )
        for known, reason in found.why
    ]
    if not lines:
        lines = [
            _("No subscription seen yet."),
            _("If Twitch is connected, the bot also checks its subscriber list."),
        ]
    return "\n".join(f"- {line}" for line in lines)


def _ago(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:R>"
