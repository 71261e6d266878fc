"""The verification in the browser on a draw's public page."""

import hashlib
import json
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Connection, text

from core.drand.chain import QUICKNET
from tests.conftest import OTHER_GUILD
from tests.raffle.draw.conftest import Site
from tests.raffle.draw.rig import (
    AFTER,
    DUE,
    as_owner,
    draw_of,
    drew,
    drew_without_beacon,
    ended,
    exclude,
    froze,
    proof_of,
)
from tests.raffle.draw.test_pages import SWAP
from tests.raffle.scene import set_period

pytestmark = pytest.mark.browser

NUMBER = 1


def test_browser_verifies_the_draw(site: Site, guild_id: int, page: Page) -> None:
    def work(tx: Connection) -> None:
        number = ended(tx, guild_id, winners=3)
        set_period(tx, guild_id, number, prize='A "chair" — 250 € 🎁\x7f')
        froze(tx, guild_id, number)
        exclude(tx, guild_id, "ana", DUE)
        drew(tx, guild_id, number)

    site.committed(work)
    page.goto(site.url + site.path(guild_id, NUMBER))
    expect(page.locator("#verdict")).to_have_text(re.compile("except whether the random number"))
    assert page.locator("#checks li").count() >= 7
    assert page.locator("#checks .bad").count() == 0
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("says", ["the same", "another number", "another start", "nothing"])
def test_browser_can_ask_the_beacon(site: Site, guild_id: int, page: Page, says: str) -> None:
    """Its signature is too long to be checked here, so a forged number would look right."""
    site.drew(guild_id)
    draw = site.committed(lambda tx: draw_of(tx, guild_id, NUMBER))
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if says == "nothing":
            route.fulfill(status=503, headers={"Access-Control-Allow-Origin": "*"})
            return
        signature = "00" * 48 if says == "another number" else draw.signature
        genesis = 1 if says == "another start" else 1692803367
        headers = {"Access-Control-Allow-Origin": "*"}
        reply = {"round": draw.round, "signature": signature}
        if route.request.url.endswith("/info"):
            reply = {
                "public_key": QUICKNET.public_key,
                "period": 3,
                "genesis_time": genesis,
                "hash": QUICKNET.hash,
                "schemeID": "bls-unchained-g1-rfc9380",
            }
        route.fulfill(json=reply, headers=headers)

    page.route("https://api.drand.sh/**", answer)
    page.goto(site.url + site.path(guild_id, NUMBER))
    verdict = page.locator("#verdict")
    expect(verdict).to_have_text(re.compile("except whether the random number"))
    assert asked == [], "nothing leaves the device unasked"
    page.click("#ask button")
    if says == "nothing":
        expect(page.locator("#ask span")).to_have_text(re.compile("can't be reached"))
        expect(page.locator("#ask button")).to_be_enabled()
    else:
        words = "Verified: this is the only" if says == "the same" else "Not as promised"
        expect(verdict).to_have_text(re.compile(words))
    base = f"https://api.drand.sh/{QUICKNET.hash}"
    assert asked[0] == f"{base}/info"
    assert asked[1:] == ([] if says == "nothing" else [f"{base}/public/{draw.round}"])


def test_draw_without_public_beacon_is_not_shown_as_verified(
    site: Site, guild_id: int, page: Page
) -> None:
    site.committed(lambda tx: drew_without_beacon(tx, guild_id, ended(tx, guild_id)))
    page.goto(site.url + site.path(guild_id, NUMBER))
    expect(page.locator("#verdict")).to_have_text("⚠️ Consistent, but without the public beacon.")
    expect(page.locator("#ask")).to_be_hidden()


def test_viewer_finds_their_line_by_private_link(site: Site, guild_id: int, page: Page) -> None:
    site.froze(guild_id)
    proof = site.committed(lambda tx: proof_of(tx, guild_id, "yuki"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    link = urlencode({"proof": f"{proof.secret} {proof.account}"})
    page.goto(f"{site.url}{site.path(guild_id, NUMBER)}#{link}")
    mine = re.compile(f"entry {proof.pseudonym}, with 40 tickets")
    expect(page.locator("#found")).to_have_text(mine)
    assert all(proof.secret not in url.split("#")[0] for url in asked)
    page.fill("#proof", "0123 kick:1")
    page.click("text=Find my entry")
    expect(page.locator("#found")).to_have_text(re.compile("doesn't contain that entry"))
    page.goto(f"{site.url}{site.path(guild_id, NUMBER)}#{link}&again=1")  # no reload
    expect(page.locator("#found")).to_have_text(mine)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_waiting_page_shows_a_countdown(site: Site, guild_id: int, page: Page) -> None:
    site.froze(guild_id)
    page.goto(site.url + site.path(guild_id, NUMBER))
    expect(page.locator("#countdown")).to_have_text(re.compile(r"in [0-9]+:[0-9]{2}|drawing"))


FLIP = """
async ([bytes, places]) => {
  const { verify } = await import("/draws/static/verify.js");
  const raw = Uint8Array.from(bytes);
  await verify(raw);
  const missed = [];
  for (const place of places) {
    const changed = raw.slice();
    changed[place >> 3] ^= 1 << (place & 7);
    let taken = true;
    try { await verify(changed); } catch { taken = false; }
    if (taken) missed.push(place);
  }
  return missed;
}
"""


def test_browser_detects_every_flipped_bit(site: Site, guild_id: int, page: Page) -> None:
    site.drew(guild_id, ("mia", "leo"))
    address = site.path(guild_id, NUMBER)
    raw = site.get(address + "/bundle.json").data
    page.goto(site.url + address)
    assert page.evaluate(FLIP, [list(raw), list(range(8 * len(raw)))]) == []


def test_bundle_with_other_hashes_is_rejected(site: Site, guild_id: int, page: Page) -> None:
    """A bundle that is right in itself, but not of the hashes that stand here."""

    def other(route: Route) -> None:
        route.fulfill(body=site.get(addresses[1] + "/bundle.json").data)

    site.drew(guild_id)
    site.drew(OTHER_GUILD, ("mia",))
    addresses = [site.path(guild_id, NUMBER), site.path(OTHER_GUILD, NUMBER)]
    page.route("**/bundle.json", other)
    page.goto(site.url + addresses[0])
    expect(page.locator("#verdict")).to_have_text("✕ Not as promised.")
    expect(page.locator("#checks .bad")).to_have_text("this page shows different hashes")


def test_swapped_winner_is_detected_in_the_browser(site: Site, guild_id: int, page: Page) -> None:
    site.drew(guild_id)
    site.committed(lambda tx: as_owner(tx, SWAP, g=guild_id))
    page.goto(site.url + site.path(guild_id, NUMBER))
    expect(page.locator("#verdict")).to_have_text("✕ Not as promised.")
    expect(page.locator("#checks .bad")).to_have_text(
        "winner 1 was replaced by a different account"
    )


def test_winner_forgotten_before_claiming_is_verified(
    site: Site, guild_id: int, page: Page
) -> None:
    def work(tx: Connection) -> None:
        (pick,) = drew(tx, guild_id, ended(tx, guild_id))
        erase = "UPDATE people_viewers SET platform_user_id = -viewer_id, name = 'gone'"
        tx.execute(text(f"{erase} WHERE viewer_id = {pick.viewer_id}"))

    site.committed(work)
    page.goto(site.url + site.path(guild_id, NUMBER))
    expect(page.locator("#verdict")).to_have_text(re.compile("^✓ Verified"))
    expect(page.locator("#checks li").last).to_have_text(re.compile(r"\(not claimed yet\)$"))


REFUSED = """
async (address) => {
  const { verify } = await import("/draws/static/verify.js");
  const raw = new Uint8Array(await (await fetch(address)).arrayBuffer());
  try { await verify(raw); return "taken"; } catch (error) { return error.message; }
}
"""


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (AFTER + timedelta(seconds=1), "published less than 300 seconds after the freeze"),
        (AFTER + timedelta(days=1000), "published less than 300 seconds after the freeze"),
        (AFTER - timedelta(seconds=3), "the rule requires a different round"),
    ],
    ids=["a second late", "years late", "early"],
)
def test_wrong_round_time_is_detected_in_the_browser(
    site: Site, guild_id: int, page: Page, now: datetime, words: str
) -> None:
    """A bundle that is consistent in everything but the instant of its freeze."""

    def other(route: Route) -> None:
        whole = json.loads(site.get(address + "/bundle.json").data)
        lines = [
            f"frozen {now:%Y-%m-%dT%H:%M:%SZ}" if line.startswith("frozen ") else line
            for line in whole["snapshot"]
        ]
        digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        whole |= {"snapshot": lines, "snapshot_sha256": digest}
        route.fulfill(body=json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n")

    site.drew(guild_id)
    address = site.path(guild_id, NUMBER)
    page.goto(site.url + address)
    page.route("**/bundle.json", other)
    assert words in page.evaluate(REFUSED, address + "/bundle.json")
