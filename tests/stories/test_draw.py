"""A raffle is drawn: from the admin's question to the delivered prize, and checked by a viewer."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.fernet import Fernet
from playwright.sync_api import Page, expect

from core.drand.chain import parse_chain
from core.kit.runtime.crypto import Vault
from core.people import store as people
from core.raffle.actions import Config
from sandbox.kick.signing import SigningKey
from sandbox.people import BY_HANDLE
from tests.acting import act
from tests.patience import PATIENCE, until
from tests.raffle.draw.rig import as_owner
from tests.raffle.scene import give, period
from tests.stories.direct_messages import (
    custom_id_of,
    next_direct_message,
    private_answer,
    url_in,
)
from tests.stories.stage import GUILD, Stage, open_stage, title

Json = dict[str, Any]

KEY = Fernet.generate_key().decode()
CHANNEL = "raffle"
QUICKNET_HASH = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
TICKETS = {"mia": 12, "leo": 30, "yuki": 1, "tomas": 300}
ON_TWITCH = ("leo", "tomas")
"""The others are viewers on Kick."""


def platform_of(handle: str) -> str:
    return "twitch" if handle in ON_TWITCH else "kick"


@contextmanager
def raffle_stage(
    folder: Path, postgres_url: str, signing_key: SigningKey, **settings: str
) -> Iterator[Stage]:
    """A stage whose seeds this test could open."""
    with open_stage(
        folder, postgres_url, signing_key, TOKEN_ENCRYPTION_KEYS=KEY, **settings
    ) as stage:
        stage.waits = {"task:raffle.draw": 0.5, "core.raffle.draw.posts.ROLL_SECONDS": 0.2}
        yield stage


def ended_raffle(
    stage: Stage,
    winners: int = 1,
    lasted: timedelta = timedelta(days=1),
    chain: str | None = None,
) -> int:
    """A raffle that ended just now, in which four viewers hold tickets; its number."""
    config = Config(
        Vault([KEY]),
        parse_chain(chain or stage.settings["DRAND_CHAIN"]),
        f"http://localhost:{stage.port}",
    )
    end = datetime.now(UTC)
    start = end - lasted
    with stage.database.begin() as tx:
        opened = period(tx, GUILD, start, end, prize="A chair", winners=winners, config=config)
        for handle, tickets in TICKETS.items():
            person = BY_HANDLE[handle]
            platform = platform_of(handle)
            user_id = person.user_id_on(platform)
            viewer_id = people.set_viewer(tx, GUILD, platform, user_id, person.kick_name, start)
            if act(tx, GUILD, people.find_link_of_viewer, viewer_id) is None:
                people.add_link(tx, GUILD, person.discord_id, platform, viewer_id, start)
            key = f"{opened.number}:{handle}"
            give(tx, GUILD, opened.number, viewer_id, tickets, key)
    return opened.number


def asked_to_draw(stage: Stage, person: str = "nora", **options: Any) -> str:
    """Ask, and say yes; the id of the question's message."""
    asked = stage.discord.slash(person, "mods", "raffledraw", options)
    private_answer(stage, asked, "Draw raffle")
    question = stage.discord.wait_for(
        "mods", lambda m: "Draw raffle" in title(m) and "anyway" not in title(m)
    )
    label = "Draw without beacon" if options else "Draw now"
    stage.discord.click(person, question["message_id"], custom_id_of(question, label))
    return str(question["message_id"])


def becomes(stage: Stage, message_id: str, words: str) -> Json:
    """A message among the moderators, once its title has these words."""
    return until(
        lambda: next(
            (
                m
                for m in stage.discord.transcript("mods")
                if m["message_id"] == message_id and words in title(m)
            ),
            None,
        ),
        f"“{words}”",
    )


def post(stage: Stage, words: str) -> Json:
    """The newest of the bot's posts in the raffle's channel with these words in its title."""
    return until(
        lambda: next(
            (m for m in reversed(stage.discord.transcript(CHANNEL)) if words in title(m)), None
        ),
        f"“{words}” in the raffle's channel",
    )


def fields(message: Json) -> dict[str, str]:
    return {field["name"]: field["value"] for field in message["embeds"][0].get("fields", [])}


def drawn(stage: Stage, number: int) -> list[tuple[str, str]]:
    """Name on Discord and state of everybody who was drawn, in order."""
    handles = {person.discord_id: person.handle for person in BY_HANDLE.values()}
    found = stage.rows(
        "SELECT discord_id, state FROM raffle_picks WHERE guild_id = :guild AND period = :number"
        " ORDER BY k",
        guild=GUILD,
        number=number,
    )
    return [(handles[discord_id], state) for discord_id, state in found]


def set_beacon(stage: Stage, fault: str, value: bool) -> None:
    faults = f"{stage.settings['DRAND_URL'].removesuffix('/drand')}/control/faults"
    requests.post(faults, json={fault: value}, timeout=PATIENCE).raise_for_status()


def beacon_is_away(stage: Stage, away: bool) -> None:
    set_beacon(stage, "drand.down", away)


def here(stage: Stage, url: str) -> str:
    """The same page, at the product's own port."""
    parts = urlsplit(url)
    return f"http://127.0.0.1:{stage.port}{parts.path}" + (
        f"#{parts.fragment}" if parts.fragment else ""
    )


def verified(
    folder: Path, address: str, *options: str
) -> tuple[Json, subprocess.CompletedProcess[str]]:
    """The draw's proof file, and what the verifier that the page offers says about it."""
    bundle, verifier = folder / "bundle.json", folder / "verify_draw.py"
    bundle.write_bytes(requests.get(address + "/bundle.json", timeout=PATIENCE).content)
    verifier.write_bytes(
        requests.get(address.rsplit("/", 1)[0] + "/verify_draw.py", timeout=PATIENCE).content
    )
    checked = subprocess.run(
        [sys.executable, "-I", str(verifier), str(bundle), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(bundle.read_bytes()), checked


@pytest.mark.browser
def test_raffle_runs_from_confirmation_to_prize(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey, page: Page
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        stage.start().wait_well()
        stage.discord.wait_command("raffledraw")
        number = ended_raffle(stage)

        assert "for moderators" in stage.asked("mia", "!raffledraw")["title"]
        assert "can no longer win" in stage.asked("nora", "!raffleexclude add yuki_snow")["title"]
        assert "by <@" in stage.asked("nora", "!raffleexclude")["description"]
        assert "can win again" in stage.asked("nora", "!raffleexclude remove yuki_snow")["title"]
        beacon_is_away(stage, True)  # the draw waits until we have seen the frozen tickets
        becomes(stage, asked_to_draw(stage), "is frozen")

        frozen = post(stage, "the tickets are frozen")
        assert fields(frozen)["Tickets"] == "343"
        posted_hash = fields(frozen)["SHA-256 of the frozen list"].strip("`\n")
        address = here(stage, url_in(frozen))
        page.goto(address)
        expect(page.locator(".badge")).to_contain_text("Frozen")
        beacon_is_away(stage, False)

        [(winner, _state)] = until(lambda: drawn(stage, number), "a winner")
        name = BY_HANDLE[winner].kick_name
        won = next_direct_message(stage, winner, "You won raffle", 0)
        shown = post(stage, f"wins raffle #{number}")
        assert name in title(shown).replace("\\", "")
        assert len([m for m in stage.discord.transcript(CHANNEL) if "🥁" in title(m)]) == 0

        other = next(handle for handle in TICKETS if handle != winner)
        claim = custom_id_of(shown, "Claim the prize")
        private_answer(
            stage, stage.discord.click(other, shown["message_id"], claim), "isn't your prize"
        )
        assert custom_id_of(won, "Claim the prize") == claim
        stage.discord.click(winner, won["message_id"], claim)
        post(stage, f"claimed the prize of raffle #{number}")
        delivered = stage.asked("nora", f"!raffledelivered {name}", "mods")
        assert "marked as delivered" in delivered["title"]
        post(stage, f"received the prize of raffle #{number}")
        state = "SELECT state FROM raffle_periods WHERE number = :number"
        assert stage.scalar(state, number=number) == "closed"
        assert name in stage.asked("mia", "!rafflehistory")["description"].replace("\\", "")

        # A viewer checks it: the private link, the page, and the verifier on the bundle.
        proof = stage.discord.slash(other, "general", "raffleproof")
        mine = private_answer(stage, proof, "Your entry in raffle")
        # The page reloads until the draw; a reload must not interrupt the next page.
        frozen_badge = page.locator(".badge", has_text="Frozen")
        expect(frozen_badge).to_have_count(0, timeout=PATIENCE * 1000)
        page.goto(here(stage, url_in(mine)))
        expect(page.locator("#verdict")).to_contain_text(
            "Consistent, but without the public beacon"
        )
        expect(page.locator("#found")).to_contain_text(f"with {TICKETS[other]} tickets")
        bundle, checked = verified(tmp_path, address, "--seen", posted_hash)
        assert checked.returncode == 2, checked.stdout
        assert "Nothing is wrong" in checked.stdout
        assert "WITHOUT THE PUBLIC BEACON" in checked.stdout
        platform = platform_of(winner)
        account = f"{platform}:{BY_HANDLE[winner].user_id_on(platform)}"
        assert bundle["picks"][0]["account"] == account


@pytest.mark.browser
def test_fake_public_beacon_is_shown_as_a_different_beacon(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey, page: Page
) -> None:
    """One line of `.env`: quicknet's hash, the operator's own key, and a start that makes a round
    of yesterday look like one to come."""
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        _hash, key, genesis, *rest = stage.settings.pop("DRAND_CHAIN").split(":")
        forged = ":".join([QUICKNET_HASH, key, str(int(genesis) + 24 * 60 * 60), *rest])
        (stage.folder / ".env").write_text(f"DRAND_CHAIN={forged}\n")
        set_beacon(stage, "drand.any_chain", True)
        stage.start().wait_well()
        stage.discord.wait_command("raffledraw")
        number = ended_raffle(stage, chain=forged)
        becomes(stage, asked_to_draw(stage), "is frozen")

        frozen = post(stage, "the tickets are frozen")
        assert "not the public one" in frozen["embeds"][0]["description"]
        won = post(stage, f"wins raffle #{number}")
        assert "WITHOUT the public beacon" in str(won["embeds"][0]["footer"])

        address = here(stage, url_in(frozen))
        page.goto(address)
        expect(page.locator("#verdict")).to_contain_text(
            "Consistent, but without the public beacon"
        )
        expect(page.locator("body")).to_contain_text("This is not the public beacon")
        seen = re.findall("[0-9a-f]{64}", str(frozen["embeds"]))
        bundle, checked = verified(tmp_path, address, "--online", "--seen", *seen)
        assert bundle["beacon"]["chain"].endswith(QUICKNET_HASH), "it was drawn with the forged one"
        assert checked.returncode == 2, checked.stdout
        assert "NOT THE PUBLIC ONE" in checked.stdout
        assert "WITHOUT THE PUBLIC BEACON" in checked.stdout
        assert "All is as promised" not in checked.stdout


def test_kill_during_beacon_outage_changes_nothing(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key, RAFFLE_AUTO_DRAW="true") as stage:
        first = stage.start()
        first.wait_well()
        beacon_is_away(stage, True)
        number = ended_raffle(stage, winners=2)
        stage.rows(
            "INSERT INTO guild_settings (guild_id, key, value, set_by)"
            " VALUES (:guild, 'raffle.grace_minutes', '0', 1) RETURNING 1",
            guild=GUILD,
        )
        frozen = fields(post(stage, "the tickets are frozen"))
        first.kill()

        second, third = stage.start(), stage.start_bot()
        second.wait_well()
        until(lambda: "drand" in str(second.health()[1]), "the trouble on the health page")
        assert drawn(stage, number) == []
        beacon_is_away(stage, False)
        until(lambda: len(drawn(stage, number)) == 2, "two winners")
        post(stage, "wins raffle")
        assert third.running
        until(
            lambda: sum("wins raffle" in title(m) for m in stage.discord.transcript(CHANNEL)) == 2,
            "both winners' messages",
        )
        titles = [title(m) for m in stage.discord.transcript(CHANNEL)]
        assert sum("frozen" in title for title in titles) == 1
        assert sum("wins raffle" in title for title in titles) == 2
        assert fields(post(stage, "the tickets are frozen")) == frozen
        assert len({handle for handle, _state in drawn(stage, number)}) == 2


def test_admin_can_draw_without_beacon_and_announcement_says_so(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        stage.start().wait_well()
        stage.discord.wait_command("raffledraw")
        number = ended_raffle(stage)
        becomes(stage, asked_to_draw(stage, without_beacon=True), "is frozen")
        frozen = post(stage, "the tickets are frozen")
        assert "without the public beacon" in frozen["embeds"][0]["description"]
        shown = post(stage, f"wins raffle #{number}")
        assert "WITHOUT the public beacon" in str(shown["embeds"][0]["footer"])


def test_second_draw_within_a_day_requires_two_confirmations(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        stage.start().wait_well()
        stage.discord.wait_command("raffledraw")
        first = ended_raffle(stage)
        question = becomes(stage, asked_to_draw(stage, without_beacon=True), "is frozen")
        assert question["components"] == [], "there is nothing more to press"
        post(stage, f"wins raffle #{first}")

        second = ended_raffle(stage, lasted=timedelta(milliseconds=1))
        question = becomes(stage, asked_to_draw(stage, without_beacon=True), "anyway?")
        assert "The last draw was <t:" in question["embeds"][0]["description"]
        stage.discord.click("nora", question["message_id"], custom_id_of(question, "Cancel"))
        question = becomes(stage, question["message_id"], "Cancelled. Nothing changed.")
        assert question["components"] == []
        assert stage.scalar("SELECT count(*) FROM raffle_draws") == 1

        asked = asked_to_draw(stage, without_beacon=True)
        question = becomes(stage, asked, "anyway?")
        sure = custom_id_of(question, "Draw without beacon")
        stage.discord.click("nora", question["message_id"], sure)
        becomes(stage, asked, "is frozen")
        post(stage, f"wins raffle #{second}")


def set_setting(stage: Stage, key: str, value: str) -> None:
    stage.rows(
        "INSERT INTO guild_settings (guild_id, key, value, set_by)"
        " VALUES (:guild, :key, CAST(:value AS jsonb), 1) RETURNING 1",
        guild=GUILD,
        key=key,
        value=value,
    )


def running_clock(stage: Stage) -> datetime:
    """The deadline of the one winner, once the time to claim has begun."""
    sql = "SELECT expires_at FROM raffle_picks WHERE claimable_since IS NOT NULL"
    return until(lambda: stage.rows(sql), "a running clock")[0][0]


def test_claim_deadline_pauses_while_bot_is_down(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        product = stage.start()
        product.wait_well()
        stage.discord.wait_command("raffledraw")
        set_setting(stage, "raffle.claim_minutes", "60")
        number = ended_raffle(stage)
        becomes(stage, asked_to_draw(stage, without_beacon=True), "is frozen")
        won = post(stage, f"wins raffle #{number}")
        [(winner, _state)] = drawn(stage, number)
        assert won["content"] == f"<@{BY_HANDLE[winner].discord_id}>"
        running_clock(stage)
        product.kill()

        # The winner has an hour, of which the bot has been down for two.
        with stage.database.begin() as tx:
            as_owner(tx, "UPDATE raffle_picks SET claimable_at = claimable_at - interval '2 hours'")
        stage.rows("UPDATE guilds SET reachable_at = reachable_at - interval '2 hours' RETURNING 1")
        before = running_clock(stage)
        stage.start().wait_well()
        more = until(lambda: running_clock(stage) - before, "more time")
        assert timedelta(hours=2) < more < timedelta(hours=2, minutes=10)
        claim = custom_id_of(won, "Claim the prize")
        pressed = stage.discord.click(winner, won["message_id"], claim)
        private_answer(stage, pressed, "Prize claimed!")
        post(stage, f"claimed the prize of raffle #{number}")
        mentions = [message for message in stage.discord.transcript(CHANNEL) if message["content"]]
        assert [mention["message_id"] for mention in mentions] == [won["message_id"]], (
            "one post for a win"
        )


def test_unreachable_winner_is_notified_in_another_channel(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with raffle_stage(tmp_path, postgres_url, signing_key) as stage:
        stage.start().wait_well()
        stage.discord.wait_command("raffledraw")
        mods = stage.discord.channel("mods-news", create=True)["channel_id"]
        set_setting(stage, "kick.admin_channel", str(mods))
        for handle in TICKETS:
            stage.discord.member(handle, dms_open=False)
        number = ended_raffle(stage)
        becomes(stage, asked_to_draw(stage, without_beacon=True), "is frozen")
        post(stage, f"wins raffle #{number}")
        [(winner, _state)] = drawn(stage, number)
        running_clock(stage)
        stage.discord.channel(CHANNEL, delete=True)
        notice = stage.discord.wait_for("mods-news", lambda m: "I couldn't notify" in title(m))
        assert "Their time to claim is paused" in notice["embeds"][0]["description"]

        changed = stage.asked("nora", "!settings set raffle.channel #general", "mods")
        assert "raffle.channel" in str(changed)
        again = stage.discord.wait_for("general", lambda m: "wins raffle" in title(m))
        assert again["content"] == f"<@{BY_HANDLE[winner].discord_id}>"
        claim = custom_id_of(again, "Claim the prize")
        pressed = stage.discord.click(winner, again["message_id"], claim)
        private_answer(stage, pressed, "Prize claimed!")
