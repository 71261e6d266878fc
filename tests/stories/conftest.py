"""Fixtures of the stories."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sandbox.kick.signing import SigningKey
from tests.patience import PATIENCE
from tests.prerequisites import find_chromium
from tests.stories.servers import RedisServer
from tests.stories.stage import Stage, open_stage


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """Kick's key; making one is slow."""
    return SigningKey()


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """A stage for one story; the story starts the product itself."""
    with open_stage(tmp_path, postgres_url, signing_key) as opened:
        yield opened


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for all stories."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser's page, on which nothing may be blocked or broken."""
    complaints: list[str] = []
    with browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark"
    ) as context:
        opened = context.new_page()
        opened.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and "status of" not in said.text
                else None
            ),
        )
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
    assert not complaints
