"""The embeds of the alerts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.kit.discord_ui import card, duration, safe
from core.kit.words import _
from core.outbox.discord_transport import Rendered


def no_events(payload: Mapping[str, Any]) -> Rendered:
    """No chat arrives from a live channel. Payload: `slug`, `since`, `evidence`."""
    reasons = {
        "chat": _("Kick's realtime feed shows chat, but no webhook comes."),
        "subscription": _("Kick has no webhook subscription for chat."),
        "selftest": _("The bot's self-test line did not come back."),
        "feed": _("Kick's realtime feed is not connected."),
    }
    body = _("**{channel}** is live, but no chat has arrived since {time}.").format(
        channel=safe(payload["slug"]), time=_clock(payload["since"])
    )
    remedy = _(
        "Run `/check_kick_config` to see what is missing. What Kick does not send is not counted."
    )
    embed = card(
        "🔇 " + _("No chat received from Kick"),
        "\n".join([body, reasons[payload.get("evidence", "chat")], remedy]),
        tone="warning",
        footer=_(
            "Change when and where: /settings set (kick.no_events_minutes, kick.admin_channel)"
        ),
    )
    return Rendered(embed)


def no_events_over(payload: Mapping[str, Any]) -> Rendered:
    """The alert is over. Payload: `slug`, `since`, `at`, `why`."""
    since, at = (datetime.fromisoformat(payload[name]) for name in ("since", "at"))
    silence = duration((at - since).total_seconds())
    if payload["why"] == "ended":
        body = _("**{channel}** is offline now. No chat arrived for {silence}.")
        title = "⚫ " + _("The stream ended without chat from Kick")
        return Rendered(card(title, body.format(channel=safe(payload["slug"]), silence=silence)))
    embed = card(
        "🔊 " + _("Receiving chat from Kick again"),
        _("No chat of **{channel}** arrived for {silence}.").format(
            channel=safe(payload["slug"]), silence=silence
        ),
        tone="success",
    )
    return Rendered(embed)


def wrong_chatroom(payload: Mapping[str, Any]) -> Rendered:
    """The feed shows another chat. Payload: `slug`, `chatroom_id`."""
    embed = card(
        "💬 " + _("The chatroom id seems to be wrong"),
        _(
            "Kick's realtime feed of chatroom `{id}` shows nothing of the chat of **{channel}**. "
            "Gifts and subs that a webhook loses are not noticed.\nRun `/sync_kick`, or set the id "
            "with `/set_chatroom`."
        ).format(id=payload["chatroom_id"], channel=safe(payload["slug"])),
        tone="warning",
    )
    return Rendered(embed)


def _clock(since: str) -> str:
    """The time of day, in the reader's own zone."""
    return f"<t:{int(datetime.fromisoformat(since).timestamp())}:t>"
