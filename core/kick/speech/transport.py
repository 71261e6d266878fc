"""Carries lines to Kick's chat, gently, and never repeats one blindly.

Kick's chat has no key that would make a repetition harmless. So when an attempt may have gone
through, the chat's history is asked; when that is blocked too, the line is given up rather than
said twice.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Any

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.accounts import store as accounts
from core.kick.accounts.tokens import ReconnectNeeded
from core.kick.client import client_of
from core.kick.speech import store
from core.kick.speech.actions import note_unsaid
from core.kick.speech.app_bot import AppBot
from core.kick.speech.rules import BETWEEN, cut, how_many_fit
from core.kick.speech.voices import Voice, voices_of, why_mute
from core.kick.store import list_bot_ids
from core.kick.wire import AnswerLost, KickRejected
from core.kit.database import Database
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.words import speak
from core.outbox import store as outbox
from core.outbox.store import Follower, Outgoing
from core.outbox.transport import Receipt, Unsure

MOST_CARRIED = 10
"""Lines that are looked at to be said together."""

GENTLE_SECONDS = 1.0
"""Between two lines in one chat. Kick publishes no limit; a busy chat would not read faster."""

ASK_HISTORY = 3
"""Attempts until a history that is out of reach counts as never to be had."""

CLOCKS_DIFFER = timedelta(seconds=5)
"""Between Kick's clock and ours, at most."""

NOBODY_CAN_TELL = "Nobody can tell whether this line reached the chat; it is not said twice."

Renderer = Callable[[Mapping[str, Any]], str]

_log = structlog.get_logger(__name__)


class KickTransport:
    """Delivers messages with the service "kick"."""

    def __init__(
        self,
        services: Services,
        renderers: Mapping[str, Renderer],
        language_of: Callable[[Any, int], str],
    ) -> None:
        self._services = services
        self._client = client_of(services.settings)
        self._database: Database = services.database
        self._renderers = renderers
        self._language_of = language_of
        self._next_at: dict[str, float] = {}
        self._app_bot = AppBot(services.database, services.clock)

    async def deliver(self, message: Outgoing) -> Receipt:
        voices = await asyncio.to_thread(voices_of, self._services, message.guild_id)
        if not voices:
            return await self._database.run(self._mute, message.guild_id)
        await self._be_gentle(message.lane)
        return await asyncio.to_thread(self._say, message, voices)

    def _mute(self, tx: Connection, guild_id: int) -> Receipt:
        reason = why_mute(tx, self._services, guild_id) or "There is no voice to speak with."
        note_unsaid(tx, self._services, guild_id, reason)
        return {"skipped": reason}

    async def confirm(self, message: Outgoing) -> Receipt | None:
        return await asyncio.to_thread(self._look_for, message)

    async def _be_gentle(self, lane: str) -> None:
        now = time.monotonic()
        at = max(self._next_at.get(lane, 0.0), now)
        self._next_at[lane] = at + GENTLE_SECONDS
        await asyncio.sleep(at - now)

    def _say(self, message: Outgoing, voices: Sequence[Voice]) -> Receipt:
        text = self._text(message)
        failed: list[tuple[Voice, str]] = []
        for voice in voices:
            try:
                message_id = self._say_with(voice, message, text)
            except (KickRejected, Refusal, Outage) as error:
                if voice is voices[-1] or not _may_step_in(voice, error):
                    raise _told(voice, error) from error
                failed.append((voice, str(error)))
            else:
                self._note(message, voice, message_id, failed)
                return {"message_id": message_id, "voice": voice.name}
        raise AssertionError("the last voice returns or raises")

    def _say_with(self, voice: Voice, message: Outgoing, text: str) -> str:
        def send(token: str) -> str:
            return self._client.send_chat(
                token,
                message.target["broadcaster_user_id"],
                text,
                message.target.get("reply_to"),
                voice.kind,
            )

        token = voice.token()
        try:
            return send(token)
        except AnswerLost as lost:
            raise Unsure(str(lost)) from lost
        except KickRejected as rejected:
            if rejected.status != 401 or voice.renewed is None:
                raise
        return send(voice.renewed(token))

    def _note(
        self,
        message: Outgoing,
        voice: Voice,
        message_id: str,
        failed: Sequence[tuple[Voice, str]],
    ) -> None:
        """What was learned. The line is said, whatever comes of this."""
        try:
            if voice.kind == "bot":
                self._app_bot.said(message.target["broadcaster_user_id"], message_id)
            self._note_failures(message.guild_id, failed)
        except Outage as outage:
            _log.info("What was learned of the voices is lost", reason=outage.reason)

    def _note_failures(self, guild_id: int, failed: Sequence[tuple[Voice, str]]) -> None:
        """The app's bot is left alone for a while once another voice did what it could not."""
        for voice, reason in failed:
            if voice.kind == "bot":
                with self._database.begin() as tx:
                    store.set_bot_failed(tx, guild_id, reason[:200], self._services.clock())

    def _text(self, message: Outgoing) -> str:
        """The line, with the ones that wait behind it where they fit; a reply stands alone."""
        with self._database.begin() as tx:
            followers = [
                follower
                for follower in takewhile(
                    lambda one: _goes_with(message, one),
                    outbox.list_followers(tx, message, MOST_CARRIED),
                )
                # Repeated after a doubt, it must say what it said: no more, no less.
                if message.attempts == 1 or follower.carried_by == message.id
            ]
            with speak(self._language_of(tx, message.guild_id)):
                texts = [self._line(message.kind, message.payload)]
                texts += [self._line(follower.kind, follower.payload) for follower in followers]
            fitting = how_many_fit(texts)
            outbox.set_carried(tx, [one.id for one in followers[: fitting - 1]], message.id)
        return cut(BETWEEN.join(texts[:fitting]))

    def _line(self, kind: str, payload: Mapping[str, Any]) -> str:
        return cut(self._renderers[kind](payload))

    def _streamer(self, guild_id: int) -> frozenset[int]:
        """The streamer's own account speaks for us where there is no better voice."""
        with self._database.begin() as tx:
            account = accounts.find_account(tx, guild_id)
        return frozenset() if account is None else frozenset({account.kick_user_id})

    def _look_for(self, message: Outgoing) -> Receipt | None:
        with self._database.begin() as tx:
            channel = guilds.find_channel(tx, message.guild_id, "kick")
            ours = list_bot_ids(tx)
        if channel is None:
            raise Refusal("The server follows no Kick channel any more.")
        text = self._text(message)
        ours |= self._streamer(message.guild_id)
        try:
            recent = self._client.list_recent_lines(channel.slug)
        except (Outage, KickRejected) as error:
            if isinstance(error, Outage) and message.attempts < ASK_HISTORY:
                raise
            raise Refusal(NOBODY_CAN_TELL) from error
        since = message.first_sending_at - CLOCKS_DIFFER
        for line in recent:
            # The app's own bot has an account that Kick tells us nothing about.
            is_ours = line.sender_id in ours or line.by_bot
            if is_ours and line.text == text and line.at >= since:
                return {"message_id": line.message_id}
        # A busy chat may have scrolled past it; and who does not know himself finds nothing.
        reaches_back = not recent or min(line.at for line in recent) <= message.first_sending_at
        if not ours or not reaches_back:
            raise Refusal(NOBODY_CAN_TELL)
        return None


def _goes_with(message: Outgoing, follower: Follower) -> bool:
    """Replies belong to different lines and cannot be joined; neither can two servers' lines."""
    return (
        not message.target.get("reply_to")
        and not follower.target.get("reply_to")
        and follower.guild_id == message.guild_id
    )


def _may_step_in(voice: Voice, error: Exception) -> bool:
    """Whether the next voice may say what this one could not.

    Kick is known to answer 400, 401 and 500 where the app has no bot; elsewhere such an answer is
    about the line or about Kick, and another voice would change nothing.
    """
    if isinstance(error, Outage):
        return voice.kind == "bot" and error.reason == "HTTP 500"
    return voice.kind == "bot" or isinstance(error, ReconnectNeeded) or _is_about_token(error)


def _is_about_token(error: Exception) -> bool:
    return isinstance(error, KickRejected) and error.status in (401, 403)


def _told(voice: Voice, error: Exception) -> Exception:
    if isinstance(error, KickRejected):
        return Refusal(_plain(voice, error))
    return error


def _plain(voice: Voice, rejected: KickRejected) -> str:
    if rejected.status == 401 and voice.name == "bot account":
        return "Kick no longer takes KICK_BOT_USER_TOKEN. Please make a new one."
    if rejected.status == 403 and voice.name == "bot account":
        return "The account of KICK_BOT_USER_TOKEN may not write in this chat."
    return (
        f"Kick did not take the line from the {voice.name} ({rejected.status}: {rejected.reason})."
    )
