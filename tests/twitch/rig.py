"""A server, its channel on the fake Twitch, an admin and a browser."""

import hashlib
import hmac
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from core.kit.database.connection import Database
from core.kit.database.records import MemberId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import utc_now
from core.kit.runtime.crypto import vault_of
from core.kit.services import Services
from core.kit.web.app import edge
from core.twitch import webhooks
from core.twitch.accounts import actions, connect
from core.twitch.accounts.records import Role, TwitchAccount, TwitchConnectAttempt
from core.twitch.accounts.store import find_account
from core.twitch.consent.pages import pages
from core.twitch.eventsub.listener import TwitchListener
from core.twitch.eventsub.reconcile import secret_of
from core.twitch.eventsub.socket import SocketTiming
from sandbox.serve import Sandbox
from sandbox.twitch.driver import TwitchDriver
from tests.conftest import GUILD
from tests.kick.rig import settings

NORA, VERA, MIA, TOMAS = 5_100_001, 5_100_007, 5_100_003, 5_100_002
ADMIN = 310_000_000_000_000_002
FAST = SocketTiming(keepalive=10, slack=2, connect=5, pause_factor=0.01)

Body = dict[str, Any]

_numbers = count(1)


@dataclass
class Shifted:
    """The real time plus an offset, because Twitch tokens expire in real time."""

    by: timedelta = timedelta()

    def __call__(self) -> Any:
        return utc_now() + self.by

    def forward(self, **time: float) -> None:
        self.by += timedelta(**time)


@dataclass
class Installation:
    """The bot, configured to use the fake Twitch."""

    services: Services
    clock: Shifted
    twitch: TwitchDriver
    app: Flask = field(repr=False)

    def link(self, role: Role = "streamer", guild_id: int = GUILD) -> str:
        """The link from `/connect_twitch`."""
        attempt = TwitchConnectAttempt(
            role=role, asked_by=MemberId(ADMIN), asked_by_name="Tomas", asked_at=self.clock()
        )
        with self.services.work_in(guild_id, ADMIN) as work:
            actions.open_attempt(work, attempt)
        return connect.LINKS[role].url(self.services, attempt)

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def open(self, browser: FlaskClient, url: str) -> TestResponse:
        """Open a URL on our server."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Accept": "text/html"}
        return browser.get(path, base_url="http://localhost:8080", headers=headers)

    def redirect_to_provider(self, browser: FlaskClient, link: str) -> str:
        """Press the button on the link's page, and return the URL of Twitch's consent page."""
        page = self.open(browser, link)
        found = re.search(r'href="([^"]+)"[^>]*>Continue on Twitch', page.text)
        assert found, page.text
        return str(self.open(browser, html.unescape(found[1])).headers["Location"])

    def round_trip(self, link: str, person: str | None = "nora") -> TestResponse:
        """Run the whole OAuth flow and return the final page."""
        browser = self.browser()
        back = self.twitch.consent(self.redirect_to_provider(browser, link), person)
        return self.open(browser, back)

    def connect(
        self, person: str = "nora", role: Role = "streamer", guild_id: int = GUILD
    ) -> TwitchAccount:
        """Connect a person's account."""
        page = self.round_trip(self.link(role, guild_id), person)
        assert page.status_code == 200, page.text
        account = self.account(role, guild_id)
        assert account is not None
        return account

    def account(self, role: Role = "streamer", guild_id: int = GUILD) -> TwitchAccount | None:
        with self.services.database.begin() as tx:
            return find_account(tx, guild_id, role)

    def token(self, role: Role = "streamer") -> str:
        """The decrypted access token."""
        account = self.account(role)
        assert account is not None
        return vault_of(self.services.settings).open(account.access_token)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.services.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]

    def stored(self) -> list[tuple[str, str]]:
        """Kind and delivery id of Twitch's deliveries in the inbox, except our own polls."""
        sql = "SELECT kind, delivery_id FROM inbox_deliveries WHERE source <> 'twitch.poll'"
        found = self.rows(f"{sql} AND source LIKE 'twitch.%' ORDER BY id")
        return [(kind, delivery_id) for kind, delivery_id in found]

    def with_settings(self, **values: Any) -> "Installation":
        """The same bot with other settings, as after a restart."""
        changed = self.services.settings.model_copy(update=values)
        services = replace(self.services, settings=changed)
        return Installation(services, self.clock, self.twitch, _app(services))

    @contextmanager
    def listening(self, timing: SocketTiming = FAST) -> Iterator[TwitchListener]:
        """A listener for the length of the block."""
        listener = TwitchListener(self.services, timing, update=0.05)
        listener.start()
        try:
            yield listener
        finally:
            listener.stop()


def open_installation(
    database: Database, pretend: Sandbox, twitch: TwitchDriver, folder: Path, **values: Any
) -> Installation:
    clock = Shifted()
    addresses = {k.lower(): v for k, v in pretend.env.items() if k.startswith("TWITCH_")}
    given: dict[str, Any] = {
        "data_dir": folder,
        "token_encryption_keys": Fernet.generate_key().decode(),
        **addresses,
        **values,
    }
    services = Services(settings(**given), database, LocalBus(), clock)
    return Installation(services, clock, twitch, _app(services))


def _app(services: Services) -> Flask:
    app = Flask("twitch", static_folder=None)
    edge(app)
    app.register_blueprint(pages(services))
    app.register_blueprint(webhooks.pages(services))
    return app


# -- webhooks, signed as Twitch signs them --------------------------------------------------------


def chat(line: str = "hello", **differs: Any) -> Body:
    """A `channel.chat.message` event, as in Twitch's documentation."""
    return {
        "broadcaster_user_id": str(NORA),
        "broadcaster_user_login": "noraplays",
        "broadcaster_user_name": "NoraPlays",
        "chatter_user_id": str(MIA),
        "chatter_user_login": "madcats",
        "chatter_user_name": "MadCats",
        "message_id": f"line-{next(_numbers)}",
        "message": {"text": line, "fragments": []},
        "color": "#00FF7F",
        "badges": [{"set_id": "subscriber", "id": "3012", "info": "16"}],
        "message_type": "text",
        "cheer": None,
        "reply": None,
        "source_broadcaster_user_id": None,
    } | differs


def someone(**differs: Any) -> Body:
    """The fields most events start with: the channel and the user."""
    return {
        "broadcaster_user_id": str(NORA),
        "broadcaster_user_login": "noraplays",
        "broadcaster_user_name": "NoraPlays",
        "user_id": str(MIA),
        "user_login": "madcats",
        "user_name": "MadCats",
    } | differs


def deliver(
    installation: Installation,
    kind: str,
    event: Body | None,
    *,
    path: str = "/webhooks/twitch",
    message_type: str = "notification",
    message_id: str | None = None,
    seconds: float = 0,
    secret: str | None = None,
    **extra: Any,
) -> TestResponse:
    """Sign and send, with an independent implementation of Twitch's signature scheme."""
    body: Body = {"subscription": {"id": "s1", "type": kind, "status": "enabled"}, **extra}
    if event is not None:
        body["event"] = event
    raw = json.dumps(body).encode()
    at = utc_now() + installation.clock.by + timedelta(seconds=seconds)
    timestamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
    message_id = message_id or f"message-{next(_numbers)}"
    key = (secret or secret_of(installation.services.settings)).encode()
    digest = hmac.new(key, message_id.encode() + timestamp.encode() + raw, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "Twitch-Eventsub-Message-Id": message_id,
        "Twitch-Eventsub-Message-Timestamp": timestamp,
        "Twitch-Eventsub-Message-Type": message_type,
        "Twitch-Eventsub-Message-Signature": "sha256=" + digest.hexdigest(),
    }
    return installation.browser().post(path, data=raw, headers=headers)
