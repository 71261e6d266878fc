"""A server, its channel at the fake Kick, an admin and a browser: shared by the tests of
connecting.
"""

import html
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from core.kick.accounts import actions, store
from core.kick.accounts.connect import FLOW
from core.kick.accounts.oauth import CALLBACK
from core.kick.accounts.pages import pages
from core.kick.accounts.records import Account, KickConnectAttempt
from core.kit.database.connection import Database
from core.kit.database.records import MemberId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import utc_now
from core.kit.runtime.crypto import vault_of
from core.kit.services import Services
from core.kit.web.app import edge
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from sandbox.twitch.driver import TwitchDriver
from tests.conftest import GUILD
from tests.kick.rig import NORA, follow, settings

LINKS = FLOW.links
ADMIN = 310_000_000_000_000_002


@dataclass
class Shifted:
    """The real time plus an offset, because Kick tokens expire in real time."""

    by: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.by

    def forward(self, **time: float) -> None:
        self.by += timedelta(**time)


@dataclass
class Browser:
    """A browser with cookies of its own, and what our pages said in it."""

    client: FlaskClient
    kick: "KickDriver | TwitchDriver"

    def open(self, url: str) -> TestResponse:
        """Follow an address at our server."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return self.client.get(
            path, base_url="http://localhost:8080", headers={"Accept": "text/html"}
        )

    def onward(self, link: str) -> str:
        """Look at the link's page; where its button leads."""
        page = self.open(link)
        found = re.search(r'href="([^"]+)"[^>]*>[^<]*continue on', page.text, re.IGNORECASE)
        assert found, page.text
        return html.unescape(found[1])

    def redirect_to_provider(self, link: str) -> str:
        """Press the page's button; the address of Kick's consent page."""
        return str(self.open(self.onward(link)).headers["Location"])

    def return_from(self, consent_url: str, person: str | None) -> str:
        """Say yes (or no, as nobody) at Kick; the address it sends one back to."""
        return self.kick.consent(consent_url, person)

    def round_trip(self, link: str, person: str | None = "nora") -> TestResponse:
        """All of it; the last page."""
        return self.open(self.return_from(self.redirect_to_provider(link), person))


@dataclass
class Installation:
    """Our side.

    Attributes:
        services: with the fake Kick's addresses.
        clock: of these services.
    """

    services: Services
    clock: Shifted
    kick: KickDriver
    app: Flask = field(repr=False)

    def browser(self) -> Browser:
        return Browser(self.app.test_client(), self.kick)

    def link(self, guild_id: int = GUILD, asked_by: int = ADMIN) -> str:
        """What `/connect_kick` hands out."""
        attempt = KickConnectAttempt(
            asked_by=MemberId(asked_by), asked_by_name="Tomas", asked_at=self.clock()
        )
        with self.services.work_in(guild_id, asked_by) as work:
            actions.open_attempt(work, attempt)
        return FLOW.make_link(self.services.settings, attempt, asked_by)

    def connect(self, guild_id: int = GUILD, person: str = "nora") -> Account:
        """The streamer connects."""
        assert self.browser().round_trip(self.link(guild_id), person).status_code == 200
        account = self.account(guild_id)
        assert account is not None
        return account

    def account(self, guild_id: int = GUILD) -> Account | None:
        with self.services.database.begin() as tx:
            return store.find_account(tx, guild_id)

    def tokens(self, guild_id: int = GUILD) -> tuple[str, str]:
        """Access and refresh token, unsealed."""
        account = self.account(guild_id)
        assert account is not None
        vault = vault_of(self.services.settings)
        return vault.open(account.access_token), vault.open(account.refresh_token)

    def expire(self, seconds: float = 0, guild_id: int = GUILD) -> None:
        """The access token ends (or ended) so many seconds from now."""
        with self.services.database.begin() as tx:
            tx.execute(
                text("UPDATE kick_accounts SET expires_at = :at WHERE guild_id = :guild_id"),
                {"at": self.clock() + timedelta(seconds=seconds), "guild_id": guild_id},
            )

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.services.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]

    def direct_messages(self, kind: str) -> list[tuple[Any, ...]]:
        """Direct messages of this kind: target and payload."""
        return self.rows(
            "SELECT target, payload FROM outbox_messages WHERE kind = :kind", kind=kind
        )

    def with_settings(self, **values: Any) -> "Installation":
        """The same with other settings, as after a restart."""
        changed = self.services.settings.model_copy(update=values)
        services = replace(self.services, settings=changed)
        return Installation(services, self.clock, self.kick, _app(services))


def open_installation(
    database: Database, pretend: Sandbox, kick: KickDriver, folder: Path, **values: Any
) -> Installation:
    """An installation whose server follows Nora's channel."""
    clock = Shifted()
    ours = settings(
        **{name.lower(): value for name, value in pretend.env.items()},
        data_dir=folder,
        token_encryption_keys=Fernet.generate_key().decode(),
        **values,
    )
    services = Services(ours, database, LocalBus(), clock)
    follow(database, GUILD, NORA, "noraplays")
    return Installation(services, clock, kick, _app(services))


def _app(services: Services) -> Flask:
    app = Flask("connecting", static_folder=None)
    edge(app)
    app.register_blueprint(pages(services))
    return app


def words(answer: TestResponse) -> str:
    """What a page says, without its markup."""
    body = re.sub(r"<(title|style)>.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def query(url: str) -> dict[str, str]:
    """An address's query."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def callback(**given: str) -> str:
    """An address of the way back with this query."""
    return f"{CALLBACK}?" + "&".join(f"{name}={value}" for name, value in given.items())


__all__ = [
    "ADMIN",
    "CALLBACK",
    "LINKS",
    "Browser",
    "Installation",
    "callback",
    "open_installation",
    "query",
    "words",
]
