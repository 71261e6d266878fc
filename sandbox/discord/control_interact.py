"""Control routes: people use commands, components and modals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord import people_acts, snapshot
from sandbox.discord.control_find import Finder
from sandbox.discord.control_talk import transcript_line
from sandbox.discord.errors import Json
from sandbox.discord.models import Interaction

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld


class Interact:
    """One method per route; each takes the body or query and returns the JSON answer."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._find = Finder(world)

    async def slash(self, body: Json) -> Json:
        """{person, channel, command, options?, guild?} -> {interaction_id, response}"""
        user_id = self._find.person(body["person"])
        channel = self._find.channel(body, user_id)
        given = body.get("options") or {}
        one = people_acts.slash(self._world, user_id, channel, str(body["command"]), given)
        return await self._seen(one)

    async def autocomplete(self, body: Json) -> Json:
        """{person, channel, command, options?, focused} -> response {choices}"""
        user_id = self._find.person(body["person"])
        channel, given = self._find.channel(body, user_id), body.get("options") or {}
        typed, focused = str(body["command"]), str(body["focused"])
        one = people_acts.autocomplete(self._world, user_id, channel, typed, given, focused)
        return await self._seen(one)

    async def click(self, body: Json) -> Json:
        """{person, message_id, custom_id, values?} -> {interaction_id, response}"""
        user_id, message = self._find.person(body["person"]), self._find.message(body)
        values = list(body.get("values") or [])
        one = people_acts.click(self._world, user_id, message, str(body["custom_id"]), values)
        return await self._seen(one)

    async def modal(self, body: Json) -> Json:
        """{person, interaction_id, fields} -> {interaction_id, response}"""
        user_id, shown = self._find.person(body["person"]), self._find.interaction(body)
        fields = body.get("fields") or {}
        return await self._seen(people_acts.submit_modal(self._world, user_id, shown, fields))

    async def interaction(self, query: Json) -> Json:
        """?interaction_id= -> how far it got: {interaction_id, answer, response, followups}"""
        one = self._find.interaction(query)
        channel = self._world.channel(one.channel_id)
        followups = [channel.messages[f] for f in one.followup_ids if f in channel.messages]
        return {
            "interaction_id": str(one.id),
            "answer": one.answer,
            "response": people_acts.answer_view(self._world, one),
            "followups": [transcript_line(self._world, message) for message in followups],
        }

    async def commands(self, _query: Json) -> list[Json]:
        return snapshot.slash_commands(self._world)

    async def _seen(self, one: Interaction) -> Json:
        response = await people_acts.seen_answer(self._world, one)
        return {"interaction_id": str(one.id), "response": response}
