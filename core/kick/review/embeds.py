"""The embeds of the review queue."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import discord

from core.kick.review.credit import Credited
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
            _("Webhooks and realtime feed match."),
            tone="success",
        )
    return _card(payload)


def alarm(payload: Mapping[str, Any]) -> discord.Embed:
    """The alert for admins about new entries."""
    return _card(payload)


_DUPLICATES = ("duplicate", "counted_duplicate")


def _card(payload: Mapping[str, Any]) -> discord.Embed:
    kinds = {missed["kind"] for missed in payload["events"]}
    rows = [_row(missed) for missed in payload["events"]]
    hidden = payload["count"] - len(rows)
    if hidden > 0:
        rows.append(_("… and {count} more").format(count=hidden))
    body = "\n".join(_reasons(kinds)) + "\n\n" + lines(rows, 3500)
    return card("🔍 " + _title(kinds, payload["count"]), body, tone="warning", footer=_how(kinds))


def _title(kinds: Set[str], count: int) -> str:
    if kinds.isdisjoint(_DUPLICATES):
        return plural("{count} missed event", "{count} missed events", count)
    return plural("{count} event to review", "{count} events to review", count)


def _reasons(kinds: Set[str]) -> list[str]:
    reasons = []
    if not kinds <= set(_DUPLICATES):
        reasons.append(
            _(
                "Kick's realtime feed showed this, but no webhook came. "
                "Credit what really happened: it then counts like any other event, once."
            )
        )
    if not kinds.isdisjoint(_DUPLICATES):
        reasons.append(
            _(
                "A gift and a new subscription of the same viewer at the same time are most "
                "likely one gift that Kick sent twice. Unless they really bought one as well, "
                "count it as a gift only."
            )
        )
    return reasons


def _how(kinds: Set[str]) -> str:
    commands = [_("/missed dismiss <number>")]
    if "counted_duplicate" in kinds:
        commands.insert(0, _("/missed undo <number>"))
    if kinds != {"counted_duplicate"}:
        commands.insert(0, _("/missed credit <number>"))
    return " · ".join(commands)


def _row(missed: Mapping[str, Any]) -> str:
    when = ago(parse_instant(missed["at"]))
    return f"**#{missed['number']}** {_what(missed)} · {when}"


def _what(missed: Mapping[str, Any]) -> str:
    if missed["kind"] == "kicks":
        return _("{giver} gave {amount} Kicks ({gift})").format(
            giver=_person(missed["giver"]),
            amount=f"{missed['amount']:,}",
            gift=safe(missed["gift_name"]),
        )
    if missed["kind"] == "sub":
        return _("{name} subscribed, month {months}").format(
            name=_person(missed["receivers"][0]), months=missed["amount"]
        )
    if missed["kind"] in _DUPLICATES:
        return _duplicate(missed)
    return _("{giver} gave {count}: {names}").format(
        giver=_person(missed["giver"]),
        count=plural("{count} subscription", "{count} subscriptions", missed["count"]),
        names=_names(missed["receivers"], missed["count"]),
    )


def _duplicate(missed: Mapping[str, Any]) -> str:
    said = _("{giver} gave {names} a subscription, and Kick also sent them as new subscribers.")
    state = {
        "duplicate": _("Counted as gifts only."),
        "counted_duplicate": _("⚠️ Counted as both."),
    }
    said = said.format(
        giver=_person(missed["giver"]), names=_names(missed["receivers"], missed["count"])
    )
    return f"{said} {state[missed['kind']]}"


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


def decided(number: int, act: str, count: int) -> discord.Embed:
    """After a decision about duplicates."""
    titles = {
        "credit": _("Number {number} is credited"),
        "undo": _("Number {number} is taken back"),
        "dismiss": _("Number {number} is dismissed"),
    }
    bodies = {
        "credit": plural("{count} is counted now.", "{count} are counted now.", count),
        "undo": plural(
            "{count} subscription no longer counts; the gift still does.",
            "{count} subscriptions no longer count; the gifts still do.",
            count,
        ),
        "dismiss": _("It stays as it was counted."),
    }
    return card("✅ " + titles[act].format(number=number), bodies[act], tone="success")


def dismissed(number: int) -> discord.Embed:
    """After dismissing."""
    return card(
        "✅ " + _("Number {number} is dismissed").format(number=number),
        _("It was not counted. Should its webhook come after all, that counts."),
        tone="success",
    )
