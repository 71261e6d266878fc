"""Embeds: connecting an account, and writing in chat."""

import discord

from core.guilds.connections.messages import invitation
from core.kit.discord.ui import card, safe
from core.kit.text.words import _
from core.twitch.accounts.actions import ACCOUNTS
from core.twitch.accounts.records import Role


def invite(server: str, role: Role) -> discord.Embed:
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
    return invitation(ACCOUNTS[role], body.format(server=safe(server)))


def said(line: str) -> discord.Embed:
    """After `/say_twitch`."""
    return card(
        "💬 " + _("Twitch's chat will read it in a moment"),
        safe(line, 500, links=True),
        tone="twitch",
    )
