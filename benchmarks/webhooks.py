"""Kick's webhooks as its servers send them, signed with a key of our own."""

import json
import multiprocessing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.kick.signing import SigningKey

Json = dict[str, Any]

NORA = 4_100_001
"""Kick user id of the channel that everything is about."""

FIRST_VIEWER = 9_000_000

CHAT = "chat.message.sent"

_LINES = (
    "that was close",
    "gg",
    "HUGE win, let's gooo 🔥🔥🔥",
    "what is the bet size?",
    "I think the bonus comes within the next fifty spins, it has to",
    "[emote:37226:KEKW] [emote:37226:KEKW]",
    "hello from Malmö",
)

_key: SigningKey | None = None
"""In the processes that sign: a private key cannot be sent, but is there when they begin."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A delivery that is ready to go."""

    headers: dict[str, str]
    body: bytes

    def request(self, path: str) -> bytes:
        """As bytes on the wire, HTTP/1.1."""
        headers = {"Host": "127.0.0.1", **self.headers, "Content-Length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


def now() -> str:
    """As Kick writes instants."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chat(number: int, text: str = "", *, viewers: int = 1000, at: str = "") -> Json:
    """The body of a chat message; `number` decides who says what."""
    viewer = number % viewers
    return {
        "message_id": str(uuid4()),
        "replies_to": None,
        "broadcaster": {
            **_person(NORA, "NoraPlays"),
            "identity": None,
        },
        "sender": {
            **_person(FIRST_VIEWER + viewer, f"viewer_{viewer}"),
            "identity": {
                "username_color": "#FF5733",
                "badges": [{"text": "Subscriber", "type": "subscriber", "count": 3}],
            },
        },
        "content": text or _LINES[number % len(_LINES)],
        "emotes": None,
        "created_at": at or now(),
    }


def _person(user_id: int, name: str) -> Json:
    return {
        "is_anonymous": False,
        "user_id": user_id,
        "username": name,
        "is_verified": False,
        "profile_picture": f"https://files.example/images/user/{user_id}/profile.webp",
        "channel_slug": name.lower().replace("_", "-"),
    }


def sign(key: SigningKey, body: Json) -> Webhook:
    """A chat message in its own envelope."""
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    message_id, timestamp = str(uuid4()), now()
    headers = {
        "User-Agent": "Go-http-client/1.1",
        "Content-Type": "application/json",
        "Kick-Event-Message-Id": message_id,
        "Kick-Event-Message-Timestamp": timestamp,
        "Kick-Event-Signature": key.sign(message_id, timestamp, raw),
        "Kick-Event-Type": CHAT,
        "Kick-Event-Version": "1",
    }
    return Webhook(headers, raw)


def sign_all(key: SigningKey, bodies: Sequence[Json]) -> list[Webhook]:
    """The same for many, on all cores."""
    processes = multiprocessing.get_context("fork")
    with processes.Pool(initializer=_take_key, initargs=(key,)) as pool:
        return pool.map(_sign_here, bodies, chunksize=200)


def _take_key(key: SigningKey) -> None:
    global _key
    _key = key


def _sign_here(body: Json) -> Webhook:
    assert _key is not None, "the pool's initializer has set it"
    return sign(_key, body)


def write_requests(file: Path, webhooks: Iterable[Webhook], path: str) -> Path:
    """The file that `send_each_once.lua` reads."""
    with file.open("wb") as out:
        for webhook in webhooks:
            request = webhook.request(path)
            out.write(b"%d\n%b" % (len(request), request))
    return file
