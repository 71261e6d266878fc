"""Control routes: people write, edit, delete, react, pin, type; and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import ControlError
from sandbox.discord import (
    channels,
    drafts,
    messages,
    permissions,
    pins,
    reactions,
    snapshot,
)
from sandbox.discord.control_find import Finder, number
from sandbox.discord.errors import Json
from sandbox.discord.models import Message

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld


class Talk:
    """One method per route; each takes the body or query and returns the JSON answer."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._find = Finder(world)

    async def message(self, body: Json) -> Json:
        """{person, channel, content, reply_to?, guild?} -> {message_id, channel_id}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        draft_body: Json = {"content": str(body["content"])}
        if body.get("reply_to"):
            draft_body["message_reference"] = {"message_id": str(body["reply_to"])}
        draft = drafts.read(draft_body)
        sent = messages.post(self._world, channel, user_id, draft)
        return {"message_id": str(sent.id), "channel_id": str(channel.id)}

    async def edit_message(self, body: Json) -> Json:
        """{person, message_id, content}: people edit only their own."""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        if message.author_id != user_id:
            raise ControlError("only the author can edit a message", status=403)
        messages.edit(self._world, message, drafts.read({"content": str(body["content"])}))
        return {"message_id": str(message.id)}

    async def delete_message(self, body: Json) -> Json:
        """{message_id, person?}; without a person it is deleted as Discord itself may."""
        message = self._find.message(body)
        if body.get("person"):
            user_id = self._find.person(body["person"])
            messages.require_deletable(self._world, message, user_id)
        messages.delete(self._world, message)
        return {"deleted": str(message.id)}

    async def react(self, body: Json) -> Json:
        """{person, message_id, emoji, remove?}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        act = reactions.remove if body.get("remove") else reactions.add
        act(self._world, message, user_id, str(body["emoji"]))
        return {"message_id": str(message.id)}

    async def pin(self, body: Json) -> Json:
        """{person, message_id, remove?}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        channel = self._world.channel(message.channel_id)
        self._world.require(channel, user_id, permissions.Permission.PIN_MESSAGES)
        if body.get("remove"):
            pins.unpin(self._world, message)
        else:
            pins.pin(self._world, message, user_id)
        return {"message_id": str(message.id)}

    async def typing(self, body: Json) -> Json:
        """{person, channel, guild?}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        channels.type_in(self._world, channel, user_id)
        return {"channel_id": str(channel.id)}

    async def transcript(self, query: Json) -> list[Json]:
        """?channel= (a name, an id, or `dm:mia`), guild?, after? (a message id) -> oldest first."""
        name = str(query["channel"])
        if name.startswith("dm:"):
            channel = channels.direct(self._world, self._find.person(name.removeprefix("dm:")))
        else:
            channel = self._find.channel(query, None)
        after = number(query, "after") if query.get("after") else 0
        return [
            transcript_line(self._world, message)
            for message in channel.messages.values()
            if message.id > after
        ]


def transcript_line(world: DiscordWorld, message: Message) -> Json:
    view = snapshot.message_view(world, message)
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
