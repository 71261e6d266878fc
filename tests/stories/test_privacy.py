"""A member requests their data and its deletion, in Discord."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.kick.signing import SigningKey
from tests.patience import PATIENCE, until
from tests.stories.stage import SHORT_LEASE, Stage, open_stage, title

Json = dict[str, Any]

MIA, MIA_ON_KICK = 310_000_000_000_000_003, 4_100_003


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("privacy"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("forgetme")
        yield opened


@pytest.fixture(autouse=True)
def open_messages(stage: Stage) -> None:
    for person in ("mia", "leo"):
        stage.discord.member(person, dms_open=True)


def link(stage: Stage) -> int:
    """Mia has chatted and is linked; her viewer id."""
    message_id = stage.kick.chat("mia", "hello from mia")
    state = "SELECT state FROM inbox_deliveries WHERE body->>'message_id' = :id"
    until(lambda: stage.scalar(state, id=message_id) == "done", "what mia said to be handled")
    viewer_id = stage.scalar(
        "SELECT viewer_id FROM people_viewers WHERE platform_user_id = :id", id=MIA_ON_KICK
    )
    with stage.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)"
            " SELECT guild_id, %(mia)s, platform, viewer_id, now()"
            "  FROM people_viewers WHERE viewer_id = %(viewer)s ON CONFLICT DO NOTHING",
            {"mia": MIA, "viewer": viewer_id},
        )
    return int(viewer_id)


def file_in(message: Json) -> Json:
    """What is in the attached file."""
    url = message["attachments"][0]["url"]
    return dict(json.loads(requests.get(url, timeout=PATIENCE).content))


def buttons(message: Json) -> dict[str, str]:
    """Label -> custom id."""
    return {
        component["label"]: component["custom_id"]
        for row in message["components"]
        for component in row["components"]
    }


def field_names(message: Json) -> list[str]:
    return [field["name"] for field in message["embeds"][0]["fields"]]


def test_mydata_is_sent_by_dm(stage: Stage) -> None:
    link(stage)
    answer = stage.discord.slash("mia", "general", "mydata")["response"]
    assert answer["ephemeral"] is True
    message = stage.discord.wait_for("dm:mia", lambda m: bool(m["attachments"]))
    sent = file_in(message)
    assert sent["linked_accounts"][0]["user_id_there"] == MIA_ON_KICK
    assert any(event.get("content") == "hello from mia" for event in sent["received_from_kick"])


def test_mydata_with_closed_dms_is_sent_privately(stage: Stage) -> None:
    stage.discord.member("leo", dms_open=False)
    answer = stage.discord.slash("leo", "general", "mydata")["response"]
    assert answer["ephemeral"] is True
    assert file_in(answer)["linked_accounts"] == []
    assert field_names(answer) == ["No account is linked"]
    asked = stage.discord.message("leo", "general", "!mydata")
    said = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    assert said["attachments"] == []
    pressed = stage.discord.click("leo", said["message_id"], buttons(said)["Show my data"])
    answered = until(lambda: with_a_file(stage, pressed), "an answer with a file")
    assert answered["ephemeral_for"] == "leo"


def with_a_file(stage: Stage, pressed: Json) -> Json | None:
    """The answer to an interaction that has a file."""
    known = stage.discord.interaction(pressed["interaction_id"])
    answers = (known["response"], *known["followups"])
    return next((answer for answer in answers if answer and answer["attachments"]), None)


def test_forgotten_member_can_link_again(stage: Stage) -> None:
    viewer_id = link(stage)
    asked = stage.discord.message("mia", "general", "!forgetme")
    question = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    assert field_names(question) == ["Deleted", "Kept"]
    yes = buttons(question)["Delete my data"]

    nosy = stage.discord.click("leo", question["message_id"], yes)["response"]
    assert nosy["ephemeral"] is True
    assert "Only the person who ran this" in nosy["embeds"][0]["title"]
    assert stage.scalar("SELECT count(*) FROM people_links") == 1

    stage.product.kill()
    stage.start().wait_well()
    stage.discord.click("mia", question["message_id"], yes)
    stage.discord.wait_for("general", lambda m: title(m) == "🧹 Your data was deleted")
    assert stage.scalar("SELECT count(*) FROM people_links") == 0
    assert stage.rows("SELECT name, platform_user_id FROM people_viewers") == [
        (f"forgotten-{viewer_id}", -viewer_id)
    ]
    assert stage.scalar("SELECT count(*) FROM watchtime_days") == 0
    chat = "SELECT count(*) FROM inbox_deliveries WHERE body::text ILIKE '%hello from mia%'"
    assert stage.scalar(chat) == 0

    stage.kick.chat("mia", "back again")
    until(
        lambda: (
            stage.scalar(
                "SELECT viewer_id FROM people_viewers WHERE platform_user_id = :id", id=MIA_ON_KICK
            )
            == viewer_id
        ),
        "the same viewer again: the key is the installation's, and outlives a restart",
    )
    assert stage.scalar("SELECT count(*) FROM people_tombstones") == 0


def test_forgetme_can_be_cancelled(stage: Stage) -> None:
    link(stage)
    answer = stage.discord.slash("mia", "general", "forgetme")["response"]
    stage.discord.click("mia", answer["id"], buttons(answer)["Cancel"])
    assert stage.scalar("SELECT count(*) FROM people_links") == 1


def test_forgetme_without_link_explains_what_is_not_covered(stage: Stage) -> None:
    question = stage.discord.slash("leo", "general", "forgetme")["response"]
    assert field_names(question)[-1] == "No account is linked"
    assert "run `/link` first" in question["embeds"][0]["fields"][-1]["value"]


def test_privacy_and_terms_pages_are_served(stage: Stage) -> None:
    assert "<h1>Privacy</h1>" in stage.product.get("/privacy").text
    assert "<h1>Terms</h1>" in stage.product.get("/terms").text
