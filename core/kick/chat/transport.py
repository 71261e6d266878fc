"""Delivers messages to Kick chat at a limited rate, and never blindly retries one.

Kick has no idempotency key. So if an attempt may have succeeded, the chat's history is searched; if
that fails too, the message is dropped rather than sent twice.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import update

from core.guilds import store as guilds
from core.kick.accounts.records import Account
from core.kick.accounts.store import list_bot_ids
from core.kick.bodies import PLATFORM
from core.kick.chat.actions import note_unsent
from core.kick.chat.identities import AppBot, ChatIdentity, identities_of, why_unable_to_send
from core.kick.client import client_of
from core.kick.wire import KickRejected
from core.kit.database.work import Work
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.runtime.wire import NoAnswer
from core.kit.services import Services
from core.outbox.chat import REPLY_REFUSED, UNKNOWN_OUTCOME, ChatTransport, Line, Renderer
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt, Unsure

MAX_HISTORY_ATTEMPTS = 3
"""Attempts to read the history before the message is dropped."""

CLOCKS_DIFFER = timedelta(seconds=5)
"""Maximum difference between Kick's clock and ours."""

_log = structlog.get_logger(__name__)


class KickTransport(ChatTransport):
    """Delivers messages with the service "kick"."""

    def __init__(
        self,
        services: Services,
        renderers: Mapping[str, Renderer],
        language_of: Callable[[Any, int], str],
    ) -> None:
        super().__init__(services, renderers, language_of)
        self._client = client_of(services.settings)
        self._app_bot = AppBot(services)

    async def deliver(self, message: Outgoing) -> Receipt:
        identities = await asyncio.to_thread(identities_of, self._services, message.guild_id)
        if not identities:
            return await self._services.run_as_bot(message.guild_id, self._skip)
        await self._throttle(message)
        return await asyncio.to_thread(self._say, message, identities)

    def _skip(self, work: Work) -> Receipt:
        reason = why_unable_to_send(work, self._services) or "No account can send to this chat."
        note_unsent(work, reason)
        return {"skipped": reason}

    async def confirm(self, message: Outgoing) -> Receipt | None:
        return await asyncio.to_thread(self._find_in_history, message)

    def _say(self, message: Outgoing, identities: Sequence[ChatIdentity]) -> Receipt:
        line = self._compose(message)
        bot_error = ""
        for identity in identities:
            try:
                message_id = self._say_with(identity, message, line)
            except (KickRejected, Refusal, Outage) as error:
                if identity is identities[-1] or not _may_fall_back(identity, error):
                    if isinstance(error, KickRejected):
                        raise Refusal(_plain(identity, error)) from error
                    raise
                bot_error = str(error) if identity.kind == "bot" else bot_error
            else:
                self._note(message, identity, message_id, bot_error)
                return {"message_id": message_id, "identity": identity.name}
        raise AssertionError("the last identity returns or raises")

    def _say_with(self, identity: ChatIdentity, message: Outgoing, line: Line) -> str:
        """Send the line, without the reply if the message that it replies to is gone."""
        try:
            return self._send(identity, message, line)
        except KickRejected as rejected:
            if line.reply_to is None or rejected.status not in REPLY_REFUSED:
                raise
        return self._send(identity, message, line.as_plain)

    def _send(self, identity: ChatIdentity, message: Outgoing, line: Line) -> str:
        def send(token: str) -> str:
            try:
                return self._client.send_chat(
                    token,
                    message.target["broadcaster_user_id"],
                    line.text,
                    line.reply_to,
                    identity.kind,
                )
            except NoAnswer as lost:
                raise Unsure(f"Kick may have posted it: {lost.reason}") from lost

        token = identity.token()
        try:
            return send(token)
        except KickRejected as rejected:
            if rejected.status != 401 or identity.renewed is None:
                raise
        return send(identity.renewed(token))

    def _note(
        self, message: Outgoing, identity: ChatIdentity, message_id: str, bot_error: str
    ) -> None:
        """Remember the app bot's account or its failure: it is skipped for a while after another
        identity had to send. The line is sent even if this fails."""
        try:
            if identity.kind == "bot":
                self._app_bot.learn(message.target["broadcaster_user_id"], message_id)
            if bot_error:
                _log.info(
                    "Sending as the app bot failed", reason=bot_error, guild_id=message.guild_id
                )
                with self._services.work_in(message.guild_id) as work:
                    work.execute(update(Account).values(bot_failed_at=work.now))
        except Outage as outage:
            _log.info("Storing the state of the chat identities failed", reason=outage.reason)

    def _find_in_history(self, message: Outgoing) -> Receipt | None:
        with self._services.work_in(message.guild_id) as work:
            channel = guilds.find_channel(work.tx, message.guild_id, PLATFORM)
            account = work.find(Account)
            ours = set(list_bot_ids(work.tx)) | ({account.kick_user_id} if account else set())
        if channel is None:
            raise Refusal("The server no longer follows a Kick channel.")
        text = self._compose(message).text
        try:
            recent = self._client.list_recent_lines(channel.slug)
        except (Outage, KickRejected) as error:
            if isinstance(error, Outage) and message.attempts < MAX_HISTORY_ATTEMPTS:
                raise
            raise Refusal(UNKNOWN_OUTCOME) from error
        assert message.first_sending_at is not None, "it was claimed"
        since = message.first_sending_at - CLOCKS_DIFFER
        for line in recent:
            # Kick does not say which account the app's own bot has.
            is_ours = line.sender_id in ours or line.by_bot
            if is_ours and line.text == text and line.at >= since:
                return {"message_id": line.message_id}
        # A busy chat may have scrolled past it; without our account ids we cannot search it.
        reaches_back = not recent or min(line.at for line in recent) <= message.first_sending_at
        if not ours or not reaches_back:
            raise Refusal(UNKNOWN_OUTCOME)
        return None


def _may_fall_back(identity: ChatIdentity, error: Exception) -> bool:
    """Whether to try the next identity after this one failed.

    Kick is known to answer 400, 401 and 500 where the app has no bot; elsewhere such an answer is
    about the line or about Kick, and another identity would change nothing.
    """
    if isinstance(error, Outage):
        return identity.kind == "bot" and error.reason == "HTTP 500"
    is_about_token = isinstance(error, KickRejected) and error.status in (401, 403)
    return identity.kind == "bot" or isinstance(error, ReconnectNeeded) or is_about_token


def _plain(identity: ChatIdentity, rejected: KickRejected) -> str:
    if rejected.status == 401 and identity.name == "bot account":
        return "Kick no longer accepts KICK_BOT_USER_TOKEN. Create a new one."
    if rejected.status == 403 and identity.name == "bot account":
        return "The account of KICK_BOT_USER_TOKEN is not allowed to write in this chat."
    answer = f"({rejected.status}: {rejected.reason})"
    return f"Kick rejected the message from the {identity.name} {answer}."
