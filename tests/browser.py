"""A real Chromium, and pages on which nothing may be blocked or broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.patience import PATIENCE
from tests.prerequisites import find_chromium

PHONE = ViewportSize(width=390, height=844)

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-site-isolation-trials"]
"""There is no graphics card, and pages of several addresses share a process."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the length of the block.

    While it is open Playwright's event loop counts as running in this thread, so that asyncio code
    fails there. A fixture may therefore keep it for a module at most: tests of other modules can
    come next in any order.
    """
    executable = find_chromium()
    assert executable is not None, "no Chromium: see tests/prerequisites.py"
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def clean_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in its own context; it must not have complained when the block ends."""
    complaints: list[str] = []
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and "status of" not in said.text
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []
