"""Shared by the tests of Kick: a throwaway key, bodies as Kick sends them, a clock that stands
still, and services with a real database.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.http import http_date
from werkzeug.test import TestResponse

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.client import client_of
from core.kick.intake.records import LogLine
from core.kick.webhooks import pages
from core.kit.database.connection import Database
from core.kit.database.records import GuildId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import RemoteClock
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.web.app import edge

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NORA, VERA, MIA = 4_100_001, 4_100_007, 4_100_003

Body = dict[str, Any]

_numbers = count(1)


@cache
def new_key(_number: int = 0) -> rsa.RSAPrivateKey:
    """A key as Kick's is, 2048 bits. Making one is slow: each number's is made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    """The public half, as Kick's public-key endpoint gives it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def sign(key: rsa.RSAPrivateKey, message_id: str, timestamp: str, raw: bytes) -> str:
    """Kick's recipe, written down independently of ours."""
    signed = b".".join((message_id.encode(), timestamp.encode(), raw))
    return base64.b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()


def person(user_id: int = MIA, name: str = "MadCats", **differs: Any) -> Body:
    """A person as in Kick's documentation."""
    return {
        "is_anonymous": False,
        "user_id": user_id,
        "username": name,
        "is_verified": False,
        "profile_picture": "https://example.com/a.png",
        "channel_slug": name.lower(),
        "identity": {"username_color": "#FF5733", "badges": []},
    } | differs


def chat(text: str = "hello", *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `chat.message.sent`."""
    return {
        "message_id": f"chat-{next(_numbers)}",
        "replies_to": None,
        "broadcaster": person(channel, "NoraPlays"),
        "sender": person(),
        "content": text,
        "emotes": [],
        "created_at": "2026-05-01T11:59:59Z",
    } | differs


def status(is_live: bool, *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `livestream.status.updated`."""
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "is_live": is_live,
        "title": "Slots & chill",
        "started_at": "2026-05-01T10:00:00Z",
        "ended_at": None if is_live else "2026-05-01T11:30:00Z",
    } | differs


@dataclass
class StandingClock:
    """A clock that only advances explicitly."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


def settings(**values: Any) -> Settings:
    """Settings that read no `.env`."""
    return Settings(_env_file=None, **values)


def follow(database: Database, guild_id: int, channel: int = NORA, slug: str = "noraplays") -> None:
    """The server follows this channel."""
    with database.begin() as tx:
        guilds.set_channel(tx, Channel(guild_id, "kick", channel, slug))


def line_of(
    guild_id: int,
    at: datetime,
    outcome: str = "stored",
    *,
    sent_at: datetime | None = None,
    kind: str = "k",
    delivery_id: str = "d",
    subscription_id: str = "s",
) -> LogLine:
    """A line in a server's webhook log."""
    return LogLine(
        guild_id=GuildId(guild_id),
        at=at,
        sent_at=sent_at or at,
        kind=kind,
        delivery_id=delivery_id,
        subscription_id=subscription_id,
        outcome=outcome,
    )


@dataclass
class Hook:
    """Plays Kick towards our webhook, in Flask's test client."""

    client: FlaskClient
    clock: StandingClock
    key: rsa.RSAPrivateKey = field(default_factory=new_key)

    def send(
        self,
        body: Any = None,
        *,
        kind: str | None = "chat.message.sent",
        message_id: str | None = None,
        timestamp: str | None = None,
        raw: bytes | None = None,
        headers: dict[str, str | None] | None = None,
        content_type: str = "application/json",
    ) -> TestResponse:
        """A delivery with a valid signature by default; a header that is None is left out."""
        raw = json.dumps(chat() if body is None else body).encode() if raw is None else raw
        message_id = message_id or f"delivery-{next(_numbers)}"
        timestamp = timestamp or self.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        sent: dict[str, str | None] = {
            "Kick-Event-Message-Id": message_id,
            "Kick-Event-Message-Timestamp": timestamp,
            "Kick-Event-Signature": sign(self.key, message_id, timestamp, raw),
            "Kick-Event-Subscription-Id": "01J000000000000000000000AB",
            "Kick-Event-Type": kind,
            "Kick-Event-Version": "1",
        } | (headers or {})
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.client.post("/webhooks/kick", data=raw, headers=kept, content_type=content_type)


def hook(database: Database, clock: StandingClock, our_settings: Settings) -> Hook:
    """Our webhook on this database."""
    app = Flask("webhooks")
    edge(app)
    services = Services(our_settings, database, LocalBus(), clock)
    with_kicks_time(services)
    app.register_blueprint(pages(services))
    return Hook(app.test_client(), clock)


def with_kicks_time(services: Services) -> RemoteClock:
    """Kick's time as our client knows it, which passes as on the test's clock."""
    wire = client_of(services.settings)._wire
    wire.time = RemoteClock(lambda: services.clock().timestamp())
    return wire.time


class KeyEndpoint:
    """Kick's public-key endpoint: which key it names, what time it is there, whether it answers.

    Not pytest's HTTP server, which dates every answer itself.
    """

    def __init__(self, clock: StandingClock) -> None:
        self.key = new_key()
        self.ahead = timedelta()
        self.is_away = False
        self.asked = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked += 1
                if endpoint.is_away:
                    return  # the connection breaks off
                body = {"data": {"public_key": pem_of(endpoint.key)}, "message": "OK"}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def date_time_string(self, _timestamp: float | None = None) -> str:
                return http_date(clock.now + endpoint.ahead)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


# -- support ------------------------------------------------------------------------------------


def bare(user_id: int = MIA, name: str = "MadCats", **differs: Any) -> Body:
    """A person as in the body of Kicks: without `is_anonymous` and `identity`."""
    whole = person(user_id, name, **differs)
    return {key: whole[key] for key in whole if key not in ("is_anonymous", "identity")}


ANONYMOUS: Body = {
    "is_anonymous": True,
    "user_id": None,
    "username": None,
    "is_verified": None,
    "profile_picture": None,
    "channel_slug": None,
    "identity": None,
}


def subscription(months: int = 1, *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `channel.subscription.new`, and with more months of `.renewal`."""
    began = NOON - timedelta(days=30 * (months - 1))
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "subscriber": person(),
        "duration": months,
        "created_at": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "expires_at": "2026-05-31T12:00:00Z",
    } | differs


def gifts(*giftees: int, channel: int = NORA, **differs: Any) -> Body:
    """The body of `channel.subscription.gifts`, from Mia."""
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "gifter": person(),
        "giftees": [person(giftee, f"viewer{giftee}") for giftee in giftees],
        "created_at": "2026-05-01T12:00:00Z",
        "expires_at": "2026-06-01T12:00:00Z",
    } | differs


def kicks_gifted(amount: int = 500, *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `kicks.gifted`."""
    return {
        "broadcaster": bare(channel, "NoraPlays"),
        "sender": bare(),
        "gift": {
            "amount": amount,
            "name": "Rage Quit",
            "type": "LEVEL_UP",
            "tier": "MID",
            "message": "w",
            "pinned_time_seconds": 600,
        },
        "created_at": "2026-05-01T12:00:08.634Z",
    } | differs


def followed(follower: int = MIA, *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `channel.followed`."""
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "follower": person(follower),
    } | differs


def redemption(state: str = "pending", *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `channel.reward.redemption.updated`."""
    return {
        "id": "01KBHE78QE4HZY1617DK5FC7YD",
        "status": state,
        "user_input": "Sweet Bonanza",
        "redeemed_at": "2026-05-01T12:00:19.323Z",
        "reward": {"id": "01KBHE7RZNHB0SKDV1H86CD4F3", "title": "Song", "cost": 1000},
        "redeemer": person(),
        "broadcaster": person(channel, "NoraPlays"),
    } | differs


def about(title: str | None = "Slots", *, channel: int = NORA, **metadata: Any) -> Body:
    """The body of `livestream.metadata.updated`."""
    category = {"id": 15, "name": "Slots & Casino", "thumbnail": ""}
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "metadata": {
            "title": title,
            "language": "en",
            "has_mature_content": True,
            "category": category,
            "Category": category,
        }
        | metadata,
    }


def banned(expires_at: str | None = None, *, channel: int = NORA, **differs: Any) -> Body:
    """The body of `moderation.banned`."""
    return {
        "broadcaster": person(channel, "NoraPlays"),
        "moderator": person(4_100_009, "TomasTV"),
        "banned_user": person(),
        "metadata": {
            "reason": "spam",
            "created_at": "2026-05-01T12:00:00Z",
            "expires_at": expires_at,
        },
    } | differs


SUPPORT: dict[str, Body] = {
    "channel.followed": followed(),
    "channel.subscription.new": subscription(),
    "channel.subscription.renewal": subscription(3),
    "channel.subscription.gifts": gifts(1, 2, 3),
    "channel.reward.redemption.updated": redemption(),
    "livestream.metadata.updated": about(),
    "moderation.banned": banned(),
    "kicks.gifted": kicks_gifted(),
}
"""A tidy body of each kind beside chat and status."""
