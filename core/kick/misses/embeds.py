"""How suspected misses look in Discord."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.kick.misses.credit import Credited
from core.kit.clock import parse_instant
from core.kit.discord_ui import ago, card, lines, safe
from core.kit.words import _, plural

NAMED = 5
"""Names shown of a drop."""


def listing(payload: Mapping[str, Any]) -> discord.Embed:
    """What is open, for `/missed list`."""
    if not payload["count"]:
        return card(
            "✅ " + _("Nothing is missing"),
            _("Everything that Kick's realtime feed saw was told by webhook, too."),
            tone="success",
        )
    return _card(payload)


def alarm(payload: Mapping[str, Any]) -> discord.Embed:
    """Said to the admins when something new is missing."""
    return _card(payload)


def _card(payload: Mapping[str, Any]) -> discord.Embed:
    title = plural("{count} suspected miss", "{count} suspected misses", payload["count"])
    rows = [_row(miss) for miss in payload["misses"]]
    hidden = payload["count"] - len(rows)
    if hidden > 0:
        rows.append(_("… and {count} more").format(count=hidden))
    why = _(
        "Kick's realtime feed showed this, and no webhook came. "
        "Credit what really happened: it then counts like everything else, once."
    )
    how = _("/missed credit <number> · /missed dismiss <number>")
    return card("🔍 " + title, why + "\n\n" + lines(rows, 3500), tone="warning", footer=how)


def _row(miss: Mapping[str, Any]) -> str:
    when = ago(parse_instant(miss["at"]))
    return f"**#{miss['number']}** {_what(miss)} · {when}"


def _what(miss: Mapping[str, Any]) -> str:
    if miss["kind"] == "kicks":
        return _("{giver} gave {amount} Kicks ({gift})").format(
            giver=_person(miss["giver"]), amount=f"{miss['amount']:,}", gift=safe(miss["gift_name"])
        )
    if miss["kind"] == "sub":
        return _("{name} subscribed, month {months}").format(
            name=_person(miss["receivers"][0]), months=miss["amount"]
        )
    return _("{giver} gave {count}: {names}").format(
        giver=_person(miss["giver"]),
        count=plural("{count} subscription", "{count} subscriptions", miss["count"]),
        names=_names(miss["receivers"], miss["count"]),
    )


def _person(name: str) -> str:
    return f"**{safe(name, 50)}**" if name else _("Somebody")


def _names(names: Sequence[str], count: int) -> str:
    shown = ", ".join(safe(name, 50) for name in names[:NAMED])
    return shown + (", …" if count > min(len(names), NAMED) else "")


def credited(number: int, result: Credited) -> discord.Embed:
    """After crediting."""
    title = _("Number {number} is credited").format(number=number)
    body = plural("{count} is counted now.", "{count} are counted now.", result.count)
    if not result.unknown:
        return card("✅ " + title, body, tone="success")
    body += "\n" + _("Kick knows nobody called {names}: these are still open.").format(
        names=", ".join(safe(name, 50) for name in result.unknown)
    )
    return card("⚠️ " + title, body, tone="warning")


def dismissed(number: int) -> discord.Embed:
    """After dismissing."""
    return card(
        "✅ " + _("Number {number} is dismissed").format(number=number),
        _("It was not counted. Should its webhook come after all, that counts."),
        tone="success",
    )
