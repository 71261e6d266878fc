"""What the names in a control request stand for. An unknown one is a ControlError 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import ControlError
from sandbox.discord import channels, permissions
from sandbox.discord.errors import Json
from sandbox.discord.models import Channel, Guild, Interaction, Message, Role

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld


class Finder:
    def __init__(self, world: DiscordWorld) -> None:
        self._world = world

    def person(self, handle: object) -> int:
        """The Discord id behind a handle, an id, or "bot"."""
        for user in self._world.users.values():
            if str(handle) in (user.handle, str(user.id)) or (user.bot and handle == "bot"):
                return user.id
        raise ControlError(f"nobody is called {handle!r}", status=404)

    def guild(self, body: Json) -> Guild:
        wanted = body.get("guild")
        for guild in self._world.guilds.values():
            if wanted is None or str(wanted) in (guild.name, str(guild.id)):
                return guild
        raise ControlError(f"no guild {wanted!r}", status=404)

    def channel(self, body: Json, user_id: int | None) -> Channel:
        name = str(body["channel"]).removeprefix("#")
        if name == "dm" and user_id is not None:
            return channels.direct(self._world, user_id)
        guilds = [self.guild(body)] if body.get("guild") else list(self._world.guilds.values())
        mine = [g for g in guilds if user_id is None or user_id in g.members]
        for guild in mine or guilds:
            for channel in guild.channels.values():
                if name == channel.name:
                    return channel
        for channel in self._world.all_channels():
            if name == str(channel.id):
                return channel
        raise ControlError(f"no channel {name!r}", status=404)

    def message(self, body: Json) -> Message:
        return self._world.find_message(number(body, "message_id"))

    def interaction(self, body: Json) -> Interaction:
        found = self._world.interactions.get(number(body, "interaction_id"))
        if found is None:
            raise ControlError("no such interaction", status=404)
        return found

    def find_role(self, guild: Guild, name: object) -> Role | None:
        return next((r for r in guild.roles.values() if str(name) in (r.name, str(r.id))), None)

    def role(self, guild: Guild, name: object) -> Role:
        found = self.find_role(guild, name)
        if found is None:
            raise ControlError(f"no role {name!r}", status=404)
        return found


def number(body: Json, key: str) -> int:
    text = str(body[key])
    if not text.isdecimal():
        raise ControlError(f"{key} must be an id")
    return int(text)


def bits(value: object) -> int:
    """Permission bits from a number, a decimal string or a list of names."""
    if isinstance(value, list):
        try:
            return sum(int(permissions.Permission[str(name)]) for name in set(value))
        except KeyError as error:
            raise ControlError(f"no permission {error.args[0]}") from None
    return int(str(value or 0))
