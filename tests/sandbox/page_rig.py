"""The page in a real browser, on a real sandbox, with a real discord.py bot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    Dialog,
    Locator,
    Page,
    TimeoutError,
    expect,
)

from sandbox.discord.driver import DiscordDriver
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox, on_thread
from tests.browser import chromium
from tests.patience import LENIENT, PATIENCE
from tests.sandbox.kick_harness import KEY

HERE = Path(__file__)
USUAL: dict[str, Any] = {
    "viewport": {"width": 1440, "height": 900},
    "color_scheme": "dark",
    "reduced_motion": "reduce",
}


@dataclass
class Place:
    """A sandbox that runs, with a browser to look at it and drivers to act behind its back."""

    sandbox: Sandbox
    browser: Browser
    discord: DiscordDriver
    kick: KickDriver


@dataclass
class Visit:
    """One open page, and what its console complained of."""

    page: Page
    complaints: list[str]

    @property
    def messages(self) -> Locator:
        return self.page.locator("#messages")

    @property
    def chat(self) -> Locator:
        return self.page.locator("#chat")

    @property
    def toasts(self) -> Locator:
        return self.page.locator("#toasts")

    def start_as(self, handle: str) -> None:
        """As if the page had just been opened by that person, which would take much longer."""
        for dialog in self.page.locator("dialog[open]").all():
            dialog.evaluate("dialog => dialog.close()")
        # The page may be writing its own address at this very moment, over ours.
        chosen = self.page.locator(f"[data-person={handle}][aria-checked=true]")
        for _attempt in range(20):
            self.page.evaluate("as => { location.hash = `as=${as}`; }", handle)
            with suppress(TimeoutError):
                chosen.wait_for(timeout=500)
                break
        expect(chosen).to_be_visible()
        for box in ("#discord-box", "#kick-box"):
            self.page.locator(box).fill("")
        self.page.locator("#toasts").evaluate("box => box.replaceChildren()")

    def become(self, name: str) -> None:
        self.page.get_by_role("radio", name=name).click()

    def open_channel(self, name: str) -> None:
        self.page.locator("#sidebar").get_by_role("button", name=name).click()

    def check(self) -> None:
        """The console must be silent: no error, no violation of the CSP."""
        # A refused act is the sandbox's answer, which Chromium also notes there.
        serious = [
            complaint for complaint in self.complaints if "Failed to load resource" not in complaint
        ]
        self.complaints.clear()
        if serious:
            pytest.fail(f"the page complained: {serious}")

    def overflowing(self) -> list[str]:
        """The page and the panes whose contents are wider than they are."""
        found: list[str] = self.page.evaluate(
            """() => ['html', '#messages', '#chat'].filter((name) => {
                const box = document.querySelector(name);
                return box.scrollWidth > box.clientWidth;
            })"""
        )
        return found

    def write(self, text: str) -> None:
        """In the open Discord channel."""
        box = self.page.locator("#discord-box")
        box.fill(text)
        box.press("Enter")

    def message(self, text: str) -> Locator:
        """The newest message that holds the text."""
        return self.page.locator("#messages .message", has_text=text).last


@contextmanager
def place(*, bot: bool = True) -> Iterator[Place]:
    """Everything running, for the length of the block; on request without a bot."""
    with (
        on_thread(signing_key=KEY, defaults=LENIENT) as sandbox,
        _bot(sandbox) if bot else nullcontext(),
        chromium() as browser,
    ):
        discord, kick = DiscordDriver(sandbox.base_url), KickDriver(sandbox.base_url)
        if bot:
            discord.wait_command("slotcalls status")
        yield Place(sandbox, browser, discord, kick)
        discord.close()
        kick.close()


@contextmanager
def _bot(sandbox: Sandbox) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.sandbox.page_bot"]
    process = subprocess.Popen(
        command, cwd=HERE.parents[2], env=os.environ | sandbox.env, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def visit(there: Place, fragment: str = "", **options: Any) -> Iterator[Visit]:
    """The page, opened and filled. It must not have complained when the block ends."""
    context = there.browser.new_context(**(USUAL | options))
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    complaints: list[str] = []

    def refuse(dialog: Dialog) -> None:
        complaints.append("a dialog")
        dialog.dismiss()

    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("dialog", refuse)
    page.goto(f"{there.sandbox.page_url}#{fragment}")
    expect(page.locator("#people button").first).to_be_visible()
    opened = Visit(page, complaints)
    yield opened
    context.close()
    opened.check()
