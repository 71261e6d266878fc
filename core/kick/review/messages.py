"""The embeds of the review queue."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord

from core.kick.review.actions import Entry
from core.kick.review.credit import Credited
from core.kick.review.records import ReviewItem
from core.kit.discord.ui import ago, card, lines, safe, shortened
from core.kit.runtime.clock import parse_instant
from core.kit.text.words import _, plural

SHOWN = 10
"""Maximum of entries, and of names per entry, in the data of a message."""

NAMED = 5
"""Maximum of names shown per entry."""

_DUPLICATES = {"duplicate", "counted_duplicate"}


def payload(entries: Sequence[Entry]) -> dict[str, Any]:
    """The data of a message about these entries."""
    return {"events": [_data(entry, entry[0]) for entry in entries[:SHOWN]], "count": len(entries)}


def _data(entry: Entry, first: ReviewItem) -> dict[str, Any]:
    return {
        "number": first.number,
        "kind": "counted_duplicate" if first.is_counted else first.kind,
        "giver": first.giver,
        "receivers": [item.receiver for item in entry][:SHOWN],
        "count": len(entry),
        "amount": first.amount,
        "gift_name": first.gift_name,
        "at": first.at.isoformat(),
    }


def queue(payload: Mapping[str, Any]) -> discord.Embed:
    """The open entries, for `/missed list` and for the alert about new ones."""
    if not payload["count"]:
        title, body = _("Nothing is missing"), _("Webhooks and realtime feed match.")
        return card("✅ " + title, body, tone="success")
    kinds = {entry["kind"] for entry in payload["events"]}
    body, commands = "", [_("/missed dismiss <number>")]
    title = plural("{count} missed event", "{count} missed events", payload["count"])
    if not kinds <= _DUPLICATES:
        body += _(
            "Kick's realtime feed showed this, but no webhook arrived. "
            "Credit what really happened: it then counts once, like any other event."
        )
    if kinds & _DUPLICATES:
        title = plural("{count} event to review", "{count} events to review", payload["count"])
        body += "\n" + _(
            "A gift and a new subscription for the same viewer at the same time are most "
            "likely one gift that Kick sent twice. Count it as a gift only, unless the viewer "
            "also bought one."
        )
    if "counted_duplicate" in kinds:
        commands.insert(0, _("/missed undo <number>"))
    if kinds != {"counted_duplicate"}:
        commands.insert(0, _("/missed credit <number>"))
    rows = [
        f"**#{entry['number']}** {_what(entry)} · {ago(parse_instant(entry['at']))}"
        for entry in payload["events"]
    ]
    if payload["count"] > len(rows):
        rows.append(_("… and {count} more").format(count=payload["count"] - len(rows)))
    text = f"{body.strip()}\n\n{lines(rows, 3500)}"
    return card("🔍 " + title, text, tone="warning", footer=" · ".join(commands))


def sentence(entry: Entry) -> str:
    """A description of the event for a page: names are not escaped."""
    return _what(_data(entry, entry[0]), shortened)


def _what(entry: Mapping[str, Any], escape: Callable[[str, int], str] = safe) -> str:
    giver, names = _person(entry["giver"], escape), _names(entry, escape)
    match entry["kind"]:
        case "kicks":
            amount, gift = f"{entry['amount']:,}", escape(entry["gift_name"], 256)
            text = _("{giver} gave {amount} Kicks ({gift})")
            return text.format(giver=giver, amount=amount, gift=gift)
        case "sub":
            name = _person(entry["receivers"][0], escape)
            text = _("{name} subscribed, month {months}")
            return text.format(name=name, months=entry["amount"])
        case "gift":
            count = plural("{count} subscription", "{count} subscriptions", entry["count"])
            text = _("{giver} gifted {count}: {names}")
            return text.format(giver=giver, count=count, names=names)
    text = _("{giver} gifted {names} a subscription, and Kick also sent them as new subscribers.")
    is_counted = entry["kind"] == "counted_duplicate"
    counted = _("⚠️ Counted as both.") if is_counted else _("Counted as gifts only.")
    return f"{text.format(giver=giver, names=names)} {counted}"


def _person(name: str, escape: Callable[[str, int], str]) -> str:
    return f"**{escape(name, 50)}**" if name else _("Somebody")


def _names(entry: Mapping[str, Any], escape: Callable[[str, int], str]) -> str:
    names = entry["receivers"][:NAMED]
    shown = ", ".join(escape(name, 50) for name in names)
    return shown + (", …" if entry["count"] > len(names) else "")


def credited(number: int, result: Credited) -> discord.Embed:
    """After crediting."""
    title = _("Credited #{number}").format(number=number)
    body = plural("{count} event counted.", "{count} events counted.", result.count)
    if not result.unknown:
        return card("✅ " + title, body, tone="success")
    body += "\n" + _("Kick has no user named {names}; still open.").format(
        names=", ".join(safe(name, 50) for name in result.unknown)
    )
    return card("⚠️ " + title, body, tone="warning")


def taken_back(entry: Entry) -> discord.Embed:
    """After taking counted duplicates back."""
    title = _("Took back #{number}").format(number=entry[0].number)
    body = plural(
        "{count} subscription no longer counts; the gift still does.",
        "{count} subscriptions no longer count; the gifts still do.",
        len(entry),
    )
    return card("✅ " + title, body, tone="success")


def dismissed(entry: Entry) -> discord.Embed:
    """After dismissing."""
    title = _("Dismissed #{number}").format(number=entry[0].number)
    body = _("It was not counted. If the webhook still arrives, it will count.")
    if entry[0].kind == "duplicate":
        body = _("What was counted stays counted.")
    return card("✅ " + title, body, tone="success")
