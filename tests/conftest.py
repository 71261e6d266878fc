"""Fixtures for all tests, with real components: each test process has its own PostgreSQL, and tests
are rolled back.
"""

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page
from sqlalchemy import Connection, text

import core.features
from core.guilds import store as guilds
from core.kit.database.connection import METADATA, Database
from core.kit.errors import StartError
from core.kit.runtime.embedded import EmbeddedPostgres
from sandbox.discord.driver import DiscordDriver
from sandbox.serve import Sandbox, on_thread
from tests import guild_filter
from tests.browser import PHONE, chromium, clean_page
from tests.json_keys import undeclared_keys
from tests.lazy_rule import LazyRule

if TYPE_CHECKING:
    from tests.dashboard.site import Site

GUILD = 1001
OTHER_GUILD = 2002

settings.register_profile(
    "regulars",
    deadline=None,  # a busy machine is no fault of the product
    # Nor is it one here; and examples share the transaction of their test, which they know.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    # A change is judged by the same examples each time; at home new ones are tried.
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
)
settings.load_profile("regulars")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported here is there to stay: the garbage collector never looks at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each process begin with a share of the stories. They take longest; at the end they would
    leave all processes but one without work."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    stories: dict[Path, list[pytest.Item]] = {}
    others: list[pytest.Item] = []
    for item in items:
        is_story = "stories" in item.path.parts
        (stories.setdefault(item.path, []) if is_story else others).append(item)
    shares: list[list[pytest.Item]] = [[] for _process in range(processes)]
    for number, module in enumerate(stories.values()):
        shares[number % processes] += module
    size = -(-len(items) // processes)
    for share in shares:
        fill = max(0, size - len(share))
        share += others[:fill]
        del others[:fill]
    items[:] = [item for share in shares for item in share]


@pytest.fixture(scope="session", autouse=True)
def _quick_tracebacks() -> None:
    """structlog's own set-up draws tracebacks with all local variables, which takes seconds."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.stdlib.add_log_level, plain])


@pytest.fixture(scope="session", autouse=True)
def _quick_applications(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All applications of this process share what Jinja made of their templates."""
    kept = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    Flask.jinja_options = {"bytecode_cache": kept}
    Flask.url_rule_class = LazyRule


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a fresh PostgreSQL server.

    Not in pytest's own temporary folder: where root runs the tests, PostgreSQL runs as another
    user, and pytest closes that folder to everybody else.
    """
    with ExitStack() as stack:
        server, url = _started(stack)
        _make_fast(url)
        yield url
        server.stop()


def _make_fast(url: str) -> None:
    """Nobody needs these data after a power cut."""
    server = Database(url, pool_size=1)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as settings:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            settings.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        settings.execute(text("SELECT pg_reload_conf()"))
    server.close()


def _started(stack: ExitStack, tries: int = 3) -> tuple[EmbeddedPostgres, str]:
    """The library gives a start ten seconds and keeps a folder where that was too short."""
    folder = tempfile.TemporaryDirectory(prefix="regulars-test-", ignore_cleanup_errors=True)
    server = EmbeddedPostgres(Path(stack.enter_context(folder)))
    try:
        return server, server.start()
    except StartError:
        if tries == 1:
            raise
        return _started(stack, tries - 1)


@pytest.fixture(scope="session")
def database(postgres_url: str) -> Iterator[Database]:
    """A database with every feature's tables and two servers."""
    core.features.load_features()
    opened = Database(postgres_url)
    guild_filter.watch(opened.engine)
    METADATA.create_all(opened.engine)
    with opened.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        guilds.set_guild(tx, OTHER_GUILD, "Vera's Den")
    yield opened
    opened.close()


@pytest.fixture
def tx(database: Database) -> Iterator[Connection]:
    """A transaction that is rolled back at the end. Code under test may open savepoints in it."""
    with database.engine.connect() as connection:
        transaction = connection.begin()
        connection.info.clear()
        yield connection
        undeclared = undeclared_keys(connection)
        transaction.rollback()
        connection.info.clear()
    assert not undeclared, "put them into JSON_KEYS of core/kit/database/personal.py"


@pytest.fixture
def guild_id() -> int:
    """The server that tests are about."""
    return GUILD


@pytest.fixture
def other_guild_id() -> int:
    """A second server, which must never notice."""
    return OTHER_GUILD


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone on which nothing may be blocked or broken."""
    with clean_page(browser, viewport=PHONE, color_scheme="dark") as opened:
        yield opened


@pytest.fixture(scope="module")
def site_sandbox() -> Iterator[Sandbox]:
    """The vendors around `site`."""
    with on_thread() as opened:
        yield opened


@pytest.fixture
def site(database: Database, site_sandbox: Sandbox, tmp_path: Path) -> "Iterator[Site]":
    """The web application with every feature's pages; what a test changes in the sandbox's Discord
    it changes back."""
    from tests.clean import cleaned
    from tests.dashboard.site import open_site

    discord = DiscordDriver(site_sandbox.base_url)
    with cleaned(database), open_site(database, site_sandbox, discord, tmp_path) as opened:
        yield opened
    discord.close()
