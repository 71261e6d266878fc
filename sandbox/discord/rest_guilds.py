"""REST: users, the application, and guilds with their members, roles and emojis."""

from __future__ import annotations

from datetime import datetime

from sandbox.discord import channels, members, payloads, permissions, roles
from sandbox.discord.errors import Json, missing_permissions, unknown
from sandbox.discord.models import Guild, Member, Role
from sandbox.discord.permissions import Permission
from sandbox.discord.rest import Call, Endpoint, Reply, snowflake


def guild(call: Call) -> Reply:
    found = call.guild()
    payload = payloads.guild(call.discord, found)
    if call.query.get("with_counts") in ("1", "true"):
        count = len(found.members)
        payload |= {"approximate_member_count": count, "approximate_presence_count": count}
    return payload


# -- members -------------------------------------------------------------------------------------


def list_members(call: Call) -> Reply:
    limit = call.int_query("limit", 1, 1, 1000)
    after = snowflake(call.query.get("after") or "0", "after")
    found = sorted(call.guild().members.values(), key=lambda m: m.user_id)
    later = [m for m in found if m.user_id > after]
    return [payloads.member(call.discord, m) for m in later[:limit]]


def search_members(call: Call) -> Reply:
    limit = call.int_query("limit", 1, 1, 1000)
    found, _ = call.discord.query_members(call.guild(), call.query.get("query"), None, limit)
    return [payloads.member(call.discord, m) for m in found]


def member(call: Call) -> Reply:
    return payloads.member(call.discord, _member(call))


def edit_member(call: Call) -> Reply:
    """Nickname, roles and timeout, each with its own permission and the role hierarchy."""
    guild, member = call.guild(), _member(call)
    if "roles" in call.body:
        _replace_roles(call, guild, member)
    if "nick" in call.body:
        _require_power(call, guild, member, Permission.MANAGE_NICKNAMES)
        members.set_nick(call.discord, guild, member, call.body["nick"])
    if "communication_disabled_until" in call.body:
        _require_power(call, guild, member, Permission.MODERATE_MEMBERS)
        until = call.body["communication_disabled_until"]
        member.timeout_until = None if until is None else datetime.fromisoformat(until)
        members.dispatch_update(call.discord, guild, member)
    return payloads.member(call.discord, member)


def edit_me(call: Call) -> Reply:
    guild, bot_id = call.guild(), call.discord.bot.id
    call.discord.require_in_guild(guild, bot_id, Permission.CHANGE_NICKNAME)
    bot = guild.members[bot_id]
    members.set_nick(call.discord, guild, bot, call.body.get("nick"))
    return payloads.member(call.discord, bot)


def kick(call: Call) -> None:
    guild, member = call.guild(), _member(call)
    _require_power(call, guild, member, Permission.KICK_MEMBERS)
    members.leave(call.discord, guild, member.user_id)


def add_member_role(call: Call) -> None:
    guild, role = call.guild(), _role(call)
    members.add_role(call.discord, guild, call.discord.bot.id, call.id("user_id"), role)


def remove_member_role(call: Call) -> None:
    guild, role = call.guild(), _role(call)
    members.remove_role(call.discord, guild, call.discord.bot.id, call.id("user_id"), role)


def _member(call: Call) -> Member:
    return call.discord.member(call.guild().id, call.id("user_id"))


def _replace_roles(call: Call, guild: Guild, member: Member) -> None:
    """The bot only needs to outrank the roles that change."""
    wanted = {snowflake(role, "roles") for role in call.body["roles"] or []}
    for role_id in wanted ^ set(member.roles):
        if role_id not in guild.roles:
            raise unknown("Role")
        members.require_role_power(call.discord, guild, call.discord.bot.id, guild.roles[role_id])
    members.set_roles(call.discord, guild, member, wanted)


def _require_power(call: Call, guild: Guild, member: Member, needed: Permission) -> None:
    bot_id = call.discord.bot.id
    call.discord.require_in_guild(guild, bot_id, needed)
    if not permissions.outranks_member(guild, guild.members[bot_id], member):
        raise missing_permissions()


# -- bans and the audit log ----------------------------------------------------------------------


def list_bans(call: Call) -> Reply:
    guild = _guild_with(call, Permission.BAN_MEMBERS)
    limit = call.int_query("limit", 1000, 1, 1000)
    after = snowflake(call.query.get("after") or "0", "after")
    later = [user_id for user_id in sorted(guild.bans) if user_id > after]
    return [_ban(call, guild, user_id) for user_id in later[:limit]]


def get_ban(call: Call) -> Reply:
    guild = _guild_with(call, Permission.BAN_MEMBERS)
    if call.id("user_id") not in guild.bans:
        raise unknown("Ban")
    return _ban(call, guild, call.id("user_id"))


def put_ban(call: Call) -> None:
    guild, user_id = _guild_with(call, Permission.BAN_MEMBERS), call.id("user_id")
    if user_id in guild.members:
        _require_power(call, guild, guild.members[user_id], Permission.BAN_MEMBERS)
    members.ban(call.discord, guild, call.discord.user(user_id).id)


def delete_ban(call: Call) -> None:
    members.unban(call.discord, _guild_with(call, Permission.BAN_MEMBERS), call.id("user_id"))


def audit_log(call: Call) -> Reply:
    """Bans and unbans, the newest first; other changes are not kept."""
    guild = _guild_with(call, Permission.VIEW_AUDIT_LOG)
    limit = call.int_query("limit", 50, 1, 100)
    wanted = call.query.get("action_type")
    entries: list[Json] = [
        {
            "id": str(entry_id),
            "action_type": action,
            "target_id": str(user_id),
            "user_id": str(guild.owner_id),
            "reason": reason,
        }
        for entry_id, action, user_id, reason in reversed(guild.ban_log)
        if wanted in (None, str(action))
    ][:limit]
    users = [payloads.user(call.discord.user(int(entry["target_id"]))) for entry in entries]
    empty = ("application_commands", "auto_moderation_rules", "guild_scheduled_events")
    found: Json = {"audit_log_entries": entries, "users": users, "integrations": []}
    return found | {name: [] for name in (*empty, "threads", "webhooks")}


def _ban(call: Call, guild: Guild, user_id: int) -> Json:
    return {"reason": guild.bans[user_id], "user": payloads.user(call.discord.user(user_id))}


def _guild_with(call: Call, needed: Permission) -> Guild:
    guild = call.guild()
    call.discord.require_in_guild(guild, call.discord.bot.id, needed)
    return guild


# -- roles ---------------------------------------------------------------------------------------


def list_roles(call: Call) -> Reply:
    return [payloads.role(r) for r in call.guild().roles.values()]


def role(call: Call) -> Reply:
    return payloads.role(_role(call))


def create_role(call: Call) -> Reply:
    guild = call.guild()
    call.discord.require_in_guild(guild, call.discord.bot.id, Permission.MANAGE_ROLES)
    _require_grantable(call, guild)
    return payloads.role(roles.create(call.discord, guild, call.body))


def edit_role(call: Call) -> Reply:
    guild, role = call.guild(), _role(call)
    _require_role_power(call, guild, role)
    _require_grantable(call, guild)
    roles.update(call.discord, guild, role, call.body)
    return payloads.role(role)


def move_roles(call: Call) -> Reply:
    guild = call.guild()
    for entry in call.listed:
        role_id = snowflake(entry.get("id"), "id")
        if role_id not in guild.roles:
            raise unknown("Role")
        _require_role_power(call, guild, guild.roles[role_id])
        if entry.get("position") is not None:
            roles.move(call.discord, guild, guild.roles[role_id], int(entry["position"]))
    return list_roles(call)


def delete_role(call: Call) -> None:
    guild, role = call.guild(), _role(call)
    members.require_role_power(call.discord, guild, call.discord.bot.id, role)
    roles.delete(call.discord, guild, role)


def _role(call: Call) -> Role:
    found = call.guild().roles.get(call.id("role_id"))
    if found is None:
        raise unknown("Role")
    return found


def _require_role_power(call: Call, guild: Guild, role: Role) -> None:
    bot_id = call.discord.bot.id
    call.discord.require_in_guild(guild, bot_id, Permission.MANAGE_ROLES)
    if not permissions.outranks_role(guild, guild.members[bot_id], role):
        raise missing_permissions()


def _require_grantable(call: Call, guild: Guild) -> None:
    """The bot cannot grant permissions it does not have."""
    wanted = int(call.body.get("permissions") or 0)
    if wanted & ~permissions.in_guild(guild, guild.members[call.discord.bot.id]):
        raise missing_permissions()


# -- emojis --------------------------------------------------------------------------------------


def list_emojis(call: Call) -> Reply:
    return [payloads.emoji(e) for e in call.guild().emojis.values()]


def emoji(call: Call) -> Reply:
    found = call.guild().emojis.get(call.id("emoji_id"))
    if found is None:
        raise unknown("Emoji")
    return payloads.emoji(found)


# -- users and the application -------------------------------------------------------------------


def my_user(call: Call) -> Reply:
    return payloads.own_user(call.discord.bot)


def edit_my_user(call: Call) -> Reply:
    if call.body.get("username"):
        call.discord.bot.username = str(call.body["username"])
        call.discord.gateway.dispatch("USER_UPDATE", payloads.own_user(call.discord.bot), None)
    return payloads.own_user(call.discord.bot)


def user(call: Call) -> Reply:
    return payloads.user(call.discord.user(call.id("user_id")))


def my_guilds(call: Call) -> Reply:
    discord = call.discord
    found = []
    for guild in discord.bot_guilds():
        full = payloads.guild(discord, guild)
        keys = ("id", "name", "icon", "banner", "features")
        granted = {"owner": False, "permissions": str(guild.everyone.permissions)}
        found.append({key: full[key] for key in keys} | granted)
    return found


def leave_guild(call: Call) -> None:
    members.leave(call.discord, call.guild(), call.discord.bot.id)


def create_dm(call: Call) -> Reply:
    user_id = snowflake(call.body.get("recipient_id"), "recipient_id")
    return payloads.channel(call.discord, channels.direct(call.discord, user_id))


def application(call: Call) -> Reply:
    return payloads.application(call.discord)


def gateway(call: Call) -> Reply:
    return {"url": call.discord.gateway_url}


def gateway_bot(call: Call) -> Reply:
    limit: Json = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return {"url": call.discord.gateway_url, "shards": 1, "session_start_limit": limit}


ENDPOINTS = (
    Endpoint("GET", "/gateway", gateway, open=True),
    Endpoint("GET", "/gateway/bot", gateway_bot),
    Endpoint("GET", "/users/@me", my_user),
    Endpoint("PATCH", "/users/@me", edit_my_user),
    Endpoint("GET", "/users/@me/guilds", my_guilds),
    Endpoint("DELETE", "/users/@me/guilds/{guild_id}", leave_guild),
    Endpoint("POST", "/users/@me/channels", create_dm),
    Endpoint("GET", "/users/{user_id}", user),
    Endpoint("GET", "/applications/@me", application),
    Endpoint("GET", "/oauth2/applications/@me", application),
    Endpoint("GET", "/guilds/{guild_id}", guild),
    Endpoint("GET", "/guilds/{guild_id}/members", list_members),
    Endpoint("GET", "/guilds/{guild_id}/members/search", search_members),
    Endpoint("PATCH", "/guilds/{guild_id}/members/@me", edit_me),
    Endpoint("GET", "/guilds/{guild_id}/members/{user_id}", member),
    Endpoint("PATCH", "/guilds/{guild_id}/members/{user_id}", edit_member),
    Endpoint("DELETE", "/guilds/{guild_id}/members/{user_id}", kick),
    Endpoint("PUT", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", add_member_role),
    Endpoint("DELETE", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", remove_member_role),
    Endpoint("GET", "/guilds/{guild_id}/bans", list_bans),
    Endpoint("GET", "/guilds/{guild_id}/bans/{user_id}", get_ban),
    Endpoint("PUT", "/guilds/{guild_id}/bans/{user_id}", put_ban),
    Endpoint("DELETE", "/guilds/{guild_id}/bans/{user_id}", delete_ban),
    Endpoint("GET", "/guilds/{guild_id}/audit-logs", audit_log),
    Endpoint("GET", "/guilds/{guild_id}/roles", list_roles),
    Endpoint("POST", "/guilds/{guild_id}/roles", create_role),
    Endpoint("PATCH", "/guilds/{guild_id}/roles", move_roles),
    Endpoint("GET", "/guilds/{guild_id}/roles/{role_id}", role),
    Endpoint("PATCH", "/guilds/{guild_id}/roles/{role_id}", edit_role),
    Endpoint("DELETE", "/guilds/{guild_id}/roles/{role_id}", delete_role),
    Endpoint("GET", "/guilds/{guild_id}/emojis", list_emojis),
    Endpoint("GET", "/guilds/{guild_id}/emojis/{emoji_id}", emoji),
)
