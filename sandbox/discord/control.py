"""`/control/discord/...`: what people do on Discord, for the page, the tests and the demo.

People are given by handle, channels by name (`general`, `#general`), id, or `dm` for the DM with
the bot. A name is searched in the guilds of the person, the first guild first, or in `guild`
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
    permissions,
    reactions,
    roles,
    snapshot,
    user_actions,
)
from sandbox.discord.errors import ApiError, Json
from sandbox.discord.models import Channel, Guild, Interaction, Message, Role

if TYPE_CHECKING:
    from sandbox.discord.service import DiscordService

POSTS = (
    *("message", "edit_message", "delete_message", "react", "pin", "typing"),
    *("slash", "autocomplete", "click", "modal"),
    *("member", "role", "command_role", "overwrite", "bot_access", "channel", "gateway"),
)
GETS = ("transcript", "interaction", "commands")


def routes(discord: DiscordService) -> list[web.RouteDef]:
    """Each route is the method of `Control` with its name."""
    control = Control(discord)
    return [
        web.route(method, f"/control/discord/{name}", _handler(getattr(control, name)))
        for method, names in (("POST", POSTS), ("GET", GETS))
        for name in names
    ]


def _handler(
    action: Callable[[Json], Awaitable[Any]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = dict(request.query) if request.method == "GET" else await body_of(request)
        try:
            return web.json_response(await action(body))
        except ApiError as error:
            text = f"{error.code} {error.message}"
            raise ControlError(text, status=error.status) from error
        except KeyError as error:
            raise ControlError(f"the body lacks {error.args[0]!r}") from error

    return handle


class Control:
    """Each action takes the body or query and returns the JSON answer."""

    def __init__(self, discord: DiscordService) -> None:
        self._discord = discord
        self._find = Finder(discord)

    # -- messages --------------------------------------------------------------------------------

    async def message(self, body: Json) -> Json:
        """{person, channel, content, reply_to?, guild?} -> {message_id, channel_id}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        draft_body: Json = {"content": str(body["content"])}
        if body.get("reply_to"):
            draft_body["message_reference"] = {"message_id": str(body["reply_to"])}
        draft = drafts.read(draft_body)
        sent = messages.post(self._discord, channel, user_id, draft)
        return {"message_id": str(sent.id), "channel_id": str(channel.id)}

    async def edit_message(self, body: Json) -> Json:
        """{person, message_id, content}: people edit only their own."""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        if message.author_id != user_id:
            raise ControlError("only the author can edit a message", status=403)
        messages.edit(self._discord, message, drafts.read({"content": str(body["content"])}))
        return {"message_id": str(message.id)}

    async def delete_message(self, body: Json) -> Json:
        """{message_id, person?}; without a person it is deleted as Discord itself may."""
        message = self._find.message(body)
        if body.get("person"):
            user_id = self._find.person(body["person"])
            messages.require_deletable(self._discord, message, user_id)
        messages.delete(self._discord, message)
        return {"deleted": str(message.id)}

    async def react(self, body: Json) -> Json:
        """{person, message_id, emoji, remove?}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        act = reactions.remove if body.get("remove") else reactions.add
        act(self._discord, message, user_id, str(body["emoji"]))
        return {"message_id": str(message.id)}

    async def pin(self, body: Json) -> Json:
        """{person, message_id, remove?}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        channel = self._discord.channel(message.channel_id)
        self._discord.require(channel, user_id, permissions.Permission.PIN_MESSAGES)
        if body.get("remove"):
            messages.unpin(self._discord, message)
        else:
            messages.pin(self._discord, message, user_id)
        return {"message_id": str(message.id)}

    async def typing(self, body: Json) -> Json:
        """{person, channel, guild?}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        channels.start_typing(self._discord, channel, user_id)
        return {"channel_id": str(channel.id)}

    async def transcript(self, query: Json) -> list[Json]:
        """?channel= (a name, an id, or `dm:mia`), guild?, after? (a message id) -> oldest first."""
        name = str(query["channel"])
        if name.startswith("dm:"):
            channel = channels.direct(self._discord, self._find.person(name.removeprefix("dm:")))
        else:
            channel = self._find.channel(query, None)
        after = number(query, "after") if query.get("after") else 0
        return [
            transcript_line(self._discord, message)
            for message in channel.messages.values()
            if message.id > after
        ]

    # -- interactions ----------------------------------------------------------------------------

    async def slash(self, body: Json) -> Json:
        """{person, channel, command, options?, guild?} -> {interaction_id, response}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        given = body.get("options") or {}
        interaction = user_actions.slash(
            self._discord, user_id, channel, str(body["command"]), given
        )
        return await self._answer(interaction, body)

    async def autocomplete(self, body: Json) -> Json:
        """{person, channel, command, options?, focused} -> response {choices}"""
        user_id = self._find.person(body["person"])
        channel, given = self._find.channel(body, user_id), body.get("options") or {}
        typed, focused = str(body["command"]), str(body["focused"])
        interaction = user_actions.autocomplete(
            self._discord, user_id, channel, typed, given, focused
        )
        return await self._answer(interaction, body)

    async def click(self, body: Json) -> Json:
        """{person, message_id, custom_id, values?, ack_seconds?} -> {interaction_id, response}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        values = list(body.get("values") or [])
        interaction = user_actions.click(
            self._discord, user_id, message, str(body["custom_id"]), values
        )
        return await self._answer(interaction, body)

    async def modal(self, body: Json) -> Json:
        """{person, interaction_id, fields, ack_seconds?} -> {interaction_id, response}"""
        user_id, shown = self._find.person(body["person"]), self._find.interaction(body)
        fields = body.get("fields") or {}
        interaction = user_actions.submit_modal(self._discord, user_id, shown, fields)
        return await self._answer(interaction, body)

    async def interaction(self, query: Json) -> Json:
        """?interaction_id= -> how far it got: {interaction_id, answer, response, followups}"""
        interaction = self._find.interaction(query)
        channel = self._discord.channel(interaction.channel_id)
        followups = [channel.messages[f] for f in interaction.followup_ids if f in channel.messages]
        return {
            "interaction_id": str(interaction.id),
            "answer": interaction.answer,
            "response": user_actions.answer_view(self._discord, interaction),
            "followups": [transcript_line(self._discord, message) for message in followups],
        }

    async def commands(self, _query: Json) -> list[Json]:
        return snapshot.slash_commands(self._discord)

    async def _answer(self, interaction: Interaction, body: Json) -> Json:
        ack_seconds = body.get("ack_seconds", user_actions.ACK_GRACE_SECONDS)
        response = await user_actions.wait_for_answer(
            self._discord, interaction, float(ack_seconds)
        )
        return {"interaction_id": str(interaction.id), "response": response}

    # -- the server and the gateway --------------------------------------------------------------

    async def member(self, body: Json) -> Json:
        """{person ("bot" too), guild?, join?, leave?, ban? (true or false), roles? (names or ids),
        nick?, dms_open?}"""
        user_id, guild = self._find.person(body["person"]), self._find.guild(body)
        if body.get("leave"):
            members.leave(self._discord, guild, user_id)
        if body.get("ban"):
            members.ban(self._discord, guild, user_id)
        elif "ban" in body and user_id in guild.bans:
            members.unban(self._discord, guild, user_id)
        if body.get("join"):
            members.join(self._discord, guild, user_id)
        if "dms_open" in body:
            self._discord.set_dms_open(str(body["person"]), bool(body["dms_open"]))
            self._discord.changes.publish(
                "discord.member", guild_id=str(guild.id), user_id=str(user_id)
            )
        if "roles" in body:
            wanted = [self._find.role(guild, role).id for role in body["roles"]]
            members.set_roles(self._discord, guild, self._discord.member(guild.id, user_id), wanted)
        if "nick" in body:
            member = self._discord.member(guild.id, user_id)
            members.set_nick(self._discord, guild, member, body["nick"])
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
            roles.delete(self._discord, guild, self._find.role(guild, body["name"]))
            return {"deleted": str(body["name"])}
        if known is None:
            known = roles.create(
                self._discord, guild, {"permissions": 0, **fields, "name": body["name"]}
            )
        elif fields:
            roles.update(self._discord, guild, known, fields)
        if body.get("position") is not None:
            roles.move(self._discord, guild, known, int(body["position"]))
        return {"role_id": str(known.id), "position": known.position}

    async def command_role(self, body: Json) -> Json:
        """{command, role (or id), allow? (true), guild?}: Server Settings -> Integrations, where
        an admin shows a slash command to a role or hides it; `allow` null is neither."""
        guild = self._find.guild(body)
        role_id = self._find.role(guild, body["role"]).id
        chosen = self._discord.command_roles.setdefault((guild.id, str(body["command"])), {})
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
        guild, target = self._discord.guild(channel.guild_id), body["target"]
        role = self._find.find_role(guild, target)
        target_id = self._find.person(target) if role is None else role.id
        allow, deny = bits(body.get("allow")), bits(body.get("deny"))
        channels.set_overwrite(self._discord, channel, target_id, allow, deny)
        return {"channel_id": str(channel.id), "target_id": str(target_id)}

    async def bot_access(self, body: Json) -> Json:
        """{channel, access: full | read | none, guild?}: close a channel to the bot, or open it."""
        channel = self._find.channel(body, None)
        if channel.guild_id is None:
            raise ControlError("a DM cannot be closed to the bot")
        if body["access"] not in ("full", "read", "none"):
            raise ControlError(f"no access {body['access']!r}")
        channels.set_bot_access(self._discord, channel, body["access"])
        return {
            "channel_id": str(channel.id),
            "access": channels.bot_access(self._discord, channel),
        }

    async def channel(self, body: Json) -> Json:
        """{name, guild?, create? | delete?}"""
        guild = self._find.guild(body)
        if body.get("create"):
            made = channels.create(self._discord, guild, {"name": body["name"]})
            return {"channel_id": str(made.id)}
        channel = self._find.channel({"guild": str(guild.id), "channel": body["name"]}, None)
        if body.get("delete"):
            channels.delete(self._discord, channel)
        return {"channel_id": str(channel.id)}

    async def gateway(self, body: Json) -> Json:
        """{action: kill | reconnect | invalidate | stop | start}"""
        gateway, faults = self._discord.gateway, self._discord.faults
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


class Finder:
    """Finds what the names in a control request mean; an unknown one is a ControlError 404."""

    def __init__(self, discord: DiscordService) -> None:
        self._discord = discord

    def person(self, handle: object) -> int:
        """The Discord id behind a handle, an id, or "bot"."""
        for user in self._discord.users.values():
            if str(handle) in (user.handle, str(user.id)) or (user.bot and handle == "bot"):
                return user.id
        raise ControlError(f"nobody is called {handle!r}", status=404)

    def guild(self, body: Json) -> Guild:
        wanted = body.get("guild")
        for guild in self._discord.guilds.values():
            if wanted is None or str(wanted) in (guild.name, str(guild.id)):
                return guild
        raise ControlError(f"no guild {wanted!r}", status=404)

    def channel(self, body: Json, user_id: int | None) -> Channel:
        name = str(body["channel"]).removeprefix("#")
        if name == "dm" and user_id is not None:
            return channels.direct(self._discord, user_id)
        guilds = [self.guild(body)] if body.get("guild") else list(self._discord.guilds.values())
        mine = [g for g in guilds if user_id is None or user_id in g.members]
        for guild in mine or guilds:
            for channel in guild.channels.values():
                if name == channel.name:
                    return channel
        for channel in self._discord.all_channels():
            if name == str(channel.id):
                return channel
        raise ControlError(f"no channel {name!r}", status=404)

    def message(self, body: Json) -> Message:
        return self._discord.find_message(number(body, "message_id"))

    def interaction(self, body: Json) -> Interaction:
        found = self._discord.interactions.get(number(body, "interaction_id"))
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


def transcript_line(discord: DiscordService, message: Message) -> Json:
    view = snapshot.message_view(discord, message)
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
