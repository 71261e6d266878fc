"""A server, members who ask for links, browsers, and the fake Kick, for the tests of linking."""

import html
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from core.kick.accounts.pages import pages as kick_pages
from core.kit.database.connection import Database
from core.kit.database.records import MemberId
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.kit.web.app import edge
from core.people import store as people
from core.people.linking import actions
from core.people.linking.pages import pages
from core.people.records import Link, LinkAttempt
from core.twitch.consent.pages import pages as twitch_pages
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from sandbox.twitch.driver import TwitchDriver
from tests.acting import act
from tests.conftest import GUILD
from tests.kick.accounts.rig import Browser, Shifted
from tests.kick.rig import settings

MIA, SAM = 310_000_000_000_000_003, 310_000_000_000_000_006
AVATAR = "https://cdn.discordapp.com/avatars/3/0.png"
NAMES = {MIA: "MadCats", SAM: "Sam"}


def new_attempt(
    discord_id: int, at: datetime, *, by_dm: bool = True, platform: str = "kick"
) -> LinkAttempt:
    return LinkAttempt(
        platform=platform,
        discord_id=MemberId(discord_id),
        discord_name=NAMES[discord_id],
        discord_handle=NAMES[discord_id].lower(),
        avatar_url=AVATAR,
        by_dm=by_dm,
        asked_at=at,
    )


@dataclass
class Visitor(Browser):
    """A browser in which somebody may also say that it is not them."""

    def decline(self, link: str) -> TestResponse:
        """Press the other button."""
        found = re.search(r'action="([^"]+)"', self.open(link).text)
        assert found
        return self.client.post(
            html.unescape(found[1]),
            base_url="http://localhost:8080",
            headers={"Accept": "text/html"},
        )


@dataclass
class LinkingSite:
    """Our side.

    Attributes:
        services: with the fake Kick's addresses.
        clock: of these services.
    """

    services: Services
    clock: Shifted
    kick: KickDriver
    app: Flask = field(repr=False)

    def browser(self, at: "TwitchDriver | None" = None) -> Visitor:
        return Visitor(self.app.test_client(), at or self.kick)

    def ask(
        self,
        discord_id: int = MIA,
        guild_id: int = GUILD,
        *,
        by_dm: bool = True,
        platform: str = "kick",
    ) -> str:
        """What `/link` hands out."""
        attempt = new_attempt(discord_id, self.clock(), by_dm=by_dm, platform=platform)
        with self.services.work_in(guild_id, discord_id) as work:
            actions.open_attempt(work, attempt)
        return actions.make_link(self.services, attempt)

    def link(self, discord_id: int = MIA, person: str = "mia", guild_id: int = GUILD) -> Link:
        """A member links an account."""
        page = self.browser().round_trip(self.ask(discord_id, guild_id), person)
        assert page.status_code == 200, page.text
        found = self.find(discord_id, guild_id)
        assert found is not None
        return found

    def find(
        self, discord_id: int = MIA, guild_id: int = GUILD, platform: str | None = None
    ) -> Link | None:
        with self.services.database.begin() as tx:
            return act(tx, guild_id, people.find_link, discord_id, platform)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.services.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]

    def outcomes(self) -> list[str | None]:
        """What came of the attempts, oldest first."""
        found = self.rows("SELECT outcome FROM people_link_attempts ORDER BY asked_at, link_id")
        return [outcome for (outcome,) in found]

    def direct_messages(self, kind: str) -> list[tuple[Any, ...]]:
        """Direct messages of this kind: target and payload."""
        return self.rows(
            "SELECT target, payload FROM outbox_messages WHERE kind = :kind ORDER BY id", kind=kind
        )

    def published_events(self) -> list[tuple[str, int]]:
        """The events that the other features will hear: which, and whose."""
        return self.rows(
            "SELECT kind, (body->>'discord_id')::bigint FROM inbox_deliveries"
            " WHERE source = 'inbox.events' ORDER BY id"
        )

    def with_settings(self, **values: Any) -> "LinkingSite":
        """The same with other settings, as after a restart."""
        changed = self.services.settings.model_copy(update=values)
        services = replace(self.services, settings=changed)
        return LinkingSite(services, self.clock, self.kick, _app(services))


def open_linking_site(
    database: Database, pretend: Sandbox, kick: KickDriver, folder: Path
) -> LinkingSite:
    """A linking_site that knows the fake Kick."""
    clock = Shifted()
    ours = settings(
        **{name.lower(): value for name, value in pretend.env.items()},
        data_dir=folder,
        token_encryption_keys=Fernet.generate_key().decode(),
    )
    services = Services(ours, database, LocalBus(), clock)
    return LinkingSite(services, clock, kick, _app(services))


def _app(services: Services) -> Flask:
    app = Flask("linking", static_folder=None)
    edge(app)
    app.register_blueprint(kick_pages(services))
    app.register_blueprint(twitch_pages(services))
    app.register_blueprint(pages(services))
    return app
