"""Sends webhooks as Kick and Twitch do, signed with their keys; headers can be forged."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from sandbox.kick.signing import SigningKey

Json = dict[str, Any]

NORA, NORA_ON_TWITCH = 4_100_001, 5_100_001
"""User ids on Kick and on Twitch of the channels that Nora's Corner follows."""


def instant(ago: timedelta = timedelta()) -> str:
    """RFC 3339, whole seconds, as Kick writes it."""
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


def chat(text: str, **changes: Any) -> Json:
    """A body of `chat.message.sent` that is in order, but for the changes."""
    body: Json = {
        "message_id": str(uuid4()),
        "replies_to": None,
        "broadcaster": {"user_id": NORA, "username": "NoraPlays", "channel_slug": "noraplays"},
        "sender": {"user_id": 4_100_003, "username": "MadCats", "identity": None},
        "content": text,
        "emotes": None,
        "created_at": instant(),
    }
    return body | changes


def twitch_chat(text: str, **changes: Any) -> Json:
    """The event of `channel.chat.message` that is in order, but for the changes."""
    event: Json = {
        "broadcaster_user_id": str(NORA_ON_TWITCH),
        "chatter_user_id": "5100003",
        "chatter_user_login": "madcats",
        "chatter_user_name": "MadCats",
        "message_id": str(uuid4()),
        "message": {"text": text, "fragments": []},
        "badges": [],
    }
    return event | changes


@dataclass
class WebhookSender:
    """Delivers to one address.

    Attributes:
        url: of the product.
        key: Kick's signing key.
    """

    url: str
    key: SigningKey

    def headers(
        self, raw: bytes, *, kind: str = "chat.message.sent", id: str = "", at: str = ""
    ) -> dict[str, str]:
        """What Kick sends with this body; the signature is good."""
        message_id, timestamp = id or str(uuid4()), at or instant()
        return {
            "Content-Type": "application/json",
            "Kick-Event-Message-Id": message_id,
            "Kick-Event-Message-Timestamp": timestamp,
            "Kick-Event-Signature": self.key.sign(message_id, timestamp, raw),
            "Kick-Event-Type": kind,
            "Kick-Event-Version": "1",
        }

    def post(self, raw: Any, headers: dict[str, str], *, timeout: float = 30) -> requests.Response:
        """POST these bytes (or chunks) with these headers."""
        url = f"{self.url}/webhooks/kick"
        return requests.post(url, data=raw, headers=headers, timeout=timeout)

    def deliver(self, body: object, **stamps: str) -> requests.Response:
        """A valid delivery: `kind`, `id` and `at` as in `headers`."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(raw, self.headers(raw, **stamps))


@dataclass
class TwitchWebhookSender:
    """Delivers Twitch's events to one address.

    Attributes:
        url: of the product.
        secret: which the product gave to Twitch.
    """

    url: str
    secret: str

    def deliver(
        self, event: Json, *, kind: str = "channel.chat.message", id: str = ""
    ) -> requests.Response:
        """A valid delivery."""
        raw = json.dumps({"subscription": {"id": "s", "type": kind}, "event": event}).encode()
        url = f"{self.url}/webhooks/twitch"
        return requests.post(url, data=raw, headers=self.headers(raw, id=id), timeout=30)

    def headers(self, raw: bytes, *, id: str = "", at: str = "") -> dict[str, str]:
        """What Twitch sends with this body; now to the nanosecond, unless it is dated."""
        message_id = id or str(uuid4())
        timestamp = at or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}123Z"
        signed = message_id.encode() + timestamp.encode() + raw
        digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "Twitch-Eventsub-Message-Id": message_id,
            "Twitch-Eventsub-Message-Type": "notification",
            "Twitch-Eventsub-Message-Timestamp": timestamp,
            "Twitch-Eventsub-Message-Signature": f"sha256={digest}",
        }
