"""Embeds: the connected accounts, and the self-test."""

from collections.abc import Mapping
from typing import Any

import discord

from core.kit.discord.ui import card, safe
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.outbox.selftest import Result
from core.twitch.accounts.records import Role
from core.twitch.accounts.rules import missing_words


def invitation(server: str, role: Role) -> discord.Embed:
    """Above the button with the link."""
    if role == "bot":
        body = _(
            "This lets another account write in the Twitch chat for **{server}**. Open the link in "
            "a browser in which you can sign in to Twitch as that account."
        )
    else:
        body = _(
            "This connects **{server}** with the Twitch channel of the account that the streamer "
            "signs in with."
        )
    return card(
        "🔗 " + _("Connect Twitch"),
        body.format(server=safe(server))
        + "\n-# "
        + _("The link is yours, works once and for 15 minutes."),
        tone="twitch",
    )


def connected(payload: Mapping[str, Any]) -> Rendered:
    """To whoever asked for the link. Payload: `account`, `server`, `scopes`, `role`."""
    missing = missing_words(payload["role"], payload["scopes"])
    body = _("**{account}** on Twitch is connected with **{server}**.").format(
        account=safe(payload["account"]), server=safe(payload["server"])
    )
    if not missing:
        return Rendered(card("✅ " + _("Connected"), body, tone="success"))
    body += "\n" + _("Twitch was not allowed everything: {words}.").format(words=", ".join(missing))
    return Rendered(card("✅ " + _("Connected"), body, tone="warning"))


def reconnect(payload: Mapping[str, Any]) -> Rendered:
    """To the admins. Payload: `account`, `server`, `role`."""
    if payload["role"] == "bot":
        body = _("The bot cannot write in Twitch's chat as **{account}** any more in **{server}**.")
    else:
        body = _(
            "Twitch has ended the connection of **{account}** with **{server}**. Chat, "
            "subscriptions and gifts from Twitch do not arrive until it is connected again."
        )
    text = body.format(account=safe(payload["account"]), server=safe(payload["server"]))
    text += "\n" + _("Run `/connect_twitch` in that server.")
    return Rendered(card("🔌 " + _("Twitch has to be connected again"), text, tone="warning"))


def ask_disconnect(name: str, held: str = "") -> discord.Embed:
    """`held`: what the bot cannot end any more afterwards."""
    body = _("Nothing from Twitch arrives after that. Watchtime, tickets and settings stay.")
    if held:
        body += "\n" + _("{held} Afterwards the bot cannot end that any more.").format(held=held)
    title = _("Disconnect {name}?").format(name=safe(name))
    return card("❓ " + title, body, tone="warning")


def ending(held: str) -> discord.Embed:
    """Something is ended before the account is disconnected."""
    if not held:
        body = _("There is nothing to end any more. Run `/disconnect_twitch` again.")
        return card("🔌 " + _("Nothing to end"), body)
    body = _("{held} That is being ended on Twitch. The account is disconnected after that.")
    return card("⌛ " + _("Disconnecting soon"), body.format(held=held), tone="success")


def disconnected(name: str, is_revoked: bool) -> discord.Embed:
    body = _("Its token is revoked and forgotten.")
    if not is_revoked:
        body = _(
            "Its token is forgotten here, but Twitch did not answer: to be sure, remove the app "
            "under Settings, Connections on Twitch."
        )
    title = _("{name} is disconnected").format(name=safe(name))
    return card("🔌 " + title, body, tone="success" if is_revoked else "warning")


def not_connected() -> discord.Embed:
    return card("🔌 " + _("No Twitch account is connected"), _("`/connect_twitch` connects one."))


def selftest(result: Result) -> discord.Embed:
    """Whether a line was sent and came back."""
    if result.returned_after is not None:
        body = _("A line went to Twitch's chat and came back after {time} s.").format(
            time=f"{result.returned_after:.1f}"
        )
        return card("✅ " + _("Twitch works in both directions"), body, tone="success")
    if result.was_sent:
        return card(
            "❌ " + _("The line was sent, but did not come back"),
            _("Chat from Twitch does not arrive here. Look at `/check_twitch_config`."),
            tone="error",
        )
    return card(
        "❌ " + _("The line could not be sent"),
        safe(result.trouble or _("It is still waiting; see `/health`."), 1000),
        tone="error",
    )


def said(line: str) -> discord.Embed:
    """After `/say_twitch`."""
    return card(
        "💬 " + _("Twitch's chat will read it in a moment"),
        safe(line, 500, links=True),
        tone="twitch",
    )
