"""Embeds: alerts, the configuration, the self-test, the webhook log, and the connected account."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kick.accounts.channels import Synced
from core.kick.accounts.primary import Primary
from core.kick.accounts.records import KnownChannel
from core.kick.intake.records import LogLine
from core.kick.intake.rules import LATE
from core.kit.discord.ui import ago, card, duration, lines, safe
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered

# -- alerts ---------------------------------------------------------------------------------------


def no_events(payload: Mapping[str, Any]) -> Rendered:
    """No chat arrives from a live channel. Payload: `slug`, `since`, `evidence`."""
    reasons = {
        "chat": _("Kick's realtime feed shows chat, but no webhooks arrive."),
        "subscription": _("Kick has no webhook subscription for chat."),
        "selftest": _("The bot's self-test line did not come back."),
        "feed": _("Kick's realtime feed is not connected."),
    }
    since = datetime.fromisoformat(payload["since"])
    body = _("**{channel}** is live, but no chat has arrived since {time}.").format(
        channel=safe(payload["slug"]), time=f"<t:{int(since.timestamp())}:t>"
    )
    remedy = _(
        "Run `/check_kick_config` to see what is missing. Events that Kick does not send are not "
        "counted."
    )
    title = "🔇 " + _("No chat received from Kick")
    text = "\n".join([body, reasons[payload.get("evidence", "chat")], remedy])
    change = _("Change when and where: /settings set (kick.no_events_minutes, kick.admin_channel)")
    return Rendered(card(title, text, tone="warning", footer=change))


def no_events_over(payload: Mapping[str, Any]) -> Rendered:
    """The alert is over. Payload: `slug`, `since`, `at`, `why`."""
    since, at = (datetime.fromisoformat(payload[name]) for name in ("since", "at"))
    given = {"channel": safe(payload["slug"]), "silence": duration((at - since).total_seconds())}
    if payload["why"] == "ended":
        title = "⚫ " + _("The stream ended without chat from Kick")
        body = _("**{channel}** is offline now. No chat arrived for {silence}.")
        return Rendered(card(title, body.format_map(given)))
    body = _("No chat from **{channel}** arrived for {silence}.")
    title = "🔊 " + _("Receiving chat from Kick again")
    return Rendered(card(title, body.format_map(given), tone="success"))


def wrong_chatroom(payload: Mapping[str, Any]) -> Rendered:
    """The feed shows another chat. Payload: `slug`, `chatroom_id`."""
    embed = card(
        "💬 " + _("The chatroom ID seems to be wrong"),
        _(
            "Kick's realtime feed of chatroom `{id}` does not show the chat of **{channel}**. If a "
            "webhook for a gift or sub is lost, nobody will notice.\nRun `/sync_kick`, or set the "
            "ID with `/set_chatroom`."
        ).format(id=payload["chatroom_id"], channel=safe(payload["slug"])),
        tone="warning",
    )
    return Rendered(embed)


# -- configuration and self-test ------------------------------------------------------------------


# -- webhook log ----------------------------------------------------------------------------------

_OUTCOME_MARKS = {"stored": "🟢", "seen": "🔁", "ignored": "⚪", "unverified": "⏳"}


def webhook_log(found: Sequence[LogLine], unattributed: Mapping[str, int]) -> discord.Embed:
    """A server's newest deliveries, and how many cannot be attributed to a server."""
    title = "📬 " + _("Latest webhook deliveries")
    rows = [_delivery(line) for line in found] or [
        _("Nothing yet. Write in your Kick chat to test it.")
    ]
    if not unattributed:
        return card(title, lines(rows), tone="kick")
    why = ", ".join(
        f"{outcome_words(name)}: {count}" for name, count in sorted(unattributed.items())
    )
    footer = plural(
        "{count} unattributed request in the last day",
        "{count} unattributed requests in the last day",
        sum(unattributed.values()),
    )
    return card(title, lines(rows), tone="kick", footer=f"{footer} ({why})")


def _delivery(line: LogLine) -> str:
    mark = _OUTCOME_MARKS.get(line.outcome, "🔴")
    row = f"{mark} {ago(line.at)} · `{safe(line.kind, 60)}` · {outcome_words(line.outcome)}"
    if line.sent_at is None:
        return row
    delay = (line.at - line.sent_at).total_seconds()
    late = "⚠️ " if delay > LATE.total_seconds() else ""
    # Kick's timestamps are in whole seconds, and its clock may differ from ours.
    return f"{row} · {late}{_('after')} {duration(max(delay, 0))}"


def outcome_words(name: str) -> str:
    """The outcome of a delivery, in words."""
    words = {
        "stored": _("processed"),
        "seen": _("duplicate"),
        "ignored": _("not used"),
        "unverified": _("waiting for verification"),
        "missing_header": _("rejected: missing header"),
        "bad_json": _("rejected: not JSON"),
        "bad_timestamp": _("rejected: invalid timestamp"),
        "bad_signature": _("rejected: not signed by Kick"),
        "stale": _("rejected: too old"),
        "unknown_channel": _("rejected: no server follows this channel"),
        "too_large": _("rejected: too large"),
        "not_json": _("rejected: not JSON"),
        "wrong_shape": _("rejected: invalid content"),
    }
    return words.get(name, name)


# -- the connected account and channel ------------------------------------------------------------


def primary(found: Primary) -> discord.Embed:
    """Which server answers in the channel's chat."""
    title = "👑 " + _("Primary server of {channel}").format(channel=safe(found.slug))
    if found.others <= 0:
        body = _("Only this server follows the channel, so it answers in its Kick chat.")
    elif found.is_here:
        body = plural(
            "This server answers in the Kick chat. {count} other server follows the channel and "
            "only counts watchtime and tickets.",
            "This server answers in the Kick chat. {count} other servers follow the channel and "
            "only count watchtime and tickets.",
            found.others,
        )
    else:
        body = _(
            "**{server}** answers in the Kick chat. This server only counts watchtime and tickets."
        ).format(server=safe(found.server))
    return card(title, body, tone="kick")


def primary_changed(payload: Mapping[str, Any]) -> Rendered:
    """Alert to the admins of the other server. Payload: `slug`, `before`, `after`."""
    body = _(
        "**{after}** now answers in the Kick chat of **{slug}** instead of **{before}**. Both "
        "servers keep counting watchtime and tickets. See `/kick_primary`."
    ).format(**{key: safe(value) for key, value in payload.items()})
    return Rendered(card("👑 " + _("Another server answers in Kick chat"), body, tone="kick"))


def synced(found: Synced) -> discord.Embed:
    """Everything known about the channel."""
    known = found.known
    rows = [
        "🟢 " + _("Channel: **{slug}**").format(slug=safe(found.slug)),
        "🟢 " + _("Broadcaster ID: `{id}`").format(id=known.broadcaster_user_id),
        *_numbers(known),
    ]
    if found.site_trouble and None in (known.chatroom_id, known.site_channel_id):
        reason = _("Kick's website did not answer ({reason}).")
        rows.append("-# " + reason.format(reason=safe(found.site_trouble)))
        rows.append(_how_to_find_them(found.slug))
    return card("🔄 " + _("Synced from Kick"), "\n".join(rows), tone="kick")


def _numbers(known: KnownChannel) -> list[str]:
    words = {"site": _("from Kick's website"), "typed": _("entered by hand")}
    rows = ["⚪ " + _("Chatroom ID: unknown"), "⚪ " + _("Website channel ID: unknown")]
    if known.chatroom_id is not None:
        origin = words.get(known.chatroom_from or "", "")
        row = _("Chatroom ID: `{id}` ({origin})").format(id=known.chatroom_id, origin=origin)
        rows[0] = "🟢 " + row
    if known.site_channel_id is not None:
        rows[1] = "🟢 " + _("Website channel ID: `{id}`").format(id=known.site_channel_id)
    return rows


def _how_to_find_them(slug: str) -> str:
    """Kick's website answers browsers even where it blocks servers."""
    return _(
        "-# Only the realtime feed needs these IDs; webhooks work without them. Open "
        "<https://kick.com/api/v2/channels/{slug}> in your browser: the number after the first "
        '`"id":` is the channel ID, the one after `"chatroom":{{"id":` is the chatroom ID. Enter '
        "them with `/set_chatroom`."
    ).format(slug=slug)


def numbers(typed: Synced) -> discord.Embed:
    """Reply after the IDs were entered by hand."""
    known = typed.known
    rows = _numbers(known)
    if known.chatroom_id is not None and not known.is_chatroom_sure:
        reason = _("Not confirmed yet: Kick's website did not answer ({reason}).")
        rows.append("⚠️ " + reason.format(reason=safe(typed.site_trouble)))
        rows.append(_("I'll alert you if the realtime feed shows another channel's chat."))
    if None in (known.chatroom_id, known.site_channel_id):
        rows.append(_how_to_find_them(typed.slug))
    return card("💬 " + _("IDs for the realtime feed"), "\n".join(rows), tone="kick")
