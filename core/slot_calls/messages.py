"""Embeds and chat replies."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.guilds.channels import say_trouble
from core.kit.clock import parse_instant
from core.kit.discord_ui import Tone, ago, card, lines, safe, status_card
from core.kit.words import _, plural
from core.slot_calls.actions import Status
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings

_STATES: dict[str, tuple[str, Tone]] = {
    "open": ("🎰", "kick"),
    "done": ("✅", "success"),
    "skipped": ("⏭️", "warning"),
}

# -- chat -----------------------------------------------------------------------------------------


def accepted(payload: Mapping[str, Any]) -> str:
    """Chat reply to an accepted call."""
    return _("@{viewer} {slot} is in the queue, number {position}.").format_map(payload)


def rejected(payload: Mapping[str, Any]) -> str:
    """Chat reply to a rejected call: why, and what to do."""
    replies = {
        "off": _("Slot requests are closed right now."),
        "no_channel": _("Slot requests are not set up yet. A moderator can choose the channel."),
        "no_access": _("Slot requests are not available right now. The moderators have been told."),
        "no_name": _("@{viewer} Which slot? For example: !call Book of Dead"),
        "too_long": _("@{viewer} That name is too long for a slot. Please shorten it."),
        "duplicate": _("@{viewer} You already requested {slot}."),
        "limit": _("@{viewer} You have {max_open} open requests. Wait until one is played."),
        "cooldown": _("@{viewer} Cooldown: try again in {wait} s."),
    }
    return replies[payload["reason"]].format_map(payload)


# -- Discord --------------------------------------------------------------------------------------


def post(payload: Mapping[str, Any]) -> discord.Embed:
    """A call, and how it ended."""
    icon, tone = _STATES[payload["state"]]
    body = _("Requested by **{viewer}** on {platform} · {ago}").format(
        viewer=safe(payload["viewer"]),
        platform=payload["platform"].capitalize(),
        ago=ago(parse_instant(payload["called_at"])),
    )
    ends = {"done": _("Played · <@{closed_by}>"), "skipped": _("Skipped · <@{closed_by}>")}
    if payload["state"] in ends:
        body += "\n" + ends[payload["state"]].format_map(payload)
    footer = _("Request #{number}").format_map(payload)
    if "position" in payload:
        footer += " · " + _("number {position} in the queue").format_map(payload)
    return card(f"{icon} {safe(payload['slot'])}", body, tone=tone, footer=footer)


def status(current: Status) -> discord.Embed:
    """Settings and queue length."""
    settings = current.settings
    title = _("Slot requests are on") if settings.enabled else _("Slot requests are off")
    blocked = plural("{count} viewer is blocked", "{count} viewers are blocked", current.blocked)
    return status_card(
        title,
        settings,
        next_step(current),
        works=bool(settings.channel) and not current.trouble,
        facts={_("In the queue"): f"{current.open:,}"},
        footer=blocked if current.blocked else "",
    )


def next_step(current: Status) -> str:
    if not current.settings.channel:
        return _("Choose where requests appear: `/slotcalls channel`.")
    if current.trouble:
        return say_trouble(current.trouble) + " " + _("Viewers cannot request slots until then.")
    if current.primary is not None:
        return _(
            "Slot requests from chat go to **{server}**, the primary server of this Kick channel. "
            "`/kick_primary` changes it."
        ).format(server=safe(current.primary))
    return how_to_call(current.settings)


def how_to_call(settings: SlotCallSettings) -> str:
    """For a server whose channel for requests works."""
    if not settings.enabled:
        return _("Viewers who try get a reply. Turn them on with `/slotcalls on`.")
    return _("Viewers type `!call <slot>` or `!sr <slot>` in the stream's chat.")


def queue(calls: Sequence[SlotCall]) -> discord.Embed:
    """The queue, oldest call first."""
    if not calls:
        return card(
            "🎰 " + _("The queue is empty"), _("Viewers type `!call <slot>` in the stream's chat.")
        )
    title = plural("{count} request in the queue", "{count} requests in the queue", len(calls))
    rows = [
        f"`#{call.number}` **{safe(call.slot)}** · {safe(call.viewer_name)} · {ago(call.called_at)}"
        for call in calls
    ]
    return card("🎰 " + title, lines(rows), tone="kick")


def queue_cleared(count: int) -> discord.Embed:
    """Everything was skipped."""
    body = plural("{count} request skipped.", "{count} requests skipped.", count)
    return card("🧹 " + _("Queue cleared"), body)
