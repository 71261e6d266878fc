"""Embeds and chat replies."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import discord

from core.bonus_hunt.records import Bonus
from core.draws.words import decides_words
from core.guilds.channels import describe_trouble
from core.kit.discord.ui import Tone, ago, card, lines, mention, safe, status_card
from core.kit.runtime.clock import parse_instant
from core.kit.text.amounts import show_amount
from core.kit.text.words import _, ngettext, plural
from core.people.names import Names
from core.slot_calls.actions import Status
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings
from core.slot_calls.store import History

_STATES: dict[str, tuple[str, Tone]] = {
    "open": ("🎰", "kick"),
    "done": ("✅", "success"),
    "skipped": ("⏭️", "warning"),
    "cancelled": ("↩️", "system"),
    "hunt": ("🧺", "success"),
}

# -- chat -----------------------------------------------------------------------------------------


def accepted(payload: Mapping[str, Any]) -> str:
    return _("@{viewer} Added {slot} to the queue at #{position}.").format_map(payload)


def accepted_many(payloads: Sequence[Mapping[str, Any]]) -> str:
    """Chat reply to many requests at once."""
    return plural(
        "{count} new request in the queue.",
        "{count} new requests in the queue.",
        len(payloads),
    )


def rejected(payload: Mapping[str, Any]) -> str:
    """Chat reply to a rejected call: why, and what to do."""
    banned = _("@{viewer} {slot} can't be requested here.")
    if payload.get("meant", payload["slot"]) != payload["slot"]:
        banned = _("@{viewer} {slot} looks like {meant}, which is banned here.")
    replies = {
        "off": _("Slot requests are closed right now."),
        "closed": _("Not taking new requests. Requests in the queue will still be played."),
        "full": _("The queue is full right now. Try again later."),
        "not_linked": _("@{viewer} Link your account in Discord first: /link"),
        "link": _("@{viewer} Please enter the slot's name, without a link."),
        "banned": banned,
        "unknown": _("@{viewer} I don't know {slot}. Please enter its full name."),
        "requested": _("@{viewer} {slot} is already in the queue."),
        "no_channel": _("Slot requests are not set up yet. A moderator can choose the channel."),
        "no_access": _(
            "Slot requests are not available right now. The moderators have been notified."
        ),
        "no_name": _("@{viewer} Which slot? For example: !{command} Book of Dead"),
        "too_long": _("@{viewer} That slot name is too long. Please shorten it."),
        "duplicate": _("@{viewer} You already requested {slot}."),
        "limit": ngettext(
            "@{viewer} You have {max_open} open request. Wait until it is played.",
            "@{viewer} You have {max_open} open requests. Wait until one is played.",
            payload.get("max_open", 1),
        ),
        "cooldown": _("@{viewer} Cooldown: try again in {wait} s."),
    }
    return replies[payload["reason"]].format_map(payload)


def withdrawn(payload: Mapping[str, Any]) -> str:
    """Chat reply to `!cancelcall`."""
    if payload["replaced_by"]:
        return _("@{viewer} Replaced {slot} with {replaced_by}.").format_map(payload)
    return _("@{viewer} {slot} is no longer in the queue.").format_map(payload)


def nothing(payload: Mapping[str, Any]) -> str:
    """Chat reply to `!cancelcall` if the viewer has no requests."""
    return _("@{viewer} You have no open requests.").format_map(payload)


def mine(payload: Mapping[str, Any]) -> str:
    """Chat reply to `!mycalls`."""
    if not payload["calls"]:
        return nothing(payload)
    calls = ", ".join(f"{call['position']}. {call['slot']}" for call in payload["calls"])
    return _("@{viewer} In the queue: {calls}").format(viewer=payload["viewer"], calls=calls)


def next_up(payload: Mapping[str, Any]) -> str:
    """Chat line about a request that was picked."""
    return _("@{viewer} {slot} is next!").format_map(payload)


# -- Discord --------------------------------------------------------------------------------------


def post(payload: Mapping[str, Any]) -> discord.Embed:
    """A call, and how it ended."""
    icon, tone = _STATES[payload["state"]]
    body = _("Requested by **{viewer}** on {platform} · {ago}").format(
        viewer=safe(payload["viewer"]),
        platform=payload["platform"].capitalize(),
        ago=ago(parse_instant(payload["called_at"])),
    )
    if payload.get("provider"):
        body = safe(payload["provider"]) + " · " + body
    if payload.get("suggestion"):
        maybe = _("Maybe **{title}**?")
        if payload.get("suggestion_is_banned"):
            maybe = _("Maybe **{title}**? It is banned.")
        body += "\n❔ " + maybe.format(title=safe(payload["suggestion"]))
    if payload.get("is_picked") and payload["state"] == "open":
        body = "▶️ " + _("**Next up**") + "\n" + body
    ends = {
        "done": _("Played · {member}"),
        "skipped": _("Skipped · {member}"),
        "cancelled": _("Withdrawn by the viewer"),
        "hunt": _("Added to the bonus hunt · {member}"),
    }
    if payload["state"] in ends:
        body += "\n" + ends[payload["state"]].format(member=mention(payload["closed_by"]))
    if payload.get("bet") is not None:
        body += "\n" + result(Decimal(payload["bet"]), Decimal(payload["win"]))
    footer = _("Request #{number}").format_map(payload)
    return card(f"{icon} {safe(payload['slot'])}", body, tone=tone, footer=footer)


def status(current: Status) -> discord.Embed:
    settings = current.settings
    title = _("Slot requests are on") if settings.enabled else _("Slot requests are off")
    if settings.enabled and settings.closed:
        title = _("Not taking new requests")
    blocked = plural("{count} viewer is blocked", "{count} viewers are blocked", current.blocked)
    return status_card(
        title,
        settings,
        next_step(current),
        works=bool(settings.channel) and not current.trouble,
        facts={
            "Queue limit": f"{settings.max_queue:,}" if settings.max_queue else _("no limit"),
            _("In the queue"): f"{current.open:,}",
        },
        footer=blocked if current.blocked else "",
    )


def next_step(current: Status) -> str:
    if not current.settings.channel:
        return _("Choose where requests appear: `/slotcalls channel`.")
    if current.trouble:
        return (
            describe_trouble(current.trouble) + " " + _("Viewers cannot request slots until then.")
        )
    if current.primary is not None:
        return _(
            "Slot requests from chat go to **{server}**, the primary server of this Kick channel. "
            "`/kick_primary` changes it."
        ).format(server=safe(current.primary))
    return how_to_call(current.settings, current.names)


def how_to_call(settings: SlotCallSettings, names: Sequence[str]) -> str:
    """The status text for a server whose request channel works."""
    if not settings.enabled:
        return _("Viewers who try get a reply. Turn them on with `/slotcalls on`.")
    if settings.closed:
        return _("Take new requests again with `/slotcalls open`.")
    typed = _(" or ").join(f"`!{name} <slot>`" for name in names)
    return _("Viewers type {typed} in the stream's chat.").format(typed=typed)


PER_PAGE = 10


def queue(
    calls: Sequence[SlotCall], number: int, pages: int, names: Sequence[str], viewers: Names
) -> discord.Embed:
    """A page of the queue, first request first."""
    rows = [
        {
            "number": call.number,
            "slot": call.slot,
            "viewer": viewers[call.viewer_id],
            "called_at": call.called_at,
            "is_picked": call.picked_at is not None,
        }
        for call in calls
    ]
    first = (number - 1) * PER_PAGE
    footer = _("Page {number} of {pages}").format(number=number, pages=pages) if pages > 1 else ""
    return _queue_card(rows[first : first + PER_PAGE], len(calls), footer, names[0])


def panel(payload: Mapping[str, Any]) -> discord.Embed:
    """The message that always shows the queue."""
    rows = [row | {"called_at": parse_instant(row["called_at"])} for row in payload["rows"]]
    says = {
        "open": _("Open · type !{command} <slot> in the stream's chat"),
        "closed": _("Closed · requests in the queue will still be played"),
        "off": _("Slot requests are off"),
    }
    footer = says[payload["state"]].format_map(payload)
    return _queue_card(rows, payload["waiting"], footer, payload["command"])


def _queue_card(
    rows: Sequence[Mapping[str, Any]], waiting: int, footer: str, command: str
) -> discord.Embed:
    if not rows:
        text = _("Viewers type `!{command} <slot>` in the stream's chat.").format(command=command)
        return card("🎰 " + _("The queue is empty"), text, footer=footer)
    title = plural("{count} request in the queue", "{count} requests in the queue", waiting)
    shown = [
        f"{'▶️ ' if row.get('is_picked') else ''}`#{row['number']}` **{safe(row['slot'])}** · "
        f"{safe(row['viewer'])} · {ago(row['called_at'])}"
        for row in rows
    ]
    return card("🎰 " + title, lines(shown), tone="kick", footer=footer)


def random_pick(payload: Mapping[str, Any]) -> discord.Embed:
    """The post of a random pick: first the announcement, later the result."""
    title = "🎲 " + _("Random pick #{number}").format_map(payload)
    when = ago(parse_instant(payload["round_at"]))
    shown = [
        plural("{count} request entered.", "{count} requests entered.", payload["entrants"]),
        decides_words(payload["is_public"], payload["round"], when),
        "",
        _("List: `{hash}`").format_map(payload),
        _("Seed: `{commitment}`").format_map(payload),
    ]
    results = {
        "done": _("**{slot}**, requested by {viewer}").format(
            slot=safe(payload.get("slot", "")), viewer=safe(payload.get("viewer", ""))
        ),
        "failed": _("Nothing was picked: the beacon didn't answer, or all requests were closed."),
    }
    state = payload.get("state", "waiting")
    if state in results:
        shown = ["▶️ " + results[state], "", *shown]
    tone: Tone = {"done": "success", "failed": "warning"}.get(state, "kick")  # type: ignore[assignment]
    return card(title, lines(shown), tone=tone)


def picking(number: int) -> discord.Embed:
    body = _("The list is frozen and posted. The result follows in a few seconds.")
    return card("🎲 " + _("Random pick #{number}").format(number=number), body, tone="success")


def picked(call: SlotCall, viewer: str) -> discord.Embed:
    body = _("Requested by **{viewer}**").format(viewer=safe(viewer))
    return card("▶️ " + _("Next up: {slot}").format(slot=safe(call.slot)), body, tone="success")


def result(bet: Decimal, win: Decimal) -> str:
    return _("Bet {bet} → won {win} ({multiplier}×)").format(
        bet=show_amount(bet), win=show_amount(win), multiplier=f"{win / bet:,.2f}"
    )


def history(found: History, number: int, pages: int, viewers: Names) -> discord.Embed:
    """A page of played requests, newest first."""
    if not found.played:
        text = _("Enter a request's bet and win with `/slotcalls played`.")
        return card("🎰 " + _("No games played yet"), text)
    first = (number - 1) * PER_PAGE
    rows = []
    if found.best is not None and found.worst is not None:
        rows.append("🏆 " + _("Best: {game}").format(game=_played(found.best, viewers)))
        if found.worst.number != found.best.number:
            rows.append("💀 " + _("Worst: {game}").format(game=_played(found.worst, viewers)))
        rows.append("")
    rows += [_played(call, viewers) for call in found.played[first : first + PER_PAGE]]
    footer = _("Page {number} of {pages}").format(number=number, pages=pages) if pages > 1 else ""
    return card("🎰 " + _("Played games"), lines(rows), footer=footer)


def _played(call: SlotCall, viewers: Names) -> str:
    line = f"`#{call.number}` **{safe(call.slot)}** · {safe(viewers[call.viewer_id])}"
    if call.bet is not None and call.win is not None:
        line += " · " + result(call.bet, call.win)
    return line


def result_recorded(call: SlotCall) -> discord.Embed:
    assert call.bet is not None, "it was just recorded"
    assert call.win is not None, "it was just recorded"
    return card(f"✅ {safe(call.slot)}", result(call.bet, call.win), tone="success")


def added_to_hunt(bonus: Bonus) -> discord.Embed:
    body = _("Bonus #{n}, bet {bet}.").format(n=bonus.position, bet=show_amount(bonus.bet))
    return card(
        "🧺 " + _("{slot} added to the hunt").format(slot=safe(bonus.slot)), body, tone="success"
    )


def queue_cleared(count: int) -> discord.Embed:
    body = plural("{count} request skipped.", "{count} requests skipped.", count)
    return card("🧹 " + _("Queue cleared"), body)


def game_banned(title: str) -> discord.Embed:
    body = _("Open requests for it were skipped. Undo with `/games unban`.")
    return card("🚫 " + _("{title} is banned").format(title=safe(title)), body)


def panel_posted(channel_id: int) -> discord.Embed:
    body = _("It always shows the current queue in <#{channel}>.")
    return card("📌 " + _("Panel posted"), body.format(channel=channel_id), tone="success")


def panel_removed() -> discord.Embed:
    return card("🧹 " + _("Panel removed"), _("Post a new one with `/slotcalls panel`."))
