"""Embeds and lines of chat."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.kit.clock import parse_instant
from core.kit.discord_ui import Tone, ago, card, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.vips.records import KnownVip, Reward, Session
from core.vips.rules import filled, reason_words, short_duration

_ACTS: dict[str, tuple[str, Tone]] = {
    "granted": ("💎", "success"),
    "extended": ("⏩", "twitch"),
    "adopted": ("📌", "twitch"),
    "ended": ("⌛", "system"),
    "failed": ("⚠️", "warning"),
}


def source_words(source: str) -> str:
    """Why somebody is VIP."""
    return {
        "reward": _("channel points"),
        "manual": _("by a moderator"),
        "adopted": _("made on Twitch"),
        "subscription": _("subscription"),
        "bits": _("bits"),
        "raffle": _("raffle"),
        "watchtime": _("watchtime"),
        "points": _("points"),
    }.get(source, source)


def nobody(by_streamer: bool) -> str:
    """Who did it, where that is no member of the server."""
    return _("the streamer (signed in with Twitch)") if by_streamer else _("the bot")


def end_words(reason: str) -> str:
    """Why a session is over, or was never granted, as moderators read it."""
    about_viewers = reason_words(reason)
    return {
        "expired": _("The time is up."),
        "revoked": _("A moderator took it away."),
        "removed_on_twitch": _("It was removed on Twitch."),
        "unsubscribed": _("The subscription is over."),
        "watchtime": _("They have not watched long enough yet."),
        "not_linked": _("Their account is not linked."),
        "excluded": _("They are excluded from VIP."),
        "cooldown": _("They redeemed VIP only recently."),
        "already_vip": _("They are VIP already."),
        "broadcaster": _("It is their own channel."),
    }.get(reason, about_viewers[:1].upper() + about_viewers[1:])


# -- chat -----------------------------------------------------------------------------------------


def line(payload: Mapping[str, Any]) -> str:
    """A text of the server, filled in."""
    fields = {name: str(value) for name, value in payload.items() if name != "text"}
    return filled(str(payload["text"]), **fields)


def left(payload: Mapping[str, Any]) -> str:
    """Reply to `!vip`."""
    replies = {
        "none": _("@{viewer} You are not VIP."),
        "endless": _("@{viewer} You are VIP."),
        "until": _("@{viewer} You are VIP for another {left}."),
    }
    return replies[payload["state"]].format_map(payload)


# -- Discord --------------------------------------------------------------------------------------


def log_entry(payload: Mapping[str, Any]) -> discord.Embed:
    """What happened to a VIP, in the log channel."""
    titles = {
        "granted": _("{viewer} is VIP"),
        "extended": _("VIP of {viewer} extended"),
        "adopted": _("VIP of {viewer} has an end now"),
        "ended": _("{viewer} is no longer VIP"),
        "failed": _("{viewer} did not become VIP"),
    }
    icon, tone = _ACTS[payload["act"]]
    told = []
    if payload["act"] in ("ended", "failed"):
        told.append(end_words(payload["reason"]))
    elif payload["minutes"]:
        told.append(_("For {time}").format(time=short_duration(payload["minutes"])))
    if payload["ends_at"] and payload["act"] != "ended":
        told.append(_("Ends {when}").format(when=ago(parse_instant(payload["ends_at"]))))
    by = f"<@{payload['actor']}>" if payload["actor"] else nobody(payload["by_streamer"])
    told.append(_("{source} · {by}").format(source=source_words(payload["source"]), by=by))
    if payload["cost"]:
        told.append(_("{cost} channel points").format(cost=f"{payload['cost']:,}"))
    title = titles[payload["act"]].format(viewer=safe(payload["viewer"]))
    footer = _("VIP #{number}").format_map(payload)
    return card(f"{icon} {title}", lines(told), tone=tone, footer=footer)


def warning(payload: Mapping[str, Any]) -> Rendered:
    """Direct message: VIP is about to end."""
    when = ago(parse_instant(payload["ends_at"]))
    body = _("Your VIP in the Twitch channel of **{server}** ends {when}.")
    text = body.format(server=safe(payload["server"]), when=when)
    return Rendered(card("⌛ " + _("Your VIP ends soon"), text, tone="twitch"))


def alert(payload: Mapping[str, Any]) -> Rendered:
    """Something that the streamer has to know."""
    title, what = safe(payload.get("title", "")), payload["what"]
    told = {
        "full": (
            _("All VIP slots are taken"),
            _("The rewards are paused and points were refunded. They resume when a slot is free."),
        ),
        "locked": (
            _("Twitch has not unlocked VIPs for this channel"),
            _("The rewards are paused. Complete *Build a Community* on Twitch, then resume them."),
        ),
        "reward_deleted": (
            _("The reward {title} was deleted on Twitch").format(title=title),
            _("`/vip reward again` creates it again."),
        ),
        "skips_queue": (
            _("The reward {title} skipped the queue").format(title=title),
            _("It was switched back: what skips the queue can never be refunded."),
        ),
        "raffle_unlinked": (
            _("{viewer} won VIP, but it could not be given").format(
                viewer=safe(payload.get("viewer", ""))
            ),
            _("Once they link a Twitch account: `/vip give`."),
        ),
    }
    heading, body = told[what]
    return Rendered(card("⚠️ " + heading, body, tone="warning"))


def vips(live: Sequence[Session], manual: Sequence[KnownVip]) -> discord.Embed:
    """Everybody who is VIP."""
    rows = [_session(one) for one in live]
    if manual:
        names = ", ".join(safe(one.viewer_name) for one in manual)
        rows += ["", _("Made on Twitch, without an end: {names}").format(names=names)]
    title = plural("{count} VIP through me", "{count} VIPs through me", len(live))
    empty = _("`/vip give` makes somebody VIP, `/vip reward create` sells it for channel points.")
    return card("💎 " + title, lines(rows) or empty, tone="twitch")


def _session(session: Session) -> str:
    states = {"granting": _("being granted"), "ending": _("being removed")}
    when = states.get(session.state, _("while they subscribe"))
    if session.state == "active" and session.ends_at is not None:
        when = _("ends {when}").format(when=ago(session.ends_at))
    return (
        f"`#{session.number}` **{safe(session.viewer_name)}** · {when} · "
        f"{source_words(session.source)}"
    )


def changed(session: Session, viewer: str) -> discord.Embed:
    """A VIP was given, extended or adopted."""
    when = _("Twitch is being asked.")
    if session.ends_at is not None:
        when = _("Ends {when}").format(when=ago(session.ends_at))
    title = _("{viewer} is VIP").format(viewer=safe(viewer))
    footer = _("VIP #{number}").format(number=session.number)
    return card("💎 " + title, when, tone="success", footer=footer)


def revoked(viewer: str) -> discord.Embed:
    """A VIP ends."""
    title = _("{viewer} is no longer VIP").format(viewer=safe(viewer))
    return card("⌛ " + title, _("It is taken away on Twitch right now."), tone="success")


def extended_all(count: int, minutes: int) -> discord.Embed:
    """Everybody was extended."""
    title = plural("{count} VIP extended", "{count} VIPs extended", count)
    body = _("By {time} each.").format(time=short_duration(minutes))
    return card("⏩ " + title, body, tone="success")


def rewards(found: Sequence[Reward]) -> discord.Embed:
    """The rewards of the channel."""
    rows = [_reward(one) for one in found]
    empty = _("`/vip reward create` makes one. Twitch allows that for affiliates and partners.")
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
        "locked": _("paused: no VIPs on this channel yet"),
    }
    how = states.get(reward.state) or pauses.get(reward.pause, _("on"))
    if not reward.is_ours:
        how = _("created elsewhere, cannot be refunded") + (
            "" if reward.is_used else " · " + _("not used")
        )
    time = short_duration(reward.minutes) if reward.minutes else _("default duration")
    row = f"`#{reward.number}` **{safe(reward.title)}** · {reward.cost:,} · {time} · {how}"
    return row + (f"\n-# ↳ {safe(reward.trouble)}" if reward.trouble else "")


def reward_changed(reward: Reward) -> discord.Embed:
    """A reward was created or changed."""
    return card(f"🎁 {safe(reward.title)}", _reward(reward), tone="success")
