"""Sends webhooks as Kick does, signed with its key; headers can be forged."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from sandbox.kick.signing import SigningKey

Json = dict[str, Any]

NORA = 4_100_001
"""Kick user id of the channel that Nora's Corner follows."""


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
