"""REST: users, the application itself, the gateway's address."""

from __future__ import annotations

from sandbox.discord import channels, members, payloads
from sandbox.discord.errors import Json
from sandbox.discord.rest import Call, Endpoint, Reply, snowflake


def me(call: Call) -> Reply:
    return payloads.own_user(call.discord.bot)


def edit_me(call: Call) -> Reply:
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
    Endpoint("GET", "/users/@me", me),
    Endpoint("PATCH", "/users/@me", edit_me),
    Endpoint("GET", "/users/@me/guilds", my_guilds),
    Endpoint("DELETE", "/users/@me/guilds/{guild_id}", leave_guild),
    Endpoint("POST", "/users/@me/channels", create_dm),
    Endpoint("GET", "/users/{user_id}", user),
    Endpoint("GET", "/applications/@me", application),
    Endpoint("GET", "/oauth2/applications/@me", application),
)
