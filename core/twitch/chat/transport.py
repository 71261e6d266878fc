"""Delivers messages to Twitch chat, and never blindly retries one.

Twitch has no idempotency key and no chat history, but what our accounts write comes back as an
event. So if an attempt may have succeeded, the inbox is searched for the message.
"""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from core.inbox.records import deliveries
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.runtime.wire import NoAnswer
from core.outbox.chat import REPLY_REFUSED, UNKNOWN_OUTCOME, ChatTransport, Line
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt, Unsure
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import CHAT
from core.twitch.chat.actions import why_unable_to_send, writers_of
from core.twitch.client import SendResult, client_of
from core.twitch.wire import TwitchRejected

CLOCKS_DIFFER = timedelta(seconds=10)
"""Maximum difference between Twitch's clock and ours."""

MAX_ECHO_DELAY = timedelta(seconds=20)
"""The maximum time until a message comes back."""


class TwitchTransport(ChatTransport):
    """Delivers messages with the service "twitch"."""

    async def deliver(self, message: Outgoing) -> Receipt:
        writers = await self._services.run_as_bot(message.guild_id, writers_of)
        if not writers:
            reason = await self._services.run_as_bot(message.guild_id, why_unable_to_send)
            return {"skipped": reason or "No account can send to this chat."}
        await self._throttle(message)
        return await asyncio.to_thread(self._say, message, writers)

    async def confirm(self, message: Outgoing) -> Receipt | None:
        return await asyncio.to_thread(self._find, message)

    def _say(self, message: Outgoing, writers: list[TwitchAccount]) -> Receipt:
        line = self._compose(message)
        for account in writers:
            try:
                said = self._say_as(account, message, line)
            except (TwitchRejected, ReconnectNeeded) as error:
                # A bot that was banned or disconnected must not silence the streamer's account.
                if account is writers[-1]:
                    raise Refusal(_plain(account, error)) from error
                continue
            if said.reason:
                raise Refusal(f"Twitch dropped the message: {said.reason}")
            return {"message_id": said.message_id, "identity": account.role}
        raise AssertionError("the last account returns or raises")

    def _say_as(self, account: TwitchAccount, message: Outgoing, line: Line) -> SendResult:
        """Send the line, without the reply if the message that it replies to is gone."""
        try:
            said = self._send(account, message, line)
            if line.reply_to is None or not _is_about_reply(said.reason):
                return said
        except TwitchRejected as rejected:
            if line.reply_to is None or rejected.status not in REPLY_REFUSED:
                raise
        return self._send(account, message, line.as_plain)

    def _send(self, account: TwitchAccount, message: Outgoing, line: Line) -> SendResult:
        key = account.guild_id, account.role
        client = client_of(self._services.settings)

        def send(token: str) -> SendResult:
            try:
                return client.send_chat(
                    token,
                    message.target["broadcaster_user_id"],
                    account.twitch_user_id,
                    line.text,
                    line.reply_to,
                )
            except NoAnswer as lost:
                raise Unsure(f"Twitch may have posted it: {lost.reason}") from lost

        token = user_token(self._services, *key)
        try:
            return send(token)
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
        return send(refresh_after_401(self._services, *key, token))

    def _find(self, message: Outgoing) -> Receipt | None:
        assert message.first_sending_at is not None, "it was claimed"
        text, since = self._compose(message).text, message.first_sending_at - CLOCKS_DIFFER
        with self._services.work_in(message.guild_id) as work:
            ours = [str(account.twitch_user_id) for account in writers_of(work)]
            message_id = _find_line(work.tx, message.lane, ours, text, since)
            arrives = _arrives(work, message)
        if message_id is not None:
            return {"message_id": message_id}
        if self._services.clock() < message.first_sending_at + MAX_ECHO_DELAY:
            raise Unsure("Not seen in chat yet; checking again soon.")
        if not arrives:
            raise Refusal(UNKNOWN_OUTCOME)
        return None


def _is_about_reply(reason: str | None) -> bool:
    return any(word in (reason or "").casefold() for word in ("parent", "reply"))


def _find_line(
    tx: Connection, lane: str, senders: list[str], text: str, since: datetime
) -> str | None:
    body = deliveries.c.body
    return tx.scalar(
        select(body["message_id"].as_string())
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.lane == lane,
            deliveries.c.received_at >= since,
            body["chatter_user_id"].as_string().in_(senders),
            body["message"]["text"].as_string() == text,
        )
        .limit(1)
    )


def _arrives(work: Work, message: Outgoing) -> bool:
    """Whether chat events arrive: any since the message was sent."""
    later = deliveries.c.received_at >= message.first_sending_at
    found = select(deliveries.c.id).where(
        deliveries.c.lane == message.lane, deliveries.c.kind == CHAT, later
    )
    return work.tx.scalar(found.limit(1)) is not None


def _plain(account: TwitchAccount, error: TwitchRejected | ReconnectNeeded) -> str:
    if isinstance(error, ReconnectNeeded):
        return f"{error.what} {error.remedy}"
    if error.status == 403:
        return f"{account.name} is not allowed to write in this chat ({error.reason})."
    return f"Twitch rejected the message ({error.status}: {error.reason})."
