"""How slot calls look in Discord and sound in chat."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.guilds.channels import say_trouble
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
    called = _("Requested by **{viewer}** on {platform} · {ago}").format(
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
    number = _("Request #{number}").format(number=payload["number"])
    if "place" not in payload:
        return number
    return number + " · " + _("number {place} in the queue").format(place=payload["place"])


def taken(payload: Mapping[str, Any]) -> str:
    """Said in chat when a call is in the queue."""
    return _("@{viewer} {slot} is in the queue, number {place}.").format(
        viewer=payload["viewer"], slot=payload["slot"], place=payload["place"]
    )


def declined(payload: Mapping[str, Any]) -> str:
    """Said in chat when a call is not taken: why, and what helps."""
    sentences = {
        "off": _("Slot requests are closed right now."),
        "no_channel": _("Slot requests are not set up yet. A moderator can choose the channel."),
        "no_access": _("Slot requests are not available right now. The moderators have been told."),
        "nameless": _("@{viewer} Which slot? For example: !call Book of Dead"),
        "too_long": _("@{viewer} That name is too long for a slot. Please shorten it."),
        "again": _("@{viewer} You already requested {slot}."),
        "many": _("@{viewer} You have {most_open} open requests. Wait until one is played."),
        "soon": _("@{viewer} Cooldown: try again in {wait} s."),
    }
    # What an older version has posted says no `wait`.
    values = {"wait": payload.get("cooldown"), **payload}
    return sentences[payload["reason"]].format(**values)


def status(current: Status) -> discord.Embed:
    """How slot calls are set, for an admin."""
    title = _("Slot requests are on") if current.enabled else _("Slot requests are off")
    mark, tone = _look_of(current)
    embed = card(f"{mark} {title}", _how_it_works(current), tone=tone)
    where = f"<#{current.channel_id}>" if current.channel_id else _("not chosen yet")
    embed.add_field(name=_("Channel"), value=where)
    embed.add_field(name=_("In the queue"), value=f"{current.waiting:,}")
    embed.add_field(
        name=_("Limits"),
        value=_("Max {most_open} open requests per viewer, {cooldown} s cooldown").format(
            most_open=current.most_open, cooldown=current.cooldown
        ),
    )
    if current.blocked:
        embed.set_footer(
            text=plural("{count} viewer is blocked", "{count} viewers are blocked", current.blocked)
        )
    return embed


def _look_of(current: Status) -> tuple[str, Tone]:
    if not current.enabled:
        return "⚫", "system"
    return ("⚠️", "warning") if current.trouble or not current.channel_id else ("🟢", "kick")


def _how_it_works(current: Status) -> str:
    if current.channel_id is None:
        return _("Choose where requests appear: `/slotcalls channel`.")
    if current.trouble:
        return say_trouble(current.trouble) + " " + _("Viewers cannot request slots until then.")
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
            "🎰 " + _("The queue is empty"), _("Viewers type `!call <slot>` in the stream's chat.")
        )
    rows = [
        f"`#{call.number}` **{safe(call.slot)}** · {safe(call.viewer)} · {ago(call.called_at)}"
        for call in waiting
    ]
    title = plural("{count} request in the queue", "{count} requests in the queue", len(waiting))
    return card("🎰 " + title, lines(rows), tone="kick")


def blocked(names: Sequence[str]) -> discord.Embed:
    """Who may not call."""
    if not names:
        return card(_("Nobody is blocked"), _("Block with `/slotcalls block` or the button."))
    title = plural("{count} viewer is blocked", "{count} viewers are blocked", len(names))
    return card("🚫 " + title, lines([safe(name) for name in names]))
