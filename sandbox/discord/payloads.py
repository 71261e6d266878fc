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


def role(one: Role) -> Json:
    colors = {"primary_color": one.color, "secondary_color": None, "tertiary_color": None}
    payload: Json = {
        "id": str(one.id),
        "name": one.name,
        "description": None,
        "color": one.color,
        "colors": colors,
        "hoist": one.hoist,
        "icon": None,
        "unicode_emoji": None,
        "position": one.position,
        "permissions": str(one.permissions),
        "managed": one.managed,
        "mentionable": one.mentionable,
        "flags": 0,
    }
    if one.bot_id is not None:
        payload["tags"] = {"bot_id": str(one.bot_id)}
    return payload


def partial_member(one: Member) -> Json:
    """A member without its user, as in messages and mentions."""
    return {
        "roles": [str(role_id) for role_id in one.roles],
        "nick": one.nick,
        "avatar": None,
        "banner": None,
        "joined_at": iso(one.joined_at),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "communication_disabled_until": iso(one.timeout_until),
        "flags": 0,
    }


def member(discord: FakeDiscord, one: Member) -> Json:
    return partial_member(one) | {"user": user(discord.user(one.user_id))}


def overwrite(one: Overwrite) -> Json:
    return {
        "id": str(one.target_id),
        "type": one.kind,
        "allow": str(one.allow),
        "deny": str(one.deny),
    }


def channel(discord: FakeDiscord, one: Channel) -> Json:
    base: Json = {
        "id": str(one.id),
        "type": one.kind,
        "flags": 0,
        "last_message_id": None if one.last_message_id is None else str(one.last_message_id),
    }
    if one.kind == DM_CHANNEL and one.recipient_id is not None:
        return base | {"recipients": [user(discord.user(one.recipient_id))]}
    return base | {
        "guild_id": str(one.guild_id),
        "name": one.name,
        "position": one.position,
        "topic": one.topic,
        "nsfw": one.nsfw,
        "parent_id": None if one.parent_id is None else str(one.parent_id),
        "rate_limit_per_user": one.slowmode,
        "last_pin_timestamp": iso(one.last_pin_at),
        "permission_overwrites": [overwrite(o) for o in one.overwrites.values()],
    }


def interaction_channel(discord: FakeDiscord, one: Channel, granted: int) -> Json:
    """The partial channel of an interaction, with the user's permissions."""
    return channel(discord, one) | {"permissions": str(granted)}


def emoji(one: Emoji) -> Json:
    return {
        "id": str(one.id),
        "name": one.name,
        "animated": one.animated,
        "roles": [],
        "require_colons": True,
        "managed": False,
        "available": True,
    }


def guild(discord: FakeDiscord, one: Guild) -> Json:
    """The guild without its channels and members, as in REST."""
    return {
        "id": str(one.id),
        "name": one.name,
        "icon": None,
        "icon_hash": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "owner_id": str(one.owner_id),
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
        "roles": [role(r) for r in one.roles.values()],
        "emojis": [emoji(e) for e in one.emojis.values()],
        "stickers": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
    }


def guild_create(discord: FakeDiscord, one: Guild, *, all_members: bool) -> Json:
    """GUILD_CREATE. Without the presence intent Discord lists only the bot; others come in
    chunks."""
    bot = one.members[discord.bot.id]
    shown = list(one.members.values()) if all_members else [bot]
    return guild(discord, one) | {
        "joined_at": iso(bot.joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(one.members),
        "voice_states": [],
        "members": [member(discord, m) for m in shown],
        "channels": [channel(discord, c) for c in one.channels.values()],
        "threads": [],
        "presences": [],
        "soundboard_sounds": [],
        "embedded_activities": [],
        "version": one.id,
    }


def attachment(discord: FakeDiscord, channel_id: int, one: Attachment) -> Json:
    url = f"{discord.cdn_url}/attachments/{channel_id}/{one.id}/{one.filename}"
    payload: Json = {
        "id": str(one.id),
        "filename": one.filename,
        "size": len(one.data),
        "url": url,
        "proxy_url": url,
        "content_type": one.content_type,
        "flags": 0,
    }
    return payload if one.description is None else payload | {"description": one.description}


def command(discord: FakeDiscord, one: Command) -> Json:
    payload: Json = {
        "id": str(one.id),
        "application_id": str(discord.bot.id),
        "version": str(one.version),
        "type": one.kind,
        "default_member_permissions": None,
        "dm_permission": True,
        "contexts": None,
        "integration_types": [0],
        "nsfw": False,
        "description": "",
    }
    payload |= one.spec
    if one.guild_id is not None:
        payload["guild_id"] = str(one.guild_id)
    return payload


def webhook(discord: FakeDiscord, one: Webhook) -> Json:
    where = discord.channel(one.channel_id)
    return {
        "id": str(one.id),
        "type": 1,
        "guild_id": str(where.guild_id),
        "channel_id": str(one.channel_id),
        "user": user(discord.bot),
        "name": one.name,
        "avatar": None,
        "token": one.token,
        "application_id": None,
        "url": f"{discord.api_url}/webhooks/{one.id}/{one.token}",
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
