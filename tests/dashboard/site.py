"""The web application with every feature's pages, on a real database and the sandbox's Discord."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from combined_server import web
from core.features import load_features
from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.kit.database.connection import Database
from core.kit.database.records import MemberId, PlatformUserId
from core.kit.discord.rest import DISCORD_CHANGED
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import read_settings
from core.kit.services import Services
from core.twitch.accounts import actions as twitch
from core.twitch.accounts.records import TwitchAccount
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.people import PEOPLE
from sandbox.serve import Sandbox
from tests.kick.rig import StandingClock

GUILD, OTHER_GUILD = NORAS_CORNER_ID, VERAS_DEN_ID
IDS = {person.handle: person.discord_id for person in PEOPLE}


NO_PAGES = {"live.follow", "dashboard.return_from_discord"}
"""A stream, and the way back from Discord."""

PUBLIC = [page for feature in load_features() for page in feature.public]


class Visitor:
    """A browser without JavaScript: it keeps cookies and sends forms with their hidden fields."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._client.get(path, headers={"Accept": "text/html"}, **options)

    def post(self, path: str, page: str = "", **fields: Any) -> TestResponse:
        """Send a form; `page` is the page that has it, whose CSRF token goes along."""
        if page:
            fields["csrf_token"] = csrf_token(self.get(page))
        return self._client.post(path, data=fields, headers={"Accept": "text/html"})

    def log_in(self, person: str, target: str = "") -> TestResponse:
        """The whole way through Discord's consent page."""
        address = self.get("/login/discord", query_string={"next": target}).headers["Location"]
        given = requests.post(address, {"person": str(IDS[person])}, allow_redirects=False)
        return self.get(given.headers["Location"])

    def sign_in_with_twitch(self, person: str | None, target: str = "") -> TestResponse:
        """The whole way through Twitch's consent page; None declines there."""
        address = self.get("/login/twitch", query_string={"next": target}).headers["Location"]
        form = {"decision": "deny"} if person is None else {"person": person}
        given = requests.post(address, form, allow_redirects=False)
        return self.get(given.headers["Location"])


def follow(visitor: Visitor, link: str, **decision: str) -> TestResponse:
    """The whole way of a personal link, through the other site's consent page and back."""
    onward = re.search(r'href="([^"]+)" rel="nofollow', visitor.get(link).text)
    assert onward, words(visitor.get(link))
    consent = visitor.get(html.unescape(onward[1])).headers["Location"]
    given = requests.post(consent, decision, allow_redirects=False).headers["Location"]
    return visitor.get(given)


def csrf_token(page: TestResponse) -> str:
    """The token in a page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def words(page: TestResponse) -> str:
    """The text of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


NORA_ON_TWITCH, VERA_ON_TWITCH = 5_100_001, 5_100_007


@dataclass
class Site:
    """The application and its surroundings."""

    app: Flask
    services: Services
    discord: DiscordDriver
    clock: StandingClock

    def visitor(self, person: str = "") -> Visitor:
        """A browser, logged in if a person is named."""
        found = Visitor(self.app.test_client())
        if person:
            assert found.log_in(person).status_code == 302
        return found

    def streamer(self, person: str = "nora") -> Visitor:
        """A browser in which a streamer has signed in with Twitch, after their channel was
        connected to this server."""
        found = Visitor(self.app.test_client())
        assert found.sign_in_with_twitch(person).status_code == 302
        return found

    def connect_twitch(self, user_id: int = NORA_ON_TWITCH, guild_id: int = GUILD) -> None:
        """The server's channel on Twitch is connected."""
        now = self.clock()
        with self.services.work_in(guild_id, IDS["nora"]) as work:
            account = TwitchAccount(
                guild_id=work.guild_id,
                role="streamer",
                twitch_user_id=PlatformUserId(user_id),
                login="noraplays",
                name="NoraPlays",
                scopes=[],
                state="connected",
                access_token="",
                refresh_token="",
                expires_at=now,
                connected_by=MemberId(IDS["nora"]),
                connected_at=now,
                refreshed_at=now,
            )
            twitch.connect_account(work, account)

    def grant(self, role: str, *groups: str, guild_id: int = GUILD) -> None:
        """Let members with a role use groups of commands."""
        role_id = next(found["id"] for found in self.roles(guild_id) if found["name"] == role)
        with self.services.work_in(guild_id) as work:
            for group in groups:
                guilds.grant(work, group, int(role_id))

    def roles(self, guild_id: int = GUILD) -> list[dict[str, Any]]:
        """As Discord has them."""
        settings = self.services.settings
        assert settings.discord_token is not None
        token = settings.discord_token.get_secret_value()
        found = requests.get(
            f"{settings.discord_api_url}/guilds/{guild_id}/roles",
            headers={"Authorization": f"Bot {token}"},
        )
        roles: list[dict[str, Any]] = found.json()
        return roles

    def pages(self, **parts: object) -> Iterator[tuple[str, str]]:
        """Name and address of every page of the dashboard and for everybody, with these parts in
        the address."""
        for rule in self.app.url_map.iter_rules():
            is_page = rule.endpoint.startswith("dashboard.") and "GET" in (rule.methods or ())
            if not is_page or rule.endpoint in NO_PAGES:
                continue
            given: dict[str, Any] = {name: parts.get(name, "x") for name in rule.arguments}
            is_numbered = "number" in rule.arguments
            names = [path.name for path in PUBLIC if path.numbered or not is_numbered]
            for name in names if rule.endpoint == "dashboard.public" else [""]:
                with self.app.test_request_context():
                    address = url_for(rule.endpoint, **(given | {"name": name} if name else given))
                yield f"{rule.endpoint}.{name}".strip("."), address

    def changed(self, guild_id: int = GUILD) -> None:
        """The notification that the bot publishes when Discord reports a change."""
        self.services.bus.publish(DISCORD_CHANGED, guild_id=str(guild_id))


@contextmanager
def open_site(
    database: Database, sandbox: Sandbox, discord: DiscordDriver, folder: Path
) -> Iterator[Site]:
    """Two servers, nobody logged in."""
    settings = read_settings(
        **{name.lower(): value for name, value in sandbox.env.items()},
        data_dir=folder,
        flask_secret_key="a-key-for-tests-only",
        redis_url=None,
    )
    clock, bus = StandingClock(), LocalBus()
    services = Services(settings, database, bus, clock)
    with database.begin() as tx:
        guild_store.set_guild(tx, GUILD, "Nora's Corner")
        guild_store.set_guild(tx, OTHER_GUILD, "Vera's Den")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_notify", bus.publish)
        yield Site(web(services, load_features()), services, discord, clock)
