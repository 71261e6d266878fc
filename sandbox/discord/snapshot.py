"""The fake Discord's state as JSON for the page and the tests. Ids are strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.discord import channels, commands, message_payloads, payloads, permissions
from sandbox.discord.errors import Json
from sandbox.discord.models import DM_CHANNEL, Channel, Guild, Member, Message

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

MESSAGES_PER_CHANNEL = 100


def snapshot(discord: FakeDiscord) -> Json:
    """`{bot, guilds, dms, commands}`; `dms` by the person's handle. Ephemeral messages are listed
    in their channel with `ephemeral_for`, the handle of the only person who sees them."""
    return {
        "bot": payloads.user(discord.bot)
        | {
            "connected": discord.gateway.connected,
            "avatar_url": avatar_url(discord, discord.bot.id),
        },
        "guilds": [_guild(discord, guild) for guild in discord.guilds.values()],
        "dms": {str(handle_of(discord, u)): _dm(discord, c) for u, c in discord.direct.items()},
        "commands": slash_commands(discord),
    }


def slash_commands(discord: FakeDiscord) -> list[Json]:
    """One entry per subcommand, with a path such as `slotcalls status`."""
    return [
        {
            "path": path,
            "description": spec.get("description", ""),
            "options": spec.get("options") or [],
            "default_member_permissions": command.spec.get("default_member_permissions"),
            "guild_id": None if command.guild_id is None else str(command.guild_id),
            "command_id": str(command.id),
        }
        for command in discord.commands.values()
        if command.kind == commands.CHAT_INPUT
        for path, spec in commands.leaves(command)
    ]


def handle_of(discord: FakeDiscord, user_id: int) -> str | None:
    """The person's handle, or "bot"; None for a webhook."""
    user = discord.users.get(user_id)
    if user is None:
        return None
    return "bot" if user.bot else user.handle


def avatar_url(discord: FakeDiscord, user_id: int) -> str:
    return f"{discord.cdn_url}/avatars/{user_id}/{user_id:032x}.png"


def message_view(discord: FakeDiscord, message: Message) -> Json:
    """The message as in the API, plus what the page shows."""
    author = None if message.sent_as is not None else handle_of(discord, message.author_id)
    reactors = {
        key: [handle_of(discord, user_id) for user_id in reaction.user_ids]
        for key, reaction in message.reactions.items()
    }
    hidden = message.ephemeral_for
    return message_payloads.message(discord, message) | {
        "author_handle": author,
        "author_name": _shown_name(discord, message),
        "author_avatar_url": avatar_url(discord, message.author_id),
        "ephemeral_for": None if hidden is None else handle_of(discord, hidden),
        "reactors": reactors,
    }


def _shown_name(discord: FakeDiscord, message: Message) -> str:
    if message.sent_as is not None:
        return str(message.sent_as["username"])
    guild_id = discord.channel(message.channel_id).guild_id
    members = {} if guild_id is None else discord.guild(guild_id).members
    nick = members[message.author_id].nick if message.author_id in members else None
    user = discord.user(message.author_id)
    return nick or user.global_name or user.username


def _guild(discord: FakeDiscord, guild: Guild) -> Json:
    in_order = sorted(guild.channels.values(), key=lambda c: (c.position, c.id))
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner": handle_of(discord, guild.owner_id),
        "channels": [channel_view(discord, channel) for channel in in_order],
        "members": [_member(discord, guild, m) for m in guild.members.values()],
        "roles": [payloads.role(role) for role in guild.roles.values()],
        "emojis": [payloads.emoji(emoji) for emoji in guild.emojis.values()],
    }


def channel_view(discord: FakeDiscord, channel: Channel) -> Json:
    """A channel with its last messages, and the handles of the people who can see it."""
    shown = list(channel.messages.values())[-MESSAGES_PER_CHANNEL:]
    seeing = [
        handle_of(discord, user.id)
        for user in discord.users.values()
        if discord.permissions_in(channel, user.id) & permissions.Permission.VIEW_CHANNEL
    ]
    return payloads.channel(discord, channel) | {
        "name": "dm" if channel.kind == DM_CHANNEL else channel.name,
        "visible_to": seeing,
        "bot_access": channels.bot_access(discord, channel),
        "messages": [message_view(discord, message) for message in shown],
        "pins": [str(message.id) for message in channel.pins()],
    }


def _dm(discord: FakeDiscord, channel: Channel) -> Json:
    assert channel.recipient_id is not None
    return channel_view(discord, channel) | {"open": discord.dms_open(channel.recipient_id)}


def _member(discord: FakeDiscord, guild: Guild, member: Member) -> dict[str, Any]:
    user = discord.user(member.user_id)
    colored = [
        role
        for role in sorted((guild.roles[r] for r in member.roles), key=permissions.rank)
        if role.color
    ]
    return payloads.member(discord, member) | {
        "handle": handle_of(discord, user.id),
        "display_name": member.nick or user.global_name or user.username,
        "avatar_url": avatar_url(discord, user.id),
        "color": colored[-1].color if colored else None,
        "permissions": str(permissions.in_guild(guild, member)),
        "dms_open": discord.dms_open(user.id),
    }
