"""REST: application commands, global and per guild."""

from __future__ import annotations

from sandbox.discord import commands, payloads
from sandbox.discord.errors import missing_access, unauthorized
from sandbox.discord.models import Command
from sandbox.discord.rest import Call, Endpoint, Reply


def list_all(call: Call) -> Reply:
    found = commands.registered(call.discord, _scope(call))
    return [payloads.command(call.discord, c) for c in found]


def overwrite_all(call: Call) -> Reply:
    kept = commands.overwrite_all(call.discord, _scope(call), call.listed)
    return [payloads.command(call.discord, c) for c in kept]


def upsert(call: Call) -> tuple[int, Reply]:
    stored, is_new = commands.upsert(call.discord, _scope(call), call.body)
    return (201 if is_new else 200), payloads.command(call.discord, stored)


def get(call: Call) -> Reply:
    return payloads.command(call.discord, _command(call))


def edit(call: Call) -> Reply:
    old = _command(call)
    changed = old.spec | {"type": old.kind} | call.body
    del call.discord.commands[old.id]
    stored, _ = commands.upsert(call.discord, _scope(call), changed)
    del call.discord.commands[stored.id]
    stored.id = old.id
    call.discord.commands[old.id] = stored
    return payloads.command(call.discord, stored)


def delete(call: Call) -> None:
    del call.discord.commands[_command(call).id]
    call.discord.changes.publish("discord.commands")


def _scope(call: Call) -> int | None:
    if call.id("application_id") != call.discord.bot.id:
        raise unauthorized()
    if "guild_id" not in call.params:
        return None
    guild = call.discord.guilds.get(call.id("guild_id"))
    if guild is None or call.discord.bot.id not in guild.members:
        raise missing_access()
    return guild.id


def _command(call: Call) -> Command:
    return commands.get(call.discord, _scope(call), call.id("command_id"))


_GLOBAL = "/applications/{application_id}/commands"
_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"

ENDPOINTS = tuple(
    Endpoint(method, scope + suffix, handler)
    for scope in (_GLOBAL, _GUILD)
    for method, suffix, handler in (
        ("GET", "", list_all),
        ("PUT", "", overwrite_all),
        ("POST", "", upsert),
        ("GET", "/{command_id}", get),
        ("PATCH", "/{command_id}", edit),
        ("DELETE", "/{command_id}", delete),
    )
)
