"""Embeds and chat messages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord

from core.kit.discord.ui import Tone, ago, card, lines, mention, safe
from core.kit.runtime.clock import parse_instant
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.vips.records import KnownVip, Reward, Session
from core.vips.rules import filled, reason_text, short_duration

_ACTS: dict[str, tuple[str, Tone]] = {
    "granted": ("💎", "success"),
    "extended": ("⏩", "twitch"),
    "adopted": ("📌", "twitch"),
    "kept": ("📎", "system"),
    "ended": ("⌛", "system"),
    "failed": ("⚠️", "warning"),
}


def source_label(source: str) -> str:
    """Why a viewer is a VIP."""
    return {
        "reward": _("channel points"),
        "manual": _("by a moderator"),
        "adopted": _("added on Twitch"),
        "subscription": _("subscription"),
        "bits": _("bits"),
        "raffle": _("raffle"),
        "watchtime": _("watchtime"),
        "points": _("points"),
    }.get(source, source)


def bot_or_streamer(by_streamer: bool) -> str:
    """Who did it, if not a member of the server."""
    return _("the streamer (signed in with Twitch)") if by_streamer else _("the bot")


def end_reason_text(reason: str) -> str:
    """Why a session ended or was never granted, in words for moderators."""
    about_viewers = reason_text(reason)
    return {
        "expired": _("The time is up."),
        "revoked": _("A moderator removed it."),
        "removed_on_twitch": _("It was removed on Twitch."),
        "unsubscribed": _("The subscription has ended."),
        "withdrawn": _("The channel points were refunded on Twitch."),
        "left": _("The channel was disconnected, so the bot can no longer end it."),
        "disconnected": _("The channel is being disconnected."),
        "watchtime": _("They have not watched long enough yet."),
        "not_linked": _("Their account is not linked."),
        "excluded": _("They are excluded from VIP."),
        "cooldown": _("They redeemed VIP too recently."),
        "already_vip": _("They are already a VIP."),
        "broadcaster": _("It is their own channel."),
    }.get(reason, about_viewers[:1].upper() + about_viewers[1:])


def cost_words(cost: int) -> str:
    return plural("{count} channel point", "{count} channel points", cost)


AUDITED = ("granted", "extended", "ended", "failed", "kept", "refunded", "lost")


def audit_line(act: str) -> Callable[[Any, Any], str]:
    """The text of an audit log entry about an automatic change."""

    def line(_before: Any, after: Any) -> str:
        texts = {
            "granted": _("made {target} a VIP"),
            "extended": _("extended the VIP of {target}"),
            "ended": _("ended the VIP of {target}"),
            "failed": _("could not make {target} a VIP"),
            "kept": _("left the VIP of {target} on Twitch"),
            "refunded": _("refunded the channel points of {target}"),
            "lost": _("could not refund the channel points of {target}"),
        }
        said = after if isinstance(after, dict) else {}
        parts = [
            source_label(said["source"]) if "source" in said else "",
            short_duration(said["minutes"]) if "minutes" in said else "",
            cost_words(said["cost"]) if "cost" in said else "",
            end_reason_text(said["reason"]).rstrip(".") if "reason" in said else "",
        ]
        details = ", ".join(part for part in parts if part)
        return f"{texts[act]} ({details})" if details else texts[act]

    return line


# -- chat -----------------------------------------------------------------------------------------


def line(payload: Mapping[str, Any]) -> str:
    """Fill in one of the server's texts."""
    fields = {name: str(value) for name, value in payload.items() if name != "text"}
    return filled(str(payload["text"]), **fields)


def loss(payload: Mapping[str, Any]) -> str:
    """Chat message about lost channel points."""
    text = _("@{viewer} You did not get VIP: {reason} Ask the streamer for your points back.")
    return text.format_map(payload)


def left(payload: Mapping[str, Any]) -> str:
    """Reply to `!vip`."""
    replies = {
        "none": _("@{viewer} You're not a VIP."),
        "endless": _("@{viewer} You're a VIP."),
        "until": _("@{viewer} You're a VIP for another {left}."),
    }
    return replies[payload["state"]].format_map(payload)


# -- Discord --------------------------------------------------------------------------------------


def log_entry(payload: Mapping[str, Any]) -> discord.Embed:
    """Entry in the log channel about a change to a VIP."""
    titles = {
        "granted": _("{viewer} is now a VIP"),
        "extended": _("VIP of {viewer} extended"),
        "adopted": _("Set an end date for the VIP of {viewer}"),
        "ended": _("{viewer} is no longer a VIP"),
        "kept": _("{viewer} stays a VIP on Twitch"),
        "failed": _("{viewer} did not become a VIP"),
    }
    icon, tone = _ACTS[payload["act"]]
    parts = []
    if payload["act"] in ("ended", "failed", "kept"):
        parts.append(end_reason_text(payload["reason"]))
    elif payload["minutes"]:
        parts.append(_("For {time}").format(time=short_duration(payload["minutes"])))
    if payload["ends_at"] and payload["act"] not in ("ended", "kept"):
        parts.append(_("Ends {when}").format(when=ago(parse_instant(payload["ends_at"]))))
    by = mention(payload["actor"]) if payload["actor"] else bot_or_streamer(payload["by_streamer"])
    parts.append(_("{source} · {by}").format(source=source_label(payload["source"]), by=by))
    if payload["cost"]:
        parts.append(cost_words(payload["cost"]))
    title = titles[payload["act"]].format(viewer=safe(payload["viewer"]))
    footer = _("VIP #{number}").format_map(payload)
    return card(f"{icon} {title}", lines(parts), tone=tone, footer=footer)


def warning(payload: Mapping[str, Any]) -> Rendered:
    """Direct message: VIP is about to end."""
    when = ago(parse_instant(payload["ends_at"]))
    body = _("Your VIP in the Twitch channel of **{server}** ends {when}.")
    text = body.format(server=safe(payload["server"]), when=when)
    return Rendered(card("⌛ " + _("Your VIP ends soon"), text, tone="twitch"))


def alert(payload: Mapping[str, Any]) -> Rendered:
    """A message to the server's admins."""
    title, what = safe(payload.get("title", "")), payload["what"]
    alerts = {
        "full": (
            _("All VIP slots are taken"),
            _("The rewards are paused until a slot is free. Points were refunded."),
        ),
        "locked": (
            _("Twitch has not unlocked VIPs for this channel"),
            _("The rewards are paused. Complete *Build a Community* on Twitch, then resume them."),
        ),
        "reward_deleted": (
            _("The reward {title} was deleted on Twitch").format(title=title),
            _("Create it again with `/vip reward again`."),
        ),
        "skips_queue": (
            _("The reward {title} skipped the queue").format(title=title),
            _(
                "I turned that off again because such redemptions can't be refunded. Those made in "
                "the meantime give VIP if possible."
            ),
        ),
        "skips_queue_elsewhere": (
            _("The reward {title} skips the queue").format(title=title),
            _(
                "Its redemptions can't be refunded. On Twitch, turn off *Skip reward requests "
                "queue*."
            ),
        ),
        "reward_lost": (
            _("The reward {title} belongs to another app").format(title=title),
            _(
                "Twitch lets only the app that created a reward change or refund it. Delete it on "
                "Twitch and create it again with `/vip reward create`."
            ),
        ),
        "lost_points": (
            _("{viewer} lost channel points").format(viewer=safe(payload.get("viewer", ""))),
            _(
                "{title}: {reason} The bot can't refund these points. Please compensate the viewer."
            ).format(title=title, reason=payload.get("reason", "")),
        ),
        "trouble": (
            _("Problem with VIPs"),
            safe(payload.get("text", ""), 1000),
        ),
        "raffle_unlinked": (
            _("{viewer} won VIP but has not linked a Twitch account").format(
                viewer=safe(payload.get("viewer", ""))
            ),
            _("Use `/vip give` once they have linked one."),
        ),
    }
    heading, body = alerts[what]
    return Rendered(card("⚠️ " + heading, body, tone="warning"))


def vips(live: Sequence[Session], manual: Sequence[KnownVip]) -> discord.Embed:
    """All VIPs."""
    rows = [_session(session) for session in live]
    if manual:
        names = ", ".join(safe(vip.viewer_name) for vip in manual)
        rows += ["", _("Added on Twitch, no end date: {names}").format(names=names)]
    title = plural("{count} active VIP", "{count} active VIPs", len(live))
    empty = _("Use `/vip give`, or sell VIP for channel points with `/vip reward create`.")
    return card("💎 " + title, lines(rows) or empty, tone="twitch")


def _session(session: Session) -> str:
    states = {"granting": _("being granted"), "ending": _("being removed")}
    when = states.get(session.state, _("while they subscribe"))
    if session.state == "active" and session.ends_at is not None:
        when = _("ends {when}").format(when=ago(session.ends_at))
    return (
        f"`#{session.number}` **{safe(session.viewer_name)}** · {when} · "
        f"{source_label(session.source)}"
    )


def changed(session: Session, viewer: str) -> discord.Embed:
    """A VIP was given, extended or adopted."""
    when = _("Waiting for Twitch to confirm it.")
    if session.ends_at is not None:
        when = _("Ends {when}").format(when=ago(session.ends_at))
    title = _("{viewer} is now a VIP").format(viewer=safe(viewer))
    footer = _("VIP #{number}").format(number=session.number)
    return card("💎 " + title, when, tone="success", footer=footer)


def revoked(viewer: str) -> discord.Embed:
    """A VIP is being removed."""
    title = _("{viewer} is no longer a VIP").format(viewer=safe(viewer))
    return card("⌛ " + title, _("Twitch is being updated."), tone="success")


def extended_all(count: int, minutes: int) -> discord.Embed:
    """All VIPs were extended."""
    title = plural("{count} VIP extended", "{count} VIPs extended", count)
    body = _("Extended by {time} each.").format(time=short_duration(minutes))
    return card("⏩ " + title, body, tone="success")


def rewards(found: Sequence[Reward]) -> discord.Embed:
    """The rewards of the channel."""
    rows = [_reward(reward) for reward in found]
    empty = _("Create one with `/vip reward create` (affiliates and partners only).")
    return card("🎁 " + _("Channel-point rewards"), lines(rows) or empty, tone="twitch")


def _reward(reward: Reward) -> str:
    states = {
        "creating": _("being created"),
        "deleting": _("being deleted"),
        "deleted": _("deleted on Twitch · `/vip reward again`"),
    }
    pauses = {
        "hand": _("paused"),
        "full": _("paused: no VIP slot is free"),
        "locked": _("paused: VIPs not unlocked yet"),
    }
    state = states.get(reward.state) or pauses.get(reward.pause, _("on"))
    if not reward.is_ours:
        state = _("created elsewhere, cannot be refunded") + (
            "" if reward.is_used else " · " + _("not used")
        )
    time = short_duration(reward.minutes) if reward.minutes else _("default duration")
    row = f"`#{reward.number}` **{safe(reward.title)}** · {reward.cost:,} · {time} · {state}"
    return row + (f"\n-# ↳ {safe(reward.trouble)}" if reward.trouble else "")


def reward_changed(reward: Reward) -> discord.Embed:
    """A reward was created or changed."""
    return card(f"🎁 {safe(reward.title)}", _reward(reward), tone="success")
