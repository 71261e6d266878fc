"""Values for slash command options and selects, with their `resolved` objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.control import ControlError
from sandbox.discord import commands, payloads
from sandbox.discord import components as component_rules
from sandbox.discord.errors import Json
from sandbox.discord.models import Channel, Command

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = 3, 4, 5, 6, 7, 8, 9, 10
_SELECT_KINDS = {
    component_rules.USER_SELECT: USER,
    component_rules.ROLE_SELECT: ROLE,
    component_rules.MENTIONABLE_SELECT: MENTIONABLE,
    component_rules.CHANNEL_SELECT: CHANNEL,
}


class Resolver:
    """Turns handles, names and ids of users, roles and channels into ids and collects their
    objects."""

    def __init__(self, discord: FakeDiscord, channel: Channel, user_id: int) -> None:
        self._discord = discord
        self._channel = channel
        self._user_id = user_id
        self.resolved: Json = {}

    def resolve(self, kind: int, value: Any) -> str:
        """The id as a string. `value` is an id, a handle, a role name or a channel name."""
        if kind == USER:
            return self._user(value)
        if kind == ROLE:
            return self._role(value)
        if kind == CHANNEL:
            return self._named_channel(value)
        if str(value) in self._role_names():
            return self._role(value)
        return self._user(value)

    def _user(self, value: Any) -> str:
        text = str(value).removeprefix("@")
        found = next(
            (u for u in self._discord.users.values() if text in (str(u.id), u.handle)), None
        )
        if found is None:
            raise ControlError(f"no user {value!r}")
        key = str(found.id)
        self.resolved.setdefault("users", {})[key] = payloads.user(found)
        guild_id = self._channel.guild_id
        if guild_id is not None and found.id in (members := self._discord.guild(guild_id).members):
            granted = self._discord.permissions_in(self._channel, found.id)
            partial = payloads.partial_member(members[found.id]) | {"permissions": str(granted)}
            self.resolved.setdefault("members", {})[key] = partial
        return key

    def _role_names(self) -> dict[str, int]:
        if self._channel.guild_id is None:
            return {}
        roles = self._discord.guild(self._channel.guild_id).roles.values()
        return {r.name: r.id for r in roles} | {str(r.id): r.id for r in roles}

    def _role(self, value: Any) -> str:
        role_id = self._role_names().get(str(value))
        if role_id is None or self._channel.guild_id is None:
            raise ControlError(f"no role {value!r}")
        role = self._discord.guild(self._channel.guild_id).roles[role_id]
        self.resolved.setdefault("roles", {})[str(role_id)] = payloads.role(role)
        return str(role_id)

    def _named_channel(self, value: Any) -> str:
        text = str(value).removeprefix("#")
        guild_id = self._channel.guild_id
        known = self._discord.guild(guild_id).channels.values() if guild_id is not None else ()
        found = next((c for c in known if text in (str(c.id), c.name)), None)
        if found is None:
            raise ControlError(f"no channel {value!r}")
        granted = self._discord.permissions_in(found, self._user_id)
        payload = payloads.interaction_channel(self._discord, found, granted)
        self.resolved.setdefault("channels", {})[str(found.id)] = payload
        return str(found.id)


def command_data(
    command: Command, path: list[str], given: Mapping[str, Any], resolver: Resolver
) -> Json:
    """The `data` of a command interaction; ControlError names the option that does not fit. `path`
    are the names of the group and subcommand."""
    data: Json = {
        "id": str(command.id),
        "name": command.name,
        "type": command.kind,
        "options": _nested(command.spec, path, given, resolver),
    }
    if command.guild_id is not None:
        data["guild_id"] = str(command.guild_id)
    if resolver.resolved:
        data["resolved"] = resolver.resolved
    return data


def _nested(
    spec: Json, path: list[str], given: Mapping[str, Any], resolver: Resolver
) -> list[Json]:
    declared: list[Json] = spec.get("options") or []
    if path:
        found = next((o for o in declared if o["name"] == path[0]), None)
        if found is None or found["type"] not in (commands.SUB_COMMAND, commands.SUB_COMMAND_GROUP):
            raise ControlError(f"{spec['name']!r} has no subcommand {path[0]!r}", status=404)
        inner = _nested(found, path[1:], given, resolver)
        return [{"type": found["type"], "name": found["name"], "options": inner}]
    if any(o["type"] in (commands.SUB_COMMAND, commands.SUB_COMMAND_GROUP) for o in declared):
        names = ", ".join(o["name"] for o in declared)
        raise ControlError(f"{spec['name']!r} needs one of its subcommands: {names}")
    return _values(declared, given, resolver)


def _values(declared: list[Json], given: Mapping[str, Any], resolver: Resolver) -> list[Json]:
    unknown = set(given) - {option["name"] for option in declared}
    if unknown:
        raise ControlError(f"no option {', '.join(sorted(unknown))}")
    values = []
    for option in declared:
        if option["name"] in given:
            value = _value(option, given[option["name"]], resolver)
            values.append({"type": option["type"], "name": option["name"], "value": value})
        elif option.get("required"):
            raise ControlError(f"option {option['name']} is required")
    return values


def _value(option: Json, value: Any, resolver: Resolver) -> Any:
    kind = option["type"]
    if kind in (USER, CHANNEL, ROLE, MENTIONABLE):
        return resolver.resolve(kind, value)
    converted = _converted(option["name"], kind, value)
    choices = option.get("choices")
    if choices and converted not in [choice["value"] for choice in choices]:
        raise ControlError(f"option {option['name']} must be one of its choices")
    _check_bounds(option, converted)
    return converted


def _converted(name: str, kind: int, value: Any) -> Any:
    try:
        if kind == INTEGER:
            return int(value)
        if kind == NUMBER:
            return float(value)
    except (TypeError, ValueError):
        raise ControlError(f"option {name} must be a number") from None
    if kind == BOOLEAN:
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return str(value)


def _check_bounds(option: Json, value: Any) -> None:
    size = len(value) if isinstance(value, str) else value
    suffix = "length" if isinstance(value, str) else "value"
    lowest, highest = option.get(f"min_{suffix}"), option.get(f"max_{suffix}")
    if (lowest is not None and size < lowest) or (highest is not None and size > highest):
        raise ControlError(f"option {option['name']} must be between {lowest} and {highest}")


def select_data(select: Json, values: list[Any], resolver: Resolver) -> Json:
    """The `data` of a used select menu."""
    minimum, maximum = select.get("min_values", 1), select.get("max_values", 1)
    if not minimum <= len(values) <= maximum:
        raise ControlError(f"choose between {minimum} and {maximum} values")
    data: Json = {"custom_id": select["custom_id"], "component_type": select["type"]}
    data["id"] = select.get("id")
    if select["type"] == component_rules.STRING_SELECT:
        offered = [option["value"] for option in select["options"]]
        if unknown := [value for value in values if value not in offered]:
            raise ControlError(f"not offered: {unknown}")
        return data | {"values": list(values)}
    kind = _SELECT_KINDS[select["type"]]
    chosen = [resolver.resolve(kind, value) for value in values]
    return data | {"values": chosen, "resolved": resolver.resolved}
