"""`make screenshots`: every page of the dashboard after an evening in the sandbox, in both themes
and two widths, as pictures in `tests/screenshots/pages`; `index.html` there shows them all."""

import html
import shutil
import sys
from collections.abc import Iterable, Iterator
from itertools import product as product_of
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from sandbox.demo import Demo, play, product
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import BY_HANDLE
from tests.browser import PHONE, chromium

FOLDER = Path(__file__).parent / "screenshots" / "pages"
SIZES = {"desk": ViewportSize(width=1280, height=800), "phone": PHONE}
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
PUBLIC = ("leaderboard", "raffle", "queue", "status")
"""Of `/p/<server>/`, in the order of their own navigation."""

_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def log_in(page: Page, demo: Demo, person: str) -> None:
    """Through Discord's consent page."""
    page.goto(f"{demo.product_url}/login")
    page.get_by_role("link", name="Continue with Discord").click()
    page.get_by_role("button", name=person, exact=True).click()
    page.wait_for_url(f"{demo.product_url}/**")


def link(browser: Browser, demo: Demo, handle: str) -> None:
    """Link somebody's Kick account from their own page."""
    person = BY_HANDLE[handle]
    with browser.new_context() as context:
        page = context.new_page()
        log_in(page, demo, person.display_name)
        page.goto(f"{demo.product_url}/me/{NORAS_CORNER_ID}")
        page.get_by_role("button", name="Link my Kick account").click()
        page.get_by_role("link", name="Yes, continue on Kick").click()
        page.get_by_role("button", name=person.kick_name).click()


def spend_evening(browser: Browser, demo: Demo) -> None:
    """Something to see on every page: the demo's stream, then a second one that is still live."""
    play(demo)
    for person in ("mia", "leo"):
        link(browser, demo, person)
    for command in (
        "!slotcalls on",
        "!slotcalls channel #slot-calls",
        "!settings set raffle.channel #raffle",
        "!settings set raffle.prize A golden slot machine",
        "!rafflestart",
        "!rafflegive @madcats 25 won the quiz",
        "!rafflegive yuki_snow 8 birthday",
        "!roles add Regular 10",
        "!watchadjust yuki_snow 45 helped with the giveaway",
        "!exclude add SamOnKick raffle two accounts",
        "!setup_link_panel",
        "!slotcalls played 1 0.20 150",
        "!slotcalls panel",
    ):
        demo.asked("nora", "bot-log", command)
    demo.kick.live(title="Friday night slots")
    for person, line in (("mia", "!call sugar rsh"), ("leo", "!call Fire Joker"), ("yuki", "gg")):
        demo.kick.chat(person, line)
    demo.kick.gift("leo", count=5)
    demo.kick.settle()


def addresses(page: Page, demo: Demo) -> Iterator[str]:
    """Every page that a moderator or a viewer can come to, by way of the links."""
    base = f"{demo.product_url}/g/{NORAS_CORNER_ID}"
    page.goto(f"{base}/")
    menu = page.locator("nav.menu a").evaluate_all("links => links.map(link => link.href)")
    yield from menu
    for list_page in ("people", "watchtime", "raffle", "roles", "webhooks"):
        page.goto(f"{base}/{list_page}")
        first = page.locator("main tbody tr a").first
        if first.count():
            yield f"{demo.product_url}{first.get_attribute('href')}"
    page.goto(f"{base}/people")
    person = page.locator("main tbody tr a").first.get_attribute("href")
    yield f"{demo.product_url}{person}/history"
    yield f"{base}/raffle/ledger"
    yield f"{base}/slot_calls/history"
    yield f"{base}/setup"
    yield from (f"{demo.product_url}/p/{NORAS_CORNER_ID}/{name}" for name in PUBLIC)
    yield from (f"{demo.product_url}/{path}" for path in ("servers", "me", "privacy", "terms", ""))
    yield f"{demo.product_url}/me/{NORAS_CORNER_ID}"


def name_of(address: str) -> str:
    """A file name for a page, such as `g-raffle-ledger`."""
    path = urlsplit(address).path.replace(str(NORAS_CORNER_ID), "").strip("/")
    return path.replace("//", "/").replace("/", "-") or "front"


def take_all(browser: Browser, demo: Demo) -> dict[str, float]:
    """Every page; how many milliseconds each took until its first paint, at most."""
    slowest: dict[str, float] = {}
    with browser.new_context() as context:
        page = context.new_page()
        log_in(page, demo, "NoraPlays")
        state = context.storage_state()
        found = {name_of(address): address for address in addresses(page, demo)}
    for theme, size in product_of(THEMES, SIZES):
        with browser.new_context(viewport=SIZES[size], color_scheme=theme) as context:
            paints = take(context, {"login": f"{demo.product_url}/login"}, f"{size}-{theme}")
        with browser.new_context(
            storage_state=state, viewport=SIZES[size], color_scheme=theme
        ) as context:
            paints |= take(context, found, f"{size}-{theme}")
        slowest = {name: max(paints[name], slowest.get(name, 0)) for name in paints}
    return slowest


def take(context: BrowserContext, addresses: dict[str, str], kind: str) -> dict[str, float]:
    """Pictures of pages, by their name; how many milliseconds each took until its first paint."""
    page, paints = context.new_page(), {}
    for name, address in addresses.items():
        page.goto(address)
        page.wait_for_timeout(250)  # for charts and what is loaded late
        paints[name] = page.evaluate(_FIRST_PAINT)
        page.screenshot(path=FOLDER / f"{name}-{kind}.png", full_page=True)
    return paints


def write_index(names: Iterable[str]) -> None:
    """All pictures of a page side by side."""
    rows = "".join(
        f"<h2>{html.escape(name)}</h2><p>"
        + "".join(
            f'<a href="{name}-{size}-{theme}.png">'
            f'<img src="{name}-{size}-{theme}.png" height="420" alt="{size}, {theme}"></a> '
            for size in SIZES
            for theme in THEMES
        )
        + "</p>"
        for name in names
    )
    (FOLDER / "index.html").write_text(f"<!doctype html><title>Pages</title>{rows}")


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with product() as demo, chromium() as browser:
        demo.product_url = demo.product_url.replace("127.0.0.1", "localhost")  # Discord's way back
        spend_evening(browser, demo)
        paints = take_all(browser, demo)
    write_index(paints)
    name, slowest = max(paints.items(), key=lambda paint: paint[1])
    print(f"Slowest first paint: {slowest:.0f} ms ({name})")
    print(f"{len(paints)} pages: open {FOLDER.relative_to(Path.cwd())}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
