"""How slot calls look in Discord and sound in chat."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.kit.clock import parse_instant
from core.kit.discord_ui import Tone, ago, card, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_courier import Rendered
from core.slot_calls.actions import Status
from core.slot_calls.buttons import call_buttons
from core.slot_calls.store import Call

_STATES: dict[str, tuple[str, Tone]] = {
    "open": ("🎰", "kick"),
    "done": ("✅", "success"),
    "skipped": ("⏭️", "warning"),
}


def post(payload: Mapping[str, Any]) -> Rendered:
    """The post of a call: with buttons while it is open, with its ending afterwards."""
    icon, tone = _STATES[payload["state"]]
    embed = card(f"{icon} {safe(payload['slot'])}", _caller(payload), tone=tone)
    embed.set_footer(text=_footer(payload))
    if payload["state"] != "open":
        return Rendered(embed)
    return Rendered(embed, lambda: call_buttons(payload["number"]))


def _caller(payload: Mapping[str, Any]) -> str:
    called = _("Called by **{viewer}** on {platform} · {ago}").format(
        viewer=safe(payload["viewer"]),
        platform=payload["platform"].capitalize(),
        ago=ago(parse_instant(payload["called_at"])),
    )
    if payload["state"] == "done":
        return called + "\n" + _("Played · <@{moderator}>").format(moderator=payload["closed_by"])
    if payload["state"] == "skipped":
        return called + "\n" + _("Skipped · <@{moderator}>").format(moderator=payload["closed_by"])
    return called


def _footer(payload: Mapping[str, Any]) -> str:
    number = _("Call #{number}").format(number=payload["number"])
    if "place" not in payload:
        return number
    return number + " · " + _("number {place} on the list").format(place=payload["place"])


def taken(payload: Mapping[str, Any]) -> str:
    """Said in chat when a call is on the list."""
    return _("@{viewer} {slot} is on the list, number {place}.").format(
        viewer=payload["viewer"], slot=payload["slot"], place=payload["place"]
    )


def declined(payload: Mapping[str, Any]) -> str:
    """Said in chat when a call is not taken: why, and what helps."""
    sentences = {
        "off": _("Slot calls are closed right now."),
        "no_channel": _("Slot calls are not set up yet. A moderator can choose the channel."),
        "nameless": _("@{viewer} Which slot? Write it like this: !call Book of Dead"),
        "too_long": _("@{viewer} That name is too long for a slot. Please shorten it."),
        "again": _("@{viewer} {slot} is already on the list for you."),
        "many": _("@{viewer} You have {most_open} calls on the list. Wait until one is played."),
        "soon": _("@{viewer} One call every {cooldown} seconds, please."),
    }
    return sentences[payload["reason"]].format(**payload)


def status(current: Status) -> discord.Embed:
    """How slot calls are set, for an admin."""
    title = _("Slot calls are on") if current.enabled else _("Slot calls are off")
    embed = card(
        ("🟢 " if current.enabled else "⚫ ") + title,
        _how_it_works(current),
        tone="kick" if current.enabled else "system",
    )
    where = f"<#{current.channel_id}>" if current.channel_id else _("not chosen yet")
    embed.add_field(name=_("Channel"), value=where)
    embed.add_field(name=_("On the list"), value=f"{current.waiting:,}")
    embed.add_field(
        name=_("Limits"),
        value=_("{most_open} per viewer, {cooldown} s apart").format(
            most_open=current.most_open, cooldown=current.cooldown
        ),
    )
    if current.blocked:
        embed.set_footer(
            text=plural("{count} viewer is blocked", "{count} viewers are blocked", current.blocked)
        )
    return embed


def _how_it_works(current: Status) -> str:
    if current.channel_id is None:
        return _("Choose where calls appear: `/slotcalls channel`.")
    if current.primary is not None:
        return _(
            "Slot requests from chat go to **{server}**, the primary server of this Kick channel. "
            "`/kick_primary` changes it."
        ).format(server=safe(current.primary))
    if not current.enabled:
        return _("Viewers are told so when they try. Switch on with `/slotcalls on`.")
    return _("Viewers write `!call <slot>` or `!sr <slot>` in the stream's chat.")


def queue(waiting: Sequence[Call]) -> discord.Embed:
    """The list, oldest first."""
    if not waiting:
        return card(
            "🎰 " + _("The list is empty"), _("Viewers type `!call <slot>` in the stream's chat.")
        )
    rows = [
        f"`#{call.number}` **{safe(call.slot)}** · {safe(call.viewer)} · {ago(call.called_at)}"
        for call in waiting
    ]
    title = plural("{count} call on the list", "{count} calls on the list", len(waiting))
    return card("🎰 " + title, lines(rows), tone="kick")


def blocked(names: Sequence[str]) -> discord.Embed:
    """Who may not call."""
    if not names:
        return card(_("Nobody is blocked"), _("Block with `/slotcalls block` or the button."))
    title = plural("{count} viewer is blocked", "{count} viewers are blocked", len(names))
    return card("🚫 " + title, lines([safe(name) for name in names]))
