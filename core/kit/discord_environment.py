"""Whether what the environment says about Discord is true of the servers that the bot is in."""

from collections.abc import Iterable
from typing import Any

import discord

from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import permission_names
from core.kit.feature import GuildSetting
from core.kit.settings import Settings


def list_problems(
    settings: Settings, declared: Iterable[GuildSetting[Any]], client: discord.Client
) -> list[str]:
    """One sentence for each setting that will not work. The client has to be ready."""
    if settings.discord_guild_id is None:
        return []
    guild = client.get_guild(settings.discord_guild_id)
    if guild is None:
        return [
            "DISCORD_GUILD_ID is not a server that the bot is in: invite the bot there, or copy "
            "the id again."
        ]
    problems = {
        one.environment: _problem_of_channel(guild, getattr(settings, one.environment))
        for one in declared
        if one.environment is not None and one.of == "channel"
    }
    return [f"{name.upper()} {problem}" for name, problem in problems.items() if problem]


def _problem_of_channel(guild: discord.Guild, channel_id: int | None) -> str:
    if channel_id is None:
        return ""
    channel = guild.get_channel(channel_id)
    if channel is None:
        return "is not a channel of your server: copy the channel's id again."
    if not isinstance(channel, discord.TextChannel):
        return "is not a text channel."
    held = channel.permissions_for(guild.me)
    missing = [name for name in TO_POST if not getattr(held, name)]
    if missing:
        return f"is a channel where the bot lacks permissions: {permission_names(missing)}."
    return ""
