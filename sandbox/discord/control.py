"""`/control/discord/...`: the hands of the people, for the page, the tests and the demo.

People are named by handle, channels by name (`general`, `#general`), id, or `dm` for the DM with
the bot. A name is looked for in the guilds of the person, the first guild first, or in `guild`
(name or id) if that is given. Refusals are `{"error": ...}` with a 4xx status; where Discord's
own rules refuse, its code and message are in the text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.discord import (
    channels,
    drafts,
    members,
    messages,
    people_acts,
    permissions,
    pins,
    reactions,
    roles,
    snapshot,
)
from sandbox.discord.errors import ApiError, Json
from sandbox.discord.models import Channel, Guild, Interaction, Message, Role
from sandbox.discord.people_acts import seen_answer

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld

Act = Callable[[Json], Awaitable[Any]]


def routes(world: DiscordWorld) -> list[web.RouteDef]:
    acts = _Acts(world)
    posts: dict[str, Act] = {
        "message": acts.message,
        "edit_message": acts.edit_message,
        "delete_message": acts.delete_message,
        "slash": acts.slash,
        "autocomplete": acts.autocomplete,
        "click": acts.click,
        "modal": acts.modal,
        "react": acts.react,
        "pin": acts.pin,
        "typing": acts.typing,
        "member": acts.member,
        "role": acts.role,
        "overwrite": acts.overwrite,
        "channel": acts.channel,
        "gateway": acts.gateway,
    }
    gets: dict[str, Act] = {
        "transcript": acts.transcript,
        "interaction": acts.interaction,
        "commands": acts.commands,
    }
    return [
        *(web.post(f"/control/discord/{name}", _posted(act)) for name, act in posts.items()),
        *(web.get(f"/control/discord/{name}", _asked(act)) for name, act in gets.items()),
    ]


def _posted(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return await _answered(act, await body_of(request))

    return handle


def _asked(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return await _answered(act, dict(request.query))

    return handle


async def _answered(act: Act, body: Json) -> web.Response:
    try:
        return web.json_response(await act(body))
    except ApiError as error:
        text = f"{error.code} {error.message}"
        raise ControlError(text, status=error.status) from error
    except KeyError as error:
        raise ControlError(f"the body lacks {error.args[0]!r}") from error


class _Acts:
    """One method per route; each takes the body or query and returns the JSON answer."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world

    # -- messages ------------------------------------------------------------------------------

    async def message(self, body: Json) -> Json:
        """{person, channel, content, reply_to?, guild?} -> {message_id, channel_id}"""
        user_id = self._person(body["person"])
        channel = self._channel(body, user_id)
        draft_body: Json = {"content": str(body["content"])}
        if body.get("reply_to"):
            draft_body["message_reference"] = {"message_id": str(body["reply_to"])}
        draft = drafts.read(draft_body)
        sent = messages.post(self._world, channel, user_id, draft)
        return {"message_id": str(sent.id), "channel_id": str(channel.id)}

    async def edit_message(self, body: Json) -> Json:
        """{person, message_id, content}: people edit only their own."""
        user_id, message = self._person(body["person"]), self._message(body)
        if message.author_id != user_id:
            raise ControlError("only the author can edit a message", status=403)
        messages.edit(self._world, message, drafts.read({"content": str(body["content"])}))
        return {"message_id": str(message.id)}

    async def delete_message(self, body: Json) -> Json:
        """{message_id, person?}; without a person it is deleted as Discord itself may."""
        message = self._message(body)
        if body.get("person"):
            user_id = self._person(body["person"])
            messages.require_deletable(self._world, message, user_id)
        messages.delete(self._world, message)
        return {"deleted": str(message.id)}

    async def react(self, body: Json) -> Json:
        """{person, message_id, emoji, remove?}"""
        user_id, message = self._person(body["person"]), self._message(body)
        act = reactions.remove if body.get("remove") else reactions.add
        act(self._world, message, user_id, str(body["emoji"]))
        return {"message_id": str(message.id)}

    async def pin(self, body: Json) -> Json:
        """{person, message_id, remove?}"""
        user_id, message = self._person(body["person"]), self._message(body)
        channel = self._world.channel(message.channel_id)
        self._world.require(channel, user_id, permissions.Permission.PIN_MESSAGES)
        if body.get("remove"):
            pins.unpin(self._world, message)
        else:
            pins.pin(self._world, message, user_id)
        return {"message_id": str(message.id)}

    async def typing(self, body: Json) -> Json:
        """{person, channel, guild?}"""
        user_id = self._person(body["person"])
        channel = self._channel(body, user_id)
        channels.type_in(self._world, channel, user_id)
        return {"channel_id": str(channel.id)}

    async def transcript(self, query: Json) -> list[Json]:
        """?channel= (a name, an id, or `dm:mia`), guild? -> what was said, oldest first."""
        name = str(query["channel"])
        if name.startswith("dm:"):
            channel = channels.direct(self._world, self._person(name.removeprefix("dm:")))
        else:
            channel = self._channel(query, None)
        return [self._line(message) for message in channel.messages.values()]

    def _line(self, message: Message) -> Json:
        view = snapshot.message_view(self._world, message)
        line: Json = {
            "message_id": view["id"],
            "author": view["author_handle"] or view["author_name"],
            "author_name": view["author_name"],
            "content": view["content"],
            "embeds": view["embeds"],
            "components": view["components"],
            "attachments": view["attachments"],
            "reactions": view["reactors"],
            "pinned": view["pinned"],
            "type": view["type"],
            "reply_to": (view.get("message_reference") or {}).get("message_id"),
            "at": view["timestamp"],
            "edited": view["edited_timestamp"] is not None,
        }
        if message.ephemeral_for is not None:
            line["ephemeral_for"] = view["ephemeral_for"]
        return line

    # -- interactions --------------------------------------------------------------------------

    async def slash(self, body: Json) -> Json:
        """{person, channel, command, options?, guild?} -> {interaction_id, response}"""
        user_id = self._person(body["person"])
        channel = self._channel(body, user_id)
        given = body.get("options") or {}
        one = people_acts.slash(self._world, user_id, channel, str(body["command"]), given)
        return await self._seen(one)

    async def autocomplete(self, body: Json) -> Json:
        """{person, channel, command, options?, focused} -> response {choices}"""
        user_id = self._person(body["person"])
        channel, given = self._channel(body, user_id), body.get("options") or {}
        typed, focused = str(body["command"]), str(body["focused"])
        one = people_acts.autocomplete(self._world, user_id, channel, typed, given, focused)
        return await self._seen(one)

    async def click(self, body: Json) -> Json:
        """{person, message_id, custom_id, values?} -> {interaction_id, response}"""
        user_id, message = self._person(body["person"]), self._message(body)
        values = list(body.get("values") or [])
        one = people_acts.click(self._world, user_id, message, str(body["custom_id"]), values)
        return await self._seen(one)

    async def modal(self, body: Json) -> Json:
        """{person, interaction_id, fields} -> {interaction_id, response}"""
        user_id, shown = self._person(body["person"]), self._interaction(body)
        fields = body.get("fields") or {}
        return await self._seen(people_acts.submit_modal(self._world, user_id, shown, fields))

    async def interaction(self, query: Json) -> Json:
        """?interaction_id= -> how far it got: {interaction_id, answer, response, followups}"""
        one = self._interaction(query)
        channel = self._world.channel(one.channel_id)
        followups = [channel.messages[f] for f in one.followup_ids if f in channel.messages]
        return {
            "interaction_id": str(one.id),
            "answer": one.answer,
            "response": people_acts.answer_view(self._world, one),
            "followups": [self._line(message) for message in followups],
        }

    async def commands(self, _query: Json) -> list[Json]:
        return snapshot.slash_commands(self._world)

    async def _seen(self, one: Interaction) -> Json:
        response = await seen_answer(self._world, one)
        return {"interaction_id": str(one.id), "response": response}

    # -- the server's admin ----------------------------------------------------------------------

    async def member(self, body: Json) -> Json:
        """{person ("bot" too), guild?, join?, leave?, roles? (names or ids), nick?, dms_open?}"""
        user_id, guild = self._person(body["person"]), self._guild(body)
        if body.get("leave"):
            members.leave(self._world, guild, user_id)
        if body.get("join"):
            members.join(self._world, guild, user_id)
        if "dms_open" in body:
            self._world.set_dms_open(str(body["person"]), bool(body["dms_open"]))
            self._world.bell.ring("discord.member", guild_id=str(guild.id), user_id=str(user_id))
        if "roles" in body:
            wanted = [self._role(guild, one).id for one in body["roles"]]
            members.set_roles(self._world, guild, self._world.member(guild.id, user_id), wanted)
        if "nick" in body:
            member = self._world.member(guild.id, user_id)
            members.set_nick(self._world, guild, member, body["nick"])
        return {"user_id": str(user_id), "guild_id": str(guild.id)}

    async def role(self, body: Json) -> Json:
        """{name (or id), guild?, position?, permissions?, color?, delete?}; made if unknown."""
        guild = self._guild(body)
        fields: Json = {
            key: body[key] for key in ("permissions", "color", "mentionable") if key in body
        }
        known = self._find_role(guild, body["name"])
        if body.get("delete"):
            roles.delete(self._world, guild, self._role(guild, body["name"]))
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

    async def overwrite(self, body: Json) -> Json:
        """{channel, target (role name, handle, "bot" or id), allow, deny, guild?}

        `allow` and `deny` are permission bits or lists of names such as `SEND_MESSAGES`.
        """
        channel = self._channel(body, None)
        if channel.guild_id is None:
            raise ControlError("a DM has no overwrites")
        guild, target = self._world.guild(channel.guild_id), body["target"]
        role = self._find_role(guild, target)
        target_id = self._person(target) if role is None else role.id
        allow, deny = bits(body.get("allow")), bits(body.get("deny"))
        channels.set_overwrite(self._world, channel, target_id, allow, deny)
        return {"channel_id": str(channel.id), "target_id": str(target_id)}

    async def channel(self, body: Json) -> Json:
        """{name, guild?, create? | delete?}"""
        guild = self._guild(body)
        if body.get("create"):
            made = channels.create(self._world, guild, {"name": body["name"]})
            return {"channel_id": str(made.id)}
        channel = self._channel({"guild": str(guild.id), "channel": body["name"]}, None)
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

    # -- finding ---------------------------------------------------------------------------------

    def _person(self, handle: object) -> int:
        """The Discord id behind a handle, an id, or "bot"."""
        for user in self._world.users.values():
            if str(handle) in (user.handle, str(user.id)) or (user.bot and handle == "bot"):
                return user.id
        raise ControlError(f"nobody is called {handle!r}", status=404)

    def _guild(self, body: Json) -> Guild:
        wanted = body.get("guild")
        for guild in self._world.guilds.values():
            if wanted is None or str(wanted) in (guild.name, str(guild.id)):
                return guild
        raise ControlError(f"no guild {wanted!r}", status=404)

    def _channel(self, body: Json, user_id: int | None) -> Channel:
        name = str(body["channel"]).removeprefix("#")
        if name == "dm" and user_id is not None:
            return channels.direct(self._world, user_id)
        guilds = [self._guild(body)] if body.get("guild") else list(self._world.guilds.values())
        mine = [g for g in guilds if user_id is None or user_id in g.members]
        for guild in mine or guilds:
            for channel in guild.channels.values():
                if name == channel.name:
                    return channel
        for channel in self._world.all_channels():
            if name == str(channel.id):
                return channel
        raise ControlError(f"no channel {name!r}", status=404)

    def _message(self, body: Json) -> Message:
        return self._world.find_message(_number(body, "message_id"))

    def _interaction(self, body: Json) -> Interaction:
        found = self._world.interactions.get(_number(body, "interaction_id"))
        if found is None:
            raise ControlError("no such interaction", status=404)
        return found

    def _find_role(self, guild: Guild, name: object) -> Role | None:
        return next((r for r in guild.roles.values() if str(name) in (r.name, str(r.id))), None)

    def _role(self, guild: Guild, name: object) -> Role:
        found = self._find_role(guild, name)
        if found is None:
            raise ControlError(f"no role {name!r}", status=404)
        return found


def _number(body: Json, key: str) -> int:
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
