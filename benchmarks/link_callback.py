"""How long a viewer waits for the last page of linking: from Kick's redirect to "you are linked".

Each viewer has a link and a Kick account of their own. Kick is the fake one, on this machine, and
is asked four times for each of them: for the tokens, whose they are, and to revoke both. The last
figure is ours alone: using up the state and linking, two transactions that commit.
"""

import html
import re
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient

from benchmarks.figures import Results
from core.events import Person
from core.guilds import store as guilds
from core.kick.accounts.pages import pages as kick_pages
from core.kit.database.connection import Database
from core.kit.database.records import MemberId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.web.app import edge
from core.people.linking import actions
from core.people.linking.actions import FLOWS
from core.people.linking.pages import pages
from core.people.records import Link, LinkAttempt
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread

PEOPLE = 200
GUILD = 900_000_100
FIRST_KICK_USER = 70_000_000
HERE = "http://localhost:8080"


def run(database: Database) -> Results:
    """`link_callback_p50_ms`, `link_callback_p99_ms` and `link_callback_own_ms`."""
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "link callback")
    with TemporaryDirectory() as folder, on_thread(signing_key=SigningKey()) as world:
        given: dict[str, Any] = {name.lower(): value for name, value in world.env.items()}
        settings = Settings(_env_file=None, data_dir=folder, **given)
        services = Services(settings, database, LocalBus())
        kick = KickDriver(world.base_url)
        try:
            waits = sorted(_come_back(services, kick, number) for number in range(PEOPLE))
        finally:
            kick.close()
        own = median(_own_part(services, number) for number in range(PEOPLE, 2 * PEOPLE))
    return {
        "link_callback_p50_ms": 1000 * median(waits),
        "link_callback_p99_ms": 1000 * quantiles(waits, n=100)[98],
        "link_callback_own_ms": 1000 * own,
    }


def _ask(services: Services, number: int) -> str:
    attempt = LinkAttempt(
        platform="kick",
        discord_id=MemberId(1 + number),
        discord_name=f"member {number}",
        discord_handle=f"member{number}",
        avatar_url="",
        by_dm=True,
        asked_at=services.clock(),
    )
    with services.work_in(GUILD, attempt.discord_id) as work:
        actions.open_attempt(work, attempt)
    return FLOWS["kick"].make_link(services.settings, attempt, attempt.discord_id)


def _come_back(services: Services, kick: KickDriver, number: int) -> float:
    """Seconds that the last page takes."""
    kick.account(f"viewer{number}", f"viewer{number}")
    browser = _browser(services, number)
    shown = browser.get(urlsplit(_ask(services, number)).path, base_url=HERE).text
    way = re.search(r'href="([^"]+/continue[^"]+)"', shown)
    assert way, shown
    left = browser.get(html.unescape(way[1]), base_url=HERE)
    back = urlsplit(kick.consent(left.headers["Location"], f"viewer{number}"))
    began = perf_counter()
    page = browser.get(f"{back.path}?{back.query}", base_url=HERE)
    took = perf_counter() - began
    assert page.status_code == 200, page.text
    return took


def _browser(services: Services, number: int) -> FlaskClient:
    """From its own address, because addresses are counted."""
    app = Flask("link_callback", static_folder=None)
    edge(app)
    app.register_blueprint(kick_pages(services))
    app.register_blueprint(pages(services))
    browser = app.test_client()
    browser.environ_base["REMOTE_ADDR"] = f"10.0.{number // 250}.{number % 250}"
    return browser


def _own_part(services: Services, number: int) -> float:
    """Seconds of the callback in which Kick has no part."""
    token = _ask(services, number).rsplit("/", 1)[1]
    link = FLOWS["kick"].links.read(services.settings, token, services.clock())
    _address, state = FLOWS["kick"].redirect_to_provider(services, link)
    person = Person(user_id=FIRST_KICK_USER + number, name=f"viewer{number}")
    began = perf_counter()
    taken = FLOWS["kick"].take(services, state)
    with services.work_in(taken.guild_id, taken.discord_id) as work:
        ended = actions.finish_attempt(work, taken.link_id, person)
    took = perf_counter() - began
    assert isinstance(ended, Link)
    return took
