"""Registered application commands: https://discord.com/developers/docs/interactions/application-commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.discord.errors import ApiError, FormErrors, Json, unknown
from sandbox.discord.models import Channel, Command
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

CHAT_INPUT = 1
SUB_COMMAND = 1
SUB_COMMAND_GROUP = 2
MAX_CHAT_INPUT = 100
MAX_OPTIONS = 25
_NAME = re.compile(r"^[-_'\w]{1,32}$")
_SPEC_KEYS = (
    "name",
    "description",
    "options",
    "type",
    "default_member_permissions",
    "dm_permission",
    "contexts",
    "integration_types",
    "nsfw",
    "name_localizations",
    "description_localizations",
)
_CONTEXT_GUILD, _CONTEXT_BOT_DM = 0, 1


def registered(discord: FakeDiscord, guild_id: int | None) -> list[Command]:
    """The commands of exactly this scope; None is the global one."""
    return [c for c in discord.commands.values() if c.guild_id == guild_id]


def overwrite_all(discord: FakeDiscord, guild_id: int | None, bodies: list[Json]) -> list[Command]:
    """Replace a scope's commands; one that keeps its name and type keeps its id."""
    _check_bodies(bodies)
    kept = [_stored(discord, guild_id, body) for body in bodies]
    for old in registered(discord, guild_id):
        if old.id not in {command.id for command in kept}:
            del discord.commands[old.id]
    discord.changes.publish("discord.commands")
    return kept


def upsert(discord: FakeDiscord, guild_id: int | None, body: Json) -> tuple[Command, bool]:
    """Create or replace by name and type; the flag says whether it is new."""
    _check_bodies([body])
    is_new = _same(discord, guild_id, body) is None
    stored = _stored(discord, guild_id, body)
    discord.changes.publish("discord.commands")
    return stored, is_new


def get(discord: FakeDiscord, guild_id: int | None, command_id: int) -> Command:
    found = discord.commands.get(command_id)
    if found is None or found.guild_id != guild_id:
        raise unknown("application command")
    return found


def _same(discord: FakeDiscord, guild_id: int | None, body: Json) -> Command | None:
    kind = int(body.get("type") or CHAT_INPUT)
    in_scope = registered(discord, guild_id)
    return next((c for c in in_scope if (c.name, c.kind) == (body["name"], kind)), None)


def _stored(discord: FakeDiscord, guild_id: int | None, body: Json) -> Command:
    spec = {key: body[key] for key in _SPEC_KEYS if key in body}
    if spec.get("default_member_permissions") is not None:
        spec["default_member_permissions"] = str(spec["default_member_permissions"])
    old = _same(discord, guild_id, body)
    command_id = discord.ids.next() if old is None else old.id
    version = old.version if old is not None and old.spec == spec else discord.ids.next()
    kind = int(body.get("type") or CHAT_INPUT)
    command = Command(command_id, version, body["name"], kind, guild_id, spec)
    discord.commands[command_id] = command
    return command


# -- checks at registration ----------------------------------------------------------------------


def _check_bodies(bodies: Any) -> None:
    errors = FormErrors()
    if len(bodies) > MAX_CHAT_INPUT:
        raise ApiError(400, 30032, "Maximum number of application commands reached (100).")
    seen: set[tuple[Any, Any]] = set()
    for index, body in enumerate(bodies):
        key = (body.get("name"), body.get("type") or CHAT_INPUT)
        if key in seen:
            message = "Application command names must be unique"
            errors.add([index], "APPLICATION_COMMANDS_DUPLICATE_NAME", message)
        seen.add(key)
        _check_command(body, [index], errors)
    errors.raise_any()


def _check_command(body: Json, path: list[str | int], errors: FormErrors) -> None:
    if (body.get("type") or CHAT_INPUT) != CHAT_INPUT:
        return
    _check_name(body, path, errors)
    _check_options(body.get("options") or [], [*path, "options"], errors)


def _check_name(body: Json, path: list[str | int], errors: FormErrors) -> None:
    name, description = str(body.get("name") or ""), str(body.get("description") or "")
    if not _NAME.fullmatch(name) or name != name.lower():
        message = "Command name is invalid"
        errors.add([*path, "name"], "APPLICATION_COMMAND_INVALID_NAME", message)
    if not 1 <= len(description) <= 100:
        errors.bad_length([*path, "description"], 1, 100)


def _check_options(options: list[Json], path: list[str | int], errors: FormErrors) -> None:
    if len(options) > MAX_OPTIONS:
        errors.too_long(path, MAX_OPTIONS)
    optional_seen = False
    for index, option in enumerate(options):
        _check_name(option, [*path, index], errors)
        _check_options(option.get("options") or [], [*path, index, "options"], errors)
        if len(option.get("choices") or []) > MAX_OPTIONS:
            errors.too_long([*path, index, "choices"], MAX_OPTIONS)
        if option.get("required") and optional_seen:
            code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
            errors.add([*path, index], code, "Required options must be placed before non-required")
        optional_seen = optional_seen or not option.get("required")


# -- who may use which ---------------------------------------------------------------------------


def find_for(discord: FakeDiscord, channel: Channel, name: str) -> Command:
    """The slash command of that name in this channel; a guild's own comes before a global one."""
    scopes = [channel.guild_id, None] if channel.guild_id is not None else [None]
    for guild_id in scopes:
        for command in registered(discord, guild_id):
            if (command.name, command.kind) == (name, CHAT_INPUT):
                return command
    raise unknown("application command")


def may_use(discord: FakeDiscord, command: Command, channel: Channel, user_id: int) -> bool:
    """Whether Discord shows the command to this person here. `default_member_permissions` null
    means everybody, "0" administrators only."""
    if not _fits_context(command, channel):
        return False
    granted = discord.permissions_in(channel, user_id)
    if channel.guild_id is None:
        return bool(granted)
    if not granted & Permission.USE_APPLICATION_COMMANDS:
        return False
    if granted & Permission.ADMINISTRATOR:
        return True
    if (chosen := _chosen_by_admins(discord, command, channel.guild_id, user_id)) is not None:
        return chosen
    needed = command.spec.get("default_member_permissions")
    if needed is None:
        return True
    return int(needed) != 0 and granted & int(needed) == int(needed)


def _chosen_by_admins(
    discord: FakeDiscord, command: Command, guild_id: int, user_id: int
) -> bool | None:
    """Server Settings -> Integrations: whether one of the person's roles is allowed; None if
    nothing is set."""
    chosen = discord.command_roles.get((guild_id, command.name), {})
    member = discord.member(guild_id, user_id)
    said = [chosen[role_id] for role_id in [guild_id, *member.roles] if role_id in chosen]
    return any(said) if said else None


def _fits_context(command: Command, channel: Channel) -> bool:
    contexts = command.spec.get("contexts")
    if channel.guild_id is not None:
        return contexts is None or _CONTEXT_GUILD in contexts
    if contexts is not None:
        return _CONTEXT_BOT_DM in contexts
    return command.spec.get("dm_permission") is not False


def leaves(command: Command) -> list[tuple[str, Json]]:
    """`(path, spec with description and options)` of each subcommand."""
    return _leaves(command.name, command.spec)


def _leaves(path: str, spec: Json) -> list[tuple[str, Json]]:
    nested = [
        option
        for option in spec.get("options") or []
        if option["type"] in (SUB_COMMAND, SUB_COMMAND_GROUP)
    ]
    if not nested:
        return [(path, spec)]
    return [leaf for option in nested for leaf in _leaves(f"{path} {option['name']}", option)]
