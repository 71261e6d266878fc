"""Seed data: two servers with the same ids after every start. Nora's Corner is the main one; Vera's
Den is there to test that servers are separate. leo is in both; sam is in none until `member {join:
true}`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sandbox.discord.models import (
    MEMBER_OVERWRITE,
    ROLE_OVERWRITE,
    Channel,
    Emoji,
    Guild,
    Member,
    Overwrite,
    Role,
    User,
)
from sandbox.discord.permissions import Permission
from sandbox.people import Person

BOT_ID = 1_100_000_000_000_000_009
NORAS_CORNER_ID = 1_100_000_000_000_000_100
VERAS_DEN_ID = 1_100_000_000_000_000_500
DIRECT_CHANNELS_FROM = 1_100_000_000_000_001_000

CHANNEL_NAMES = ("general", "slot-calls", "raffle", "bot-log", "mods")
_TOPICS = {
    "general": "Say hi!",
    "slot-calls": "What chat wants Nora to play next",
    "raffle": "Tickets and winners",
    "bot-log": "What the bot did",
    "mods": "Moderators only",
}
_MEMBERS = {
    NORAS_CORNER_ID: ("nora", "tomas", "mia", "leo", "yuki"),
    VERAS_DEN_ID: ("vera", "leo"),
}
_OPENED = datetime(2024, 5, 1, 18, 0, tzinfo=UTC)

EVERYONE_MAY = int(
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.ADD_REACTIONS
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
)
MODERATORS_MAY = int(
    Permission.MANAGE_MESSAGES
    | Permission.PIN_MESSAGES
    | Permission.MANAGE_GUILD
    | Permission.MANAGE_ROLES
    | Permission.KICK_MEMBERS
    | Permission.MODERATE_MEMBERS
    | Permission.MENTION_EVERYONE
)
# What the product's invite asks for.
BOT_MAY = int(
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.ADD_REACTIONS
    | Permission.MANAGE_MESSAGES
    | Permission.PIN_MESSAGES
    | Permission.MANAGE_ROLES
    | Permission.VIEW_AUDIT_LOG
)
# Name, permissions, colour, shown apart. From the lowest to the highest.
_ROLES: tuple[tuple[str, int, int, bool], ...] = (
    ("Regular", 0, 0x5DADE2, True),
    ("VIP Regular", 0, 0xF1C40F, True),
    ("Regulars", BOT_MAY, 0x1ABC9C, False),
    ("Moderator", MODERATORS_MAY, 0x2ECC71, True),
)


def users(people: Sequence[Person]) -> dict[int, User]:
    found = {
        p.discord_id: User(p.discord_id, p.discord_name, p.display_name, handle=p.handle)
        for p in people
    }
    return found | {BOT_ID: User(BOT_ID, "Regulars", None, bot=True)}


def guilds(people: Sequence[Person]) -> dict[int, Guild]:
    by_handle = {p.handle: p for p in people}
    return {
        NORAS_CORNER_ID: _guild(NORAS_CORNER_ID, "Nora's Corner", by_handle),
        VERAS_DEN_ID: _guild(VERAS_DEN_ID, "Vera's Den", by_handle),
    }


def channel_id(guild_id: int, name: str) -> int:
    return guild_id + 20 + CHANNEL_NAMES.index(name)


def direct_channel_id(user_id: int) -> int:
    """DMs keep their ids over restarts; the people's ids differ in their last digits."""
    return DIRECT_CHANNELS_FROM + user_id % 1_000


def _guild(guild_id: int, name: str, by_handle: dict[str, Person]) -> Guild:
    people = [by_handle[handle] for handle in _MEMBERS[guild_id]]
    guild = Guild(guild_id, name, owner_id=people[0].discord_id)
    guild.roles = _roles(guild_id)
    guild.members = {p.discord_id: _member(guild, p) for p in people}
    bot_role = next(r for r in guild.roles.values() if r.managed)
    guild.members[BOT_ID] = Member(BOT_ID, guild_id, _OPENED, roles=[bot_role.id])
    guild.channels = _channels(guild)
    emoji = Emoji(guild_id + 90, "hype")
    guild.emojis = {emoji.id: emoji}
    return guild


def _roles(guild_id: int) -> dict[int, Role]:
    roles = {guild_id: Role(guild_id, guild_id, "@everyone", 0, EVERYONE_MAY)}
    for place, (name, granted, color, hoist) in enumerate(_ROLES, start=1):
        role = Role(guild_id + place, guild_id, name, place, granted, color, hoist)
        if name == "Regulars":
            role.managed, role.bot_id = True, BOT_ID
        roles[role.id] = role
    return roles


def _member(guild: Guild, person: Person) -> Member:
    moderator = next(r.id for r in guild.roles.values() if r.name == "Moderator")
    roles = [moderator] if person.role == "moderator" else []
    return Member(person.discord_id, guild.id, _OPENED, roles=roles)


def _channels(guild: Guild) -> dict[int, Channel]:
    channels = {}
    for place, name in enumerate(CHANNEL_NAMES):
        channel = Channel(
            channel_id(guild.id, name),
            name,
            guild_id=guild.id,
            position=place,
            topic=_TOPICS[name],
        )
        channels[channel.id] = channel
    _close_to_everyone(guild, channels[channel_id(guild.id, "mods")])
    return channels


def _close_to_everyone(guild: Guild, mods: Channel) -> None:
    view = int(Permission.VIEW_CHANNEL)
    moderator = next(r.id for r in guild.roles.values() if r.name == "Moderator")
    mods.overwrites = {
        guild.id: Overwrite(guild.id, ROLE_OVERWRITE, 0, view),
        moderator: Overwrite(moderator, ROLE_OVERWRITE, view, 0),
        BOT_ID: Overwrite(BOT_ID, MEMBER_OVERWRITE, view, 0),
    }
