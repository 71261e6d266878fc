"""Delivers lines to Kick's chat at a limited rate, and never repeats one blindly.

Kick has no idempotency key. So when an attempt may have succeeded, the chat's history is asked; if
that is out of reach too, the line is given up rather than sent twice.
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
from core.kick.bodies import PLATFORM
from core.kick.chat import store
from core.kick.chat.actions import note_unsent
from core.kick.chat.identities import AppBot, ChatIdentity, identities_of, why_unable_to_send
from core.kick.chat.rules import BETWEEN, cut, how_many_fit
from core.kick.client import client_of
from core.kick.store import list_bot_ids
from core.kick.wire import KickRejected, NoAnswer
from core.kit.database import Database
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.words import speak
from core.outbox import store as outbox
from core.outbox.store import Follower, Outgoing
from core.outbox.transport import Receipt, Unsure

MOST_CARRIED = 10
"""Lines considered for sending as one."""

SECONDS_BETWEEN_LINES = 1.0
"""Between two lines in one chat. Kick publishes no limit; a busy chat would not read faster."""

ASK_HISTORY = 3
"""Attempts until an unreachable history is given up."""

CLOCKS_DIFFER = timedelta(seconds=5)
"""Between Kick's clock and ours, at most."""

NOBODY_CAN_TELL = "It is unknown whether this line reached the chat, so it is not sent again."

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
        self._app_bot = AppBot(services)

    async def deliver(self, message: Outgoing) -> Receipt:
        identities = await asyncio.to_thread(identities_of, self._services, message.guild_id)
        if not identities:
            return await self._database.run(self._skip, message.guild_id)
        await self._throttle(message.lane)
        return await asyncio.to_thread(self._say, message, identities)

    def _skip(self, tx: Connection, guild_id: int) -> Receipt:
        reason = (
            why_unable_to_send(tx, self._services, guild_id) or "No account can send to this chat."
        )
        note_unsent(tx, self._services, guild_id, reason)
        return {"skipped": reason}

    async def confirm(self, message: Outgoing) -> Receipt | None:
        return await asyncio.to_thread(self._find_in_history, message)

    async def _throttle(self, lane: str) -> None:
        now = time.monotonic()
        at = max(self._next_at.get(lane, 0.0), now)
        self._next_at[lane] = at + SECONDS_BETWEEN_LINES
        await asyncio.sleep(at - now)

    def _say(self, message: Outgoing, identities: Sequence[ChatIdentity]) -> Receipt:
        text = self._text(message)
        failed: list[tuple[ChatIdentity, str]] = []
        for identity in identities:
            try:
                message_id = self._say_with(identity, message, text)
            except (KickRejected, Refusal, Outage) as error:
                if identity is identities[-1] or not _may_step_in(identity, error):
                    if isinstance(error, KickRejected):
                        raise Refusal(_plain(identity, error)) from error
                    raise
                failed.append((identity, str(error)))
            else:
                self._note(message, identity, message_id, failed)
                return {"message_id": message_id, "identity": identity.name}
        raise AssertionError("the last identity returns or raises")

    def _say_with(self, identity: ChatIdentity, message: Outgoing, text: str) -> str:
        target = message.target

        def send(token: str) -> str:
            try:
                return self._client.send_chat(
                    token,
                    target["broadcaster_user_id"],
                    text,
                    target.get("reply_to"),
                    identity.kind,
                )
            except NoAnswer as lost:
                raise Unsure(f"Kick may have the line: {lost.reason}") from lost

        token = identity.token()
        try:
            return send(token)
        except KickRejected as rejected:
            if rejected.status != 401 or identity.renewed is None:
                raise
        return send(identity.renewed(token))

    def _note(
        self,
        message: Outgoing,
        identity: ChatIdentity,
        message_id: str,
        failed: Sequence[tuple[ChatIdentity, str]],
    ) -> None:
        """Store what was learned. The line is sent, even if this fails."""
        try:
            if identity.kind == "bot":
                self._app_bot.has_sent(message.target["broadcaster_user_id"], message_id)
            self._note_failures(message.guild_id, failed)
        except Outage as outage:
            _log.info("The state of the chat identities was not stored", reason=outage.reason)

    def _note_failures(self, guild_id: int, failed: Sequence[tuple[ChatIdentity, str]]) -> None:
        """Skip the app's bot for a while once another identity sent what it could not."""
        for identity, reason in failed:
            if identity.kind == "bot":
                _log.info("The app's bot could not send", reason=reason, guild_id=guild_id)
                with self._database.begin() as tx:
                    store.set_bot_failed(tx, guild_id, self._services.clock())

    def _text(self, message: Outgoing) -> str:
        """The line, joined with those waiting behind it that fit; a reply is sent alone."""
        with self._database.begin() as tx:
            followers = [
                follower
                for follower in takewhile(
                    lambda one: _goes_with(message, one),
                    outbox.list_followers(tx, message, MOST_CARRIED),
                )
                # A line that is sent again must say exactly what it said before.
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

    def _find_in_history(self, message: Outgoing) -> Receipt | None:
        with self._database.begin() as tx:
            channel = guilds.find_channel(tx, message.guild_id, PLATFORM)
            account = accounts.find_account(tx, message.guild_id)
            ours = set(list_bot_ids(tx)) | ({account.kick_user_id} if account else set())
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
            # The app's own bot has an account that Kick tells us nothing about.
            is_ours = line.sender_id in ours or line.by_bot
            if is_ours and line.text == text and line.at >= since:
                return {"message_id": line.message_id}
        # A busy chat may have scrolled past it; without our account ids we cannot search it.
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


def _may_step_in(identity: ChatIdentity, error: Exception) -> bool:
    """Whether the next identity may send what this one could not.

    Kick is known to answer 400, 401 and 500 where the app has no bot; elsewhere such an answer is
    about the line or about Kick, and another identity would change nothing.
    """
    if isinstance(error, Outage):
        return identity.kind == "bot" and error.reason == "HTTP 500"
    is_about_token = isinstance(error, KickRejected) and error.status in (401, 403)
    return identity.kind == "bot" or isinstance(error, ReconnectNeeded) or is_about_token


def _plain(identity: ChatIdentity, rejected: KickRejected) -> str:
    if rejected.status == 401 and identity.name == "bot account":
        return "Kick no longer takes KICK_BOT_USER_TOKEN. Please make a new one."
    if rejected.status == 403 and identity.name == "bot account":
        return "The account of KICK_BOT_USER_TOKEN may not write in this chat."
    answer = f"({rejected.status}: {rejected.reason})"
    return f"Kick did not accept the line from the {identity.name} {answer}."
