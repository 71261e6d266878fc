"""Control routes: the server's admin, and the power over the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import ControlError
from sandbox.discord import channels, members, roles
from sandbox.discord.control_find import Finder, bits
from sandbox.discord.errors import Json

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld


class Admin:
    """One method per route; each takes the body and returns the JSON answer."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._find = Finder(world)

    async def member(self, body: Json) -> Json:
        """{person ("bot" too), guild?, join?, leave?, roles? (names or ids), nick?, dms_open?}"""
        user_id, guild = self._find.person(body["person"]), self._find.guild(body)
        if body.get("leave"):
            members.leave(self._world, guild, user_id)
        if body.get("join"):
            members.join(self._world, guild, user_id)
        if "dms_open" in body:
            self._world.set_dms_open(str(body["person"]), bool(body["dms_open"]))
            self._world.changes.publish(
                "discord.member", guild_id=str(guild.id), user_id=str(user_id)
            )
        if "roles" in body:
            wanted = [self._find.role(guild, one).id for one in body["roles"]]
            members.set_roles(self._world, guild, self._world.member(guild.id, user_id), wanted)
        if "nick" in body:
            member = self._world.member(guild.id, user_id)
            members.set_nick(self._world, guild, member, body["nick"])
        return {"user_id": str(user_id), "guild_id": str(guild.id)}

    async def role(self, body: Json) -> Json:
        """{name (or id), guild?, position?, permissions?, color?, delete?}; made if unknown.

        `permissions` are bits or a list of names such as `MANAGE_ROLES`.
        """
        guild = self._find.guild(body)
        fields: Json = {key: body[key] for key in ("color", "mentionable") if key in body}
        if "permissions" in body:
            fields["permissions"] = bits(body["permissions"])
        known = self._find.find_role(guild, body["name"])
        if body.get("delete"):
            roles.delete(self._world, guild, self._find.role(guild, body["name"]))
            return {"deleted": str(body["name"])}
        if known is None:
            known = roles.create(
                self._world, guild, {"permissions": 0, **fields, "name": body["name"]}
            )
        elif fields:
            roles.update(self._world, guild, known, fields)
        if body.get("position") is not None:
            roles.move(self._world, guild, known, int(body["position"]))
        return {"role_id": str(known.id), "position": known.position}

    async def command_role(self, body: Json) -> Json:
        """{command, role (or id), allow? (true), guild?}: Server Settings -> Integrations, where
        an admin shows a slash command to a role or hides it; `allow` null is neither."""
        guild = self._find.guild(body)
        role_id = self._find.role(guild, body["role"]).id
        chosen = self._world.command_roles.setdefault((guild.id, str(body["command"])), {})
        chosen.pop(role_id, None)
        if body.get("allow", True) is not None:
            chosen[role_id] = bool(body.get("allow", True))
        return {"command": body["command"], "role_id": str(role_id)}

    async def overwrite(self, body: Json) -> Json:
        """{channel, target (role name, handle, "bot" or id), allow, deny, guild?}

        `allow` and `deny` are permission bits or lists of names such as `SEND_MESSAGES`.
        """
        channel = self._find.channel(body, None)
        if channel.guild_id is None:
            raise ControlError("a DM has no overwrites")
        guild, target = self._world.guild(channel.guild_id), body["target"]
        role = self._find.find_role(guild, target)
        target_id = self._find.person(target) if role is None else role.id
        allow, deny = bits(body.get("allow")), bits(body.get("deny"))
        channels.set_overwrite(self._world, channel, target_id, allow, deny)
        return {"channel_id": str(channel.id), "target_id": str(target_id)}

    async def bot_access(self, body: Json) -> Json:
        """{channel, access: full | read | none, guild?}: close a channel to the bot, or open it."""
        channel = self._find.channel(body, None)
        if channel.guild_id is None:
            raise ControlError("a DM cannot be closed to the bot")
        if body["access"] not in ("full", "read", "none"):
            raise ControlError(f"no access {body['access']!r}")
        channels.set_bot_access(self._world, channel, body["access"])
        return {"channel_id": str(channel.id), "access": channels.bot_access(self._world, channel)}

    async def channel(self, body: Json) -> Json:
        """{name, guild?, create? | delete?}"""
        guild = self._find.guild(body)
        if body.get("create"):
            made = channels.create(self._world, guild, {"name": body["name"]})
            return {"channel_id": str(made.id)}
        channel = self._find.channel({"guild": str(guild.id), "channel": body["name"]}, None)
        if body.get("delete"):
            channels.delete(self._world, channel)
        return {"channel_id": str(channel.id)}

    async def gateway(self, body: Json) -> Json:
        """{action: kill | reconnect | invalidate | stop | start}"""
        gateway, faults = self._world.gateway, self._world.faults
        match body["action"]:
            case "kill":
                gateway.kill()
            case "reconnect":
                await gateway.ask_to_reconnect()
            case "invalidate":
                await gateway.invalidate()
            case "stop":
                faults.set("discord.gateway.stopped", True)
                gateway.kill()
            case "start":
                faults.set("discord.gateway.stopped", False)
            case other:
                raise ControlError(f"no gateway action {other!r}")
        return {"connected": gateway.connected}
