"""Embeds about the Kick account and channel."""

from collections.abc import Mapping
from typing import Any

import discord

from core.kick.accounts.channels import Synced
from core.kick.accounts.primary import Primary
from core.kick.accounts.records import KnownChannel
from core.kick.accounts.rules import missing_scopes, scope_words
from core.kit.discord_ui import card, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered


def invitation(server: str, slug: str) -> discord.Embed:
    """Above the button with the link."""
    return card(
        "🔗 " + _("Connect Kick"),
        _(
            "This ties **{server}** to the channel **{channel}** on Kick. The streamer of that "
            "channel has to say yes on Kick."
        ).format(server=safe(server), channel=safe(slug))
        + "\n-# "
        + _("The link is yours, works once and for 15 minutes."),
        tone="kick",
    )


def connected(payload: Mapping[str, Any]) -> Rendered:
    """To whoever asked for the link. Payload: `account`, `server`, `scopes`."""
    missing = missing_scopes(payload["scopes"])
    body = _("**{account}** on Kick is connected with **{server}**.").format(
        account=safe(payload["account"]), server=safe(payload["server"])
    )
    if missing:
        words = ", ".join(scope_words(scope) for scope in missing)
        body += "\n" + _("Kick did not allow everything: {words}.").format(words=words)
    tone = "warning" if missing else "success"
    return Rendered(card("✅ " + _("Connected"), body, tone=tone))  # type: ignore[arg-type]


def reconnect(payload: Mapping[str, Any]) -> Rendered:
    """To whoever had connected the account. Payload: `account`, `server`."""
    body = _(
        "Kick has ended the connection of **{account}** with **{server}**. Events still arrive; "
        "what acts in the streamer's name waits.\nRun `/connect_kick` in that server."
    ).format(account=safe(payload["account"]), server=safe(payload["server"]))
    return Rendered(card("🔌 " + _("Kick has to be connected again"), body, tone="warning"))


def ask_disconnect(name: str) -> discord.Embed:
    return card(
        "❓ " + _("Disconnect {name}?").format(name=safe(name)),
        _(
            "What acts in the streamer's name stops. Watchtime, tickets and settings stay, and "
            "chat is still heard."
        ),
        tone="warning",
    )


def disconnected(name: str, is_revoked: bool) -> discord.Embed:
    body = _("Its tokens are revoked and forgotten.")
    if not is_revoked:
        body = _(
            "Its tokens are forgotten here, but Kick did not answer: to be sure, the streamer can "
            "remove the app under Settings, Connections on Kick."
        )
    title = _("{name} is disconnected").format(name=safe(name))
    return card("🔌 " + title, body, tone="success" if is_revoked else "warning")


def not_connected() -> discord.Embed:
    return card("🔌 " + _("No Kick account is connected"), _("`/connect_kick` connects one."))


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
    """To the admins of the other server. Payload: `slug`, `before`, `after`."""
    body = _(
        "**{after}** answers in the Kick chat of **{slug}** now, instead of **{before}**. Both "
        "servers keep counting watchtime and tickets. See `/kick_primary`."
    ).format(**{key: safe(value) for key, value in payload.items()})
    return Rendered(card("👑 " + _("Another server answers in Kick chat"), body, tone="kick"))


def synced(found: Synced) -> discord.Embed:
    """All that is known of the channel."""
    known = found.known
    rows = [
        "🟢 " + _("Channel: **{slug}**").format(slug=safe(found.slug)),
        "🟢 " + _("Broadcaster id: `{id}`").format(id=known.broadcaster_user_id),
        *_numbers(known),
    ]
    if found.site_trouble and None in (known.chatroom_id, known.site_channel_id):
        reason = _("Kick's website did not answer ({reason}).")
        rows.append("-# " + reason.format(reason=safe(found.site_trouble)))
        rows.append(_how_to_find_them(found.slug))
    return card("🔄 " + _("Kick is in sync"), "\n".join(rows), tone="kick")


def _numbers(known: KnownChannel) -> list[str]:
    words = {"site": _("from Kick's website"), "typed": _("typed in")}
    rows = ["⚪ " + _("Chatroom id: not known"), "⚪ " + _("Website's channel id: not known")]
    if known.chatroom_id is not None:
        origin = words.get(known.chatroom_from or "", "")
        row = _("Chatroom id: `{id}` ({origin})").format(id=known.chatroom_id, origin=origin)
        rows[0] = "🟢 " + row
    if known.site_channel_id is not None:
        rows[1] = "🟢 " + _("Website's channel id: `{id}`").format(id=known.site_channel_id)
    return rows


def _how_to_find_them(slug: str) -> str:
    """Kick's website shows browsers what it keeps from servers."""
    return _(
        "-# Only the realtime feed needs these two; webhooks work without. Open "
        "<https://kick.com/api/v2/channels/{slug}> in your browser: the number after the first "
        '`"id":` is the channel\'s, the one after `"chatroom":{{"id":` the chatroom\'s. Type them '
        "in with `/set_chatroom`."
    ).format(slug=slug)


def numbers(typed: Synced) -> discord.Embed:
    """After typing in."""
    known = typed.known
    rows = _numbers(known)
    if known.chatroom_id is not None and not known.is_chatroom_sure:
        reason = _("Not confirmed yet: Kick's website did not answer ({reason}).")
        rows.append("⚠️ " + reason.format(reason=safe(typed.site_trouble)))
        rows.append(_("I'll alert you if the realtime feed shows another channel's chat."))
    if None in (known.chatroom_id, known.site_channel_id):
        rows.append(_how_to_find_them(typed.slug))
    return card("💬 " + _("For the realtime feed"), "\n".join(rows), tone="kick")
