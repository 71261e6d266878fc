"""What people read about tiers."""

from collections.abc import Sequence
from datetime import datetime

import discord

from core.kit.discord_ui import card, safe
from core.kit.words import _
from core.tiers.rules import Found, Reason, Source, Tier


def tier_words(tier: Tier) -> str:
    """A tier's name."""
    return {
        "none": _("No subscription"),
        "subscriber": _("Subscriber"),
        "prime": _("Prime"),
        "1000": _("Tier 1"),
        "2000": _("Tier 2"),
        "3000": _("Tier 3"),
    }[tier]


def source_words(source: Source) -> str:
    """Where it is known from."""
    return {
        "list": _("Twitch's list of subscribers"),
        "badge": _("the badge in chat"),
        "event": _("a subscription or gift"),
        "notice": _("Twitch's notice in chat"),
        "streamelements": "StreamElements",
        "widget": _("the StreamElements widget"),
    }[source]


def reason_words(reason: Reason) -> str:
    """Why it is the answer, or is not."""
    return {
        "used": _("counts"),
        "exact": _("knows the exact tier"),
        "stale": _("too old to count"),
        "older": _("something newer is known"),
        "less_trusted": _("another source is trusted more"),
    }[reason]


def tier(accounts: Sequence[tuple[str, str, Found]]) -> discord.Embed:
    """The tier of each account of a person (platform, name, what was found), source, age, and why
    it is not better."""
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
        _("{tier} by {source}, {when}: {reason}").format(
            tier=tier_words(known.tier),
            source=source_words(known.source),
            when=_ago(known.at),
            reason=reason_words(reason),
        )
        for known, reason in found.why
    ]
    if not lines:
        lines = [
            _("Nothing is known. Subscriptions count from when the bot first receives them."),
            _("If Twitch is connected, its list of subscribers is asked as well."),
        ]
    return "\n".join(f"- {line}" for line in lines)


def _ago(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:R>"
