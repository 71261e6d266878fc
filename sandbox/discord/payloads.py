"""The JSON objects Discord sends, complete: discord.py disconnects when a key such as a channel's
`position` or a member's `flags` is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord import permissions
from sandbox.discord.errors import Json
from sandbox.discord.ids import iso
from sandbox.discord.models import (
    DM_CHANNEL,
    Attachment,
    Channel,
    Command,
    Emoji,
    Guild,
    Member,
    Overwrite,
    Role,
    User,
    Webhook,
)

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def user(person: User) -> Json:
    payload: Json = {
        "id": str(person.id),
        "username": person.username,
        "discriminator": "0",
        "global_name": person.global_name,
        "avatar": f"{person.id:032x}"[-32:],
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "primary_guild": None,
        "collectibles": None,
        "public_flags": 0,
        "flags": 0,
    }
    return payload | {"bot": True} if person.bot else payload


def own_user(bot: User) -> Json:
    """The bot's own account, for `/users/@me` and READY."""
    return user(bot) | {"verified": True, "mfa_enabled": True, "email": None, "locale": "en-US"}


def role(role: Role) -> Json:
    colors = {"primary_color": role.color, "secondary_color": None, "tertiary_color": None}
    payload: Json = {
        "id": str(role.id),
        "name": role.name,
        "description": None,
        "color": role.color,
        "colors": colors,
        "hoist": role.hoist,
        "icon": None,
        "unicode_emoji": None,
        "position": role.position,
        "permissions": str(role.permissions),
        "managed": role.managed,
        "mentionable": role.mentionable,
        "flags": 0,
    }
    if role.bot_id is not None:
        payload["tags"] = {"bot_id": str(role.bot_id)}
    return payload


def partial_member(member: Member) -> Json:
    """A member without its user, as in messages and mentions."""
    return {
        "roles": [str(role_id) for role_id in member.roles],
        "nick": member.nick,
        "avatar": None,
        "banner": None,
        "joined_at": iso(member.joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "communication_disabled_until": iso(member.timeout_until),
        "flags": 0,
    }


def member(discord: FakeDiscord, member: Member) -> Json:
    return partial_member(member) | {"user": user(discord.user(member.user_id))}


def overwrite(overwrite: Overwrite) -> Json:
    return {
        "id": str(overwrite.target_id),
        "type": overwrite.kind,
        "allow": str(overwrite.allow),
        "deny": str(overwrite.deny),
    }


def channel(discord: FakeDiscord, channel: Channel) -> Json:
    base: Json = {
        "id": str(channel.id),
        "type": channel.kind,
        "flags": 0,
        "last_message_id": None
        if channel.last_message_id is None
        else str(channel.last_message_id),
    }
    if channel.kind == DM_CHANNEL and channel.recipient_id is not None:
        return base | {"recipients": [user(discord.user(channel.recipient_id))]}
    return base | {
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "position": channel.position,
        "topic": channel.topic,
        "nsfw": channel.nsfw,
        "parent_id": None if channel.parent_id is None else str(channel.parent_id),
        "rate_limit_per_user": channel.slowmode,
        "last_pin_timestamp": iso(channel.last_pin_at),
        "permission_overwrites": [overwrite(o) for o in channel.overwrites.values()],
    }


def interaction_channel(discord: FakeDiscord, shown: Channel, granted: int) -> Json:
    """The partial channel of an interaction, with the user's permissions."""
    return channel(discord, shown) | {"permissions": str(granted)}


def emoji(emoji: Emoji) -> Json:
    return {
        "id": str(emoji.id),
        "name": emoji.name,
        "animated": emoji.animated,
        "roles": [],
        "require_colons": True,
        "managed": False,
        "available": True,
    }


def guild(discord: FakeDiscord, guild: Guild) -> Json:
    """The guild without its channels and members, as in REST."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "icon_hash": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "owner_id": str(guild.owner_id),
        "application_id": None,
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 1,
        "default_message_notifications": 1,
        "explicit_content_filter": 2,
        "mfa_level": 0,
        "nsfw": False,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "vanity_url_code": None,
        "max_presences": None,
        "max_members": 25_000_000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "features": [],
        "hub_type": None,
        "latest_onboarding_question_id": None,
        "incidents_data": None,
        "inventory_settings": None,
        "roles": [role(r) for r in guild.roles.values()],
        "emojis": [emoji(e) for e in guild.emojis.values()],
        "stickers": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
    }


def guild_create(discord: FakeDiscord, created: Guild, *, all_members: bool) -> Json:
    """GUILD_CREATE. Without the presence intent Discord lists only the bot; others come in
    chunks."""
    bot = created.members[discord.bot.id]
    shown = list(created.members.values()) if all_members else [bot]
    return guild(discord, created) | {
        "joined_at": iso(bot.joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(created.members),
        "voice_states": [],
        "members": [member(discord, m) for m in shown],
        "channels": [channel(discord, c) for c in created.channels.values()],
        "threads": [],
        "presences": [],
        "soundboard_sounds": [],
        "embedded_activities": [],
        "version": created.id,
    }


def attachment(discord: FakeDiscord, channel_id: int, attachment: Attachment) -> Json:
    url = f"{discord.cdn_url}/attachments/{channel_id}/{attachment.id}/{attachment.filename}"
    payload: Json = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": len(attachment.data),
        "url": url,
        "proxy_url": url,
        "content_type": attachment.content_type,
        "flags": 0,
    }
    return (
        payload
        if attachment.description is None
        else payload | {"description": attachment.description}
    )


def command(discord: FakeDiscord, command: Command) -> Json:
    payload: Json = {
        "id": str(command.id),
        "application_id": str(discord.bot.id),
        "version": str(command.version),
        "type": command.kind,
        "default_member_permissions": None,
        "dm_permission": True,
        "contexts": None,
        "integration_types": [0],
        "nsfw": False,
        "description": "",
    }
    payload |= command.spec
    if command.guild_id is not None:
        payload["guild_id"] = str(command.guild_id)
    return payload


def webhook(discord: FakeDiscord, webhook: Webhook) -> Json:
    where = discord.channel(webhook.channel_id)
    return {
        "id": str(webhook.id),
        "type": 1,
        "guild_id": str(where.guild_id),
        "channel_id": str(webhook.channel_id),
        "user": user(discord.bot),
        "name": webhook.name,
        "avatar": None,
        "token": webhook.token,
        "application_id": None,
        "url": f"{discord.api_url}/webhooks/{webhook.id}/{webhook.token}",
    }


def application(discord: FakeDiscord) -> Json:
    owner = discord.users[next(iter(discord.guilds.values())).owner_id]
    return {
        "id": str(discord.bot.id),
        "name": discord.bot.username,
        "icon": None,
        "description": "",
        "summary": "",
        "type": None,
        "bot": user(discord.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "owner": user(owner),
        "team": None,
        "verify_key": "0" * 64,
        "flags": PRIVILEGED_INTENT_FLAGS,
        "hook": True,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": len(discord.guilds),
        "approximate_user_install_count": 0,
        "install_params": {
            "scopes": ["bot", "applications.commands"],
            "permissions": str(permissions.DIRECT_MESSAGE),
        },
        "integration_types_config": {"0": {}},
        "tags": [],
    }


# GATEWAY_PRESENCE_LIMITED | GATEWAY_GUILD_MEMBERS_LIMITED | GATEWAY_MESSAGE_CONTENT_LIMITED
PRIVILEGED_INTENT_FLAGS = 1 << 13 | 1 << 15 | 1 << 19
