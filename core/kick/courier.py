"""Carries lines to Kick's chat, gently, and never repeats one blindly.

Kick's chat has no key that would make a repetition harmless. So when an attempt may have gone
through, the chat's history is asked; when that is blocked too, the line is given up rather than
said twice.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from core.guilds import store as guilds
from core.kick.client import AnswerLost, KickRejected, client_of
from core.kick.store import list_bot_ids
from core.kit.database import Database
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.words import speak
from core.outbox.courier import Receipt, Unsure
from core.outbox.store import Outgoing

MOST_CHARACTERS = 500
"""Kick's limit, in code points."""

GENTLE_SECONDS = 1.0
"""Between two lines in one chat. Kick publishes no limit; a busy chat would not read faster."""

ASK_HISTORY = 3
"""Attempts until a history that is out of reach counts as never to be had."""

CLOCKS_DIFFER = timedelta(seconds=5)
"""Between Kick's clock and ours, at most."""

NOBODY_CAN_TELL = "Nobody can tell whether this line reached the chat; it is not said twice."

Renderer = Callable[[Mapping[str, Any]], str]


class KickCourier:
    """Delivers messages with the service "kick"."""

    def __init__(
        self,
        services: Services,
        renderers: Mapping[str, Renderer],
        language_of: Callable[[Any, int], str],
    ) -> None:
        token = services.settings.kick_bot_user_token
        self._token = token.get_secret_value() if token else None
        self._client = client_of(services.settings)
        self._database: Database = services.database
        self._renderers = renderers
        self._language_of = language_of
        self._next_at: dict[str, float] = {}

    async def deliver(self, message: Outgoing) -> Receipt:
        if self._token is None:
            return {"skipped": "KICK_BOT_USER_TOKEN is not set"}
        await self._be_gentle(message.lane)
        return await asyncio.to_thread(self._say, message, self._token)

    async def confirm(self, message: Outgoing) -> Receipt | None:
        return await asyncio.to_thread(self._look_for, message)

    async def _be_gentle(self, lane: str) -> None:
        now = time.monotonic()
        at = max(self._next_at.get(lane, 0.0), now)
        self._next_at[lane] = at + GENTLE_SECONDS
        await asyncio.sleep(at - now)

    def _say(self, message: Outgoing, token: str) -> Receipt:
        broadcaster_user_id = message.target["broadcaster_user_id"]
        try:
            message_id = self._client.send_chat(
                token, broadcaster_user_id, self._text(message), message.target.get("reply_to")
            )
        except AnswerLost as lost:
            raise Unsure(str(lost)) from lost
        except KickRejected as rejected:
            raise Refusal(_plain(rejected)) from rejected
        return {"message_id": message_id}

    def _text(self, message: Outgoing) -> str:
        with self._database.begin() as tx:
            language = self._language_of(tx, message.guild_id)
        with speak(language):
            return cut(self._renderers[message.kind](message.payload))

    def _look_for(self, message: Outgoing) -> Receipt | None:
        with self._database.begin() as tx:
            channel = guilds.find_channel(tx, message.guild_id, "kick")
            ours = list_bot_ids(tx)
        if channel is None:
            raise Refusal("The server follows no Kick channel any more.")
        text = self._text(message)
        try:
            recent = self._client.list_recent_lines(channel.slug)
        except (Outage, KickRejected) as error:
            if isinstance(error, Outage) and message.attempts < ASK_HISTORY:
                raise
            raise Refusal(NOBODY_CAN_TELL) from error
        since = message.first_sending_at - CLOCKS_DIFFER
        for line in recent:
            if line.sender_id in ours and line.text == text and line.at >= since:
                return {"message_id": line.message_id}
        # A busy chat may have scrolled past it; and who does not know himself finds nothing.
        reaches_back = not recent or min(line.at for line in recent) <= message.first_sending_at
        if not ours or not reaches_back:
            raise Refusal(NOBODY_CAN_TELL)
        return None


def cut(text: str) -> str:
    """At most 500 characters, cut at a word where there is one."""
    if len(text) <= MOST_CHARACTERS:
        return text
    at_word = text[:MOST_CHARACTERS].rsplit(" ", 1)[0]
    found = MOST_CHARACTERS // 2 < len(at_word) < MOST_CHARACTERS
    return (at_word if found else text[: MOST_CHARACTERS - 1]) + "…"


def _plain(rejected: KickRejected) -> str:
    if rejected.status == 401:
        return "Kick no longer takes KICK_BOT_USER_TOKEN. Please make a new one."
    if rejected.status == 403:
        return "The account of KICK_BOT_USER_TOKEN may not write in this chat."
    return f"Kick did not take the line ({rejected.status}: {rejected.reason})."
