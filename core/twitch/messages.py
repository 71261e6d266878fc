"""Embeds: connecting an account, and writing in chat."""

import discord

from core.kit.discord.ui import card, safe
from core.kit.text.words import _
from core.twitch.accounts.records import Role


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


def said(line: str) -> discord.Embed:
    """After `/say_twitch`."""
    return card("💬 " + _("Twitch's chat will read it in a moment"), safe(line, 500), tone="twitch")
