"""Which of discord.py's errors are a missing permission, and which are Discord's outage."""

import re

import aiohttp
import discord

from core.kit.errors import Outage

TO_POST = ("view_channel", "send_messages", "embed_links")
"""What the bot needs in a channel where it posts."""

MISSING_ACCESS = 50001
"""Discord's code where the bot does not even see the channel."""

_NEEDED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PUT", r"/messages/\d+/reactions/", ("add_reactions", "read_message_history")),
    ("DELETE", r"/messages/\d+/reactions", ("manage_messages",)),
    ("PUT|DELETE", r"/channels/\d+/(messages/)?pins", ("pin_messages",)),
    ("DELETE", r"/channels/\d+/messages/\d+$", ("manage_messages",)),
    ("GET", r"/channels/\d+/messages", ("view_channel", "read_message_history")),
    ("POST|PATCH", r"/channels/\d+/messages", TO_POST),
    ("PUT|DELETE|PATCH", r"/guilds/\d+/members/\d+", ("manage_roles",)),
    ("GET|PUT|DELETE", r"/guilds/\d+/bans", ("ban_members",)),
)
"""Method and path of a call -> what it needs: Discord's answer does not say."""


def outage_of(error: BaseException) -> Outage | None:
    """Discord's outage, if this error is one."""
    match error:
        case discord.DiscordServerError() | discord.HTTPException(status=429):
            return Outage("Discord", f"{error.status} {error.text}".strip())
        case discord.RateLimited():
            return Outage("Discord", "rate limited", error.retry_after)
        case aiohttp.ClientError():
            return Outage("Discord", type(error).__name__)
    return None


def lacking(error: discord.Forbidden, guild: discord.Guild | None) -> tuple[str, ...]:
    """The permissions that the bot needed for what Discord refused, those it has left out; empty
    where they are not known."""
    method = str(getattr(error.response, "method", ""))
    path = str(getattr(error.response, "url", "")).split("?")[0]
    needed: tuple[str, ...] = ()
    if error.code == MISSING_ACCESS:
        needed = ("view_channel",)
    else:
        for methods, pattern, names in _NEEDED:
            if re.fullmatch(methods, method) and re.search(pattern, path):
                needed = names
                break
    if guild is None:
        return needed
    channel_id = re.search(r"/channels/(\d+)", path)
    channel = guild.get_channel(int(channel_id[1])) if channel_id else None
    held = channel.permissions_for(guild.me) if channel else guild.me.guild_permissions
    return tuple(name for name in needed if not getattr(held, name)) or needed
