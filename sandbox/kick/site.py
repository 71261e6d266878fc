"""kick.com's own API (unofficial, behind Cloudflare) and the images (facts, section 7.2)."""

import json
from html import escape

from aiohttp import web

from sandbox.kick.bodies import Body, ChatMessage, colour_of
from sandbox.kick.models import Account, Channel
from sandbox.kick.state import FakeKick

BASE = "/kick/site"
HISTORY = 50

CHALLENGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body>Enable JavaScript and cookies to continue</body></html>"
)
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img">'
    '<rect width="64" height="64" rx="32" fill="{colour}"/><text x="32" y="43" font-size="32" '
    'font-family="sans-serif" text-anchor="middle" fill="#08130a">{letter}</text></svg>'
)


def routes(kick: FakeKick) -> list[web.RouteDef]:
    site = _Site(kick)
    return [
        web.get(f"{BASE}/api/v2/channels/{{slug}}", site.channel),
        web.get(f"{BASE}/api/v2/channels/{{channel_id}}/messages", site.messages),
        web.get(f"{BASE}/images/{{name}}", site.image),
    ]


class _Site:
    def __init__(self, kick: FakeKick) -> None:
        self.kick = kick

    def _blocked(self) -> web.Response | None:
        if not self.kick.faults.flag("kick.site.cloudflare_403"):
            return None
        return web.Response(text=CHALLENGE, status=403, content_type="text/html")

    async def channel(self, request: web.Request) -> web.Response:
        """The only endpoint with the chatroom id; nothing is wrapped in ``data``."""
        if (blocked := self._blocked()) is not None:
            return blocked
        channel = self.kick.channel_by_slug(request.match_info["slug"])
        if channel is None:
            return web.json_response({"message": "Channel not found"}, status=404)
        return web.json_response(self._channel(channel))

    def _channel(self, channel: Channel) -> Body:
        stream = channel.stream
        livestream = stream and {
            "id": stream.livestream_id,
            "channel_id": channel.channel_id,
            "session_title": channel.title,
            "is_live": True,
            "viewer_count": stream.viewer_count,
            "start_time": stream.started_at,
        }
        return {
            "id": channel.channel_id,
            "user_id": channel.user_id,
            "slug": channel.owner.slug,
            "playback_url": None,
            "followers_count": 1234,
            "livestream": livestream,
            "user": {
                "id": channel.user_id,
                "username": channel.owner.username,
                "profile_pic": self.kick.bodies.picture(channel.owner),
            },
            "chatroom": {"id": channel.chatroom_id, "channel_id": channel.channel_id},
        }

    async def messages(self, request: web.Request) -> web.Response:
        """The last messages, newest first, with the ids of the API and the webhooks."""
        if (blocked := self._blocked()) is not None:
            return blocked
        wanted = request.match_info["channel_id"]
        found = [
            _history_line(message)
            for message in reversed(self.kick.messages)
            if str(message.channel.channel_id) == wanted and not message.deleted
        ]
        return web.json_response({"data": {"messages": found[:HISTORY], "cursor": ""}})

    async def image(self, request: web.Request) -> web.Response:
        """An account's initial, or a plain image for categories and streams."""
        kind, _, number = request.match_info["name"].removesuffix(".svg").partition("-")
        account = self.kick.accounts.get(int(number)) if number.isdecimal() else None
        letter = account.username[0] if kind == "user" and account is not None else "K"
        colour = colour_of(account or Account(0, "Kick"))
        svg = PICTURE.format(colour=colour, letter=escape(letter))
        return web.Response(text=svg, content_type="image/svg+xml")


def _history_line(message: ChatMessage) -> Body:
    """Here, unlike on the feed, ``metadata`` is JSON text."""
    metadata: Body = {"message_ref": str(int(message.created_at.timestamp() * 1000))}
    if (parent := message.reply_to) is not None:
        sender = {"id": parent.sender.user_id, "username": parent.sender.username}
        original = {"id": parent.message_id, "content": parent.content}
        metadata |= {"original_sender": sender, "original_message": original}
    return {
        "id": message.message_id,
        "chat_id": message.channel.chatroom_id,
        "user_id": message.sender.user_id,
        "content": message.content,
        "type": "message" if parent is None else "reply",
        "metadata": json.dumps(metadata),
        "created_at": message.created_at.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "sender": {
            "id": message.sender.user_id,
            "username": message.sender.username,
            "slug": message.sender.slug,
            "identity": {"color": colour_of(message.sender), "badges": message.badges},
        },
    }
