"""Posting and deleting chat (facts, section 3.3)."""

from typing import Any

from aiohttp import web

from sandbox.kick.api.endpoints import ApiError, Endpoints, Routes, bad, field_of, json_of, ok
from sandbox.kick.bodies import ChatMessage
from sandbox.kick.ids import now
from sandbox.kick.models import Account, Channel

MAX_CODE_POINTS = 500
QUOTA = "Pusher error: API call failed since (daily) message quota exceeded"
NOT_SENT_ID = ""


class Chat(Endpoints):
    def routes(self) -> Routes:
        return (
            ("POST", "/v1/chat", self.post),
            ("DELETE", "/v1/chat/{message_id}", self.delete),
        )

    async def post(self, request: web.Request) -> web.Response:
        """The message also comes back to subscribers as ``chat.message.sent``."""
        user_id = self.user(request, "chat:write")
        body = await json_of(request)
        content = _content(body)
        channel, sender, by_bot = self._speaker(body, user_id)
        reply_to = self._parent(body, channel)
        if self.kick.faults.take("kick.chat.quota"):
            raise bad(QUOTA)
        if channel.is_banned(sender.user_id, now()):
            raise ApiError(403)
        if self.kick.faults.take("kick.chat.is_sent_false"):
            return ok({"is_sent": False, "message_id": NOT_SENT_ID})
        message = self.kick.say(channel, sender, content, reply_to=reply_to, by_bot=by_bot)
        if self.kick.faults.take("kick.chat.lost_reply") and request.transport is not None:
            request.transport.abort()
        return ok({"is_sent": True, "message_id": message.message_id})

    def _speaker(self, body: dict[str, Any], user_id: int) -> tuple[Channel, Account, bool]:
        """Channel and sender: a user may write anywhere, the app's bot only in the token owner's
        channel."""
        kind = field_of(body, "type", str, required=True)
        if kind == "bot":
            return self._bot_channel(user_id), self.kick.app_bot(), True
        if kind != "user":
            raise bad("type must be user or bot")
        broadcaster = field_of(body, "broadcaster_user_id", int, required=True)
        channel = self.kick.channels.get(broadcaster)
        if channel is None:
            raise bad("Channel not found")
        sender = self.kick.accounts[user_id]
        return channel, sender, sender.handle == "regularsbot"

    def _bot_channel(self, user_id: int) -> Channel:
        faults = self.kick.faults
        if faults.flag("kick.chat.bot_500"):
            raise ApiError(500)
        if faults.flag("kick.chat.bot_401"):
            raise ApiError(401)
        if faults.flag("kick.chat.bot_missing"):
            raise bad("Channel not found")
        return self.kick.channels[user_id]

    def _parent(self, body: dict[str, Any], channel: Channel) -> ChatMessage | None:
        """The message replied to; 400 if it is not in this channel (guess)."""
        message_id = field_of(body, "reply_to_message_id", str)
        if not message_id:
            return None
        parent = self.kick.find_message(message_id)
        if parent is None or parent.channel is not channel:
            raise bad("reply_to_message_id not found")
        return parent

    async def delete(self, request: web.Request) -> web.Response:
        """For the broadcaster and moderators of the message's channel."""
        user_id = self.user(request, "moderation:chat_message:manage")
        message = self.kick.find_message(request.match_info["message_id"])
        if message is None:
            raise ApiError(404)
        if not message.channel.may_moderate(user_id):
            raise ApiError(403)
        self.kick.delete_message(message)
        return web.Response(status=204)


def _content(body: dict[str, Any]) -> str:
    content = str(field_of(body, "content", str, required=True))
    if not content.strip():
        raise bad("content is required")
    if len(content) > MAX_CODE_POINTS:
        raise bad(f"content must be at most {MAX_CODE_POINTS} characters")
    return content
