"""Permission bits and how Discord computes them for a member in a channel.

https://discord.com/developers/docs/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from enum import IntFlag

from sandbox.discord.ids import utc_now
from sandbox.discord.models import Channel, Guild, Member, Role


class Permission(IntFlag):
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    MODERATE_MEMBERS = 1 << 40
    PIN_MESSAGES = 1 << 51


ALL = (1 << 53) - 1
DIRECT_MESSAGE = int(
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.MENTION_EVERYONE
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.PIN_MESSAGES
)
_TIMED_OUT = int(Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY)
_NEEDS_SENDING = int(
    Permission.MENTION_EVERYONE
    | Permission.SEND_TTS_MESSAGES
    | Permission.ATTACH_FILES
    | Permission.EMBED_LINKS
)


def in_guild(guild: Guild, member: Member) -> int:
    """The member's permissions before any channel overwrite."""
    if member.user_id == guild.owner_id:
        return ALL
    granted = guild.everyone.permissions
    for role_id in member.roles:
        granted |= guild.roles[role_id].permissions
    if granted & Permission.ADMINISTRATOR:
        return ALL
    return granted & _TIMED_OUT if _is_timed_out(member) else granted


def in_channel(guild: Guild, member: Member, channel: Channel) -> int:
    granted = in_guild(guild, member)
    if granted == ALL:
        return ALL
    granted = _with_overwrites(granted, guild, member, channel)
    if _is_timed_out(member):
        granted &= _TIMED_OUT
    if not granted & Permission.VIEW_CHANNEL:
        return 0
    if not granted & Permission.SEND_MESSAGES:
        granted &= ~_NEEDS_SENDING
    return granted


def _with_overwrites(granted: int, guild: Guild, member: Member, channel: Channel) -> int:
    """First @everyone, then all roles together, then the member: each denies, then allows."""
    for targets in ([guild.id], member.roles, [member.user_id]):
        found = [channel.overwrites[t] for t in targets if t in channel.overwrites]
        for overwrite in found:
            granted &= ~overwrite.deny
        for overwrite in found:
            granted |= overwrite.allow
    return granted


def _is_timed_out(member: Member) -> bool:
    return member.timeout_until is not None and member.timeout_until > utc_now()


def top_role(guild: Guild, member: Member) -> Role:
    held = [guild.roles[role_id] for role_id in member.roles]
    return max([guild.everyone, *held], key=rank)


def rank(role: Role) -> tuple[int, int]:
    """On the same position the older role (smaller id) is the higher one."""
    return (role.position, -role.id)


def outranks_role(guild: Guild, member: Member, role: Role) -> bool:
    """The owner is above all roles."""
    if member.user_id == guild.owner_id:
        return True
    return rank(top_role(guild, member)) > rank(role)


def outranks_member(guild: Guild, member: Member, other: Member) -> bool:
    if other.user_id == guild.owner_id:
        return member.user_id == guild.owner_id
    return outranks_role(guild, member, top_role(guild, other))
