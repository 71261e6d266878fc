"""Nothing that the bot sends to Discord pings anybody but the person whom it is about, whatever
people are called: read from the bodies of its requests, in every way in which it posts."""

import ast
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

from core.features import load_features
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.runtime.clock import utc_now
from core.outbox.records import messages as outbox
from core.people import store as people
from core.slot_calls import feature as slot_calls
from sandbox.discord import drafts, interactions, rest_interactions, rest_messages
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID as GUILD
from tests.bot_rig import bot_in_discord
from tests.conventions.tree import ROOT, parsed
from tests.outbox.test_discord_transport import GENERAL, Rig, keep_receipt, outgoing, rig
from tests.outbox.test_roles import MIA
from tests.patience import until
from tests.slot_calls.scene import KICK_CHANNEL, chat_message
from tests.test_every_command import CHANNEL, DESCRIBED, ROLE, registered

__all__ = ["rig"]

Json = dict[str, Any]

REGULAR = GUILD + 1
HOSTILE = f"@everyone@here<@&{REGULAR}><@{MIA}>"
"""A name, a reason, a game: everything that people write."""


class Recorder:
    """The sandbox's reader of message bodies, which keeps what the bot sent."""

    def __init__(self) -> None:
        self.bodies: list[Json] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(drafts, name)

    def read(self, body: Json, *rest: Any, **given: Any) -> drafts.Draft:
        self.bodies.append(body)
        return drafts.read(body, *rest, **given)

    def pinged(self) -> set[int]:
        """Whom any body since the last time pings. None lets Discord read pings from the text."""
        found, self.bodies = self.bodies, []
        assert found, "nothing was sent"
        for body in found:
            allowed: Mapping[str, Any] | None = body.get("allowed_mentions")
            assert allowed is not None, f"Discord decides who is pinged: {body}"
            assert {"parse", "roles", "replied_user"} & _set_in(allowed) == set(), body
        return {
            int(user_id) for body in found for user_id in body["allowed_mentions"].get("users", ())
        }


def _set_in(allowed: Mapping[str, Any]) -> set[str]:
    return {name for name, value in allowed.items() if value}


WHERE_BODIES_ARRIVE: tuple[ModuleType, ...] = (rest_messages, rest_interactions, interactions)
"""Messages and their edits; webhooks, followups and their edits; answers to interactions."""


@pytest.fixture(scope="module")
def wire() -> Iterator[Recorder]:
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        for module in WHERE_BODIES_ARRIVE:
            patch.setattr(module, "drafts", recorder)
        yield recorder


@pytest.fixture(scope="module")
def discord(database: Database, wire: Recorder) -> Iterator[DiscordDriver]:
    given = bot_in_discord(
        database, *load_features(), until="auditlog", flask_secret_key="a-key-for-tests-only"
    )
    with given as (driver, _bot):
        driver.fault(ratelimit_messages=10_000)
        yield driver


TAKING_TEXT = [
    name
    for name, command in DESCRIBED.items()
    if any(each["name"] not in ("channel", "role") for each in command["arguments"])
]


def test_no_command_pings_whom_it_repeats(discord: DiscordDriver, wire: Recorder) -> None:
    """Answers to slash commands and to typed ones, deferred or not."""
    wire.bodies.clear()
    for name in TAKING_TEXT:
        path, options = registered(discord, name)
        given: Json = {}
        for option in options:
            if option["type"] == 3 and not option.get("choices"):
                given[option["name"]] = HOSTILE
            elif option.get("required"):
                given[option["name"]] = _plain(option)
        answered = discord.slash("nora", "general", path, given)
        until(
            lambda: discord.interaction(answered["interaction_id"])["response"],  # noqa: B023
            f"an answer to /{path}",
        )
        line = discord.message("nora", "general", f"!{name} {HOSTILE}")
        discord.wait_for("general", lambda message: message["author"] == "bot", after=line)
    assert wire.pinged() == set()


def _plain(option: Mapping[str, Any]) -> Any:
    if option.get("choices"):
        return option["choices"][0]["value"]
    named = {CHANNEL: "general", ROLE: "Regular", 5: False}
    return named.get(option["type"], max(1, option.get("min_value", 1)))


def test_no_button_question_or_post_pings_anybody(
    discord: DiscordDriver, wire: Recorder, database: Database
) -> None:
    """Choices, their answers, posts of the outbox and their edits, and notes only for one."""
    wire.bodies.clear()
    with database.begin() as tx:
        guilds.set_channel(tx, guilds.Channel(GUILD, "kick", KICK_CHANNEL, "noraplays"))
        for platform, user_id in (("kick", 41), ("twitch", 42)):
            people.set_viewer(tx, GUILD, platform, user_id, HOSTILE, utc_now())
    discord.slash("nora", "mods", "exclude add", {"who": HOSTILE, "reason": HOSTILE})
    asked = discord.transcript("mods")[-1]
    choice = asked["components"][0]["components"][0]["custom_id"]
    discord.click("nora", asked["message_id"], choice)
    discord.slash("nora", "mods", "slotcalls channel", {"channel": "slot-calls"})
    with database.begin() as tx:
        call, *_others = slot_calls.FEATURE.chat_commands
        call.run(tx, [chat_message(GUILD, f"!call {HOSTILE}", user_id=9, name=HOSTILE)])
    post = discord.wait_for("slot-calls", lambda message: message["author"] == "bot")
    custom_id = post["components"][0]["components"][0]["custom_id"]
    for person in ("leo", "nora"):  # refused, and done
        discord.click(person, post["message_id"], custom_id)
    until(lambda: _all_sent(database), "the edit of the post")
    assert wire.pinged() == set()


def _all_sent(database: Database) -> bool:
    with database.begin() as tx:
        waiting = select(outbox.c.id).where(outbox.c.state.in_(("waiting", "sending")))
        discords = waiting.where(outbox.c.service == "discord")
        return tx.execute(discords).first() is None


async def test_the_outbox_pings_only_who_is_called(rig: Rig, wire: Recorder) -> None:
    """Posts, edits and direct messages, also from a process without a default."""
    wire.bodies.clear()
    posted = outgoing(HOSTILE, payload={"title": HOSTILE, "calls": MIA})
    keep_receipt(rig.database, await rig.transport.deliver(posted))
    assert wire.pinged() == {MIA}, "the winner of a raffle"
    await rig.transport.deliver(outgoing(HOSTILE, target={"user_id": MIA}))
    await rig.transport.deliver(
        outgoing(HOSTILE, target={"channel_id": GENERAL, "edits": "original"})
    )
    assert len(wire.bodies) == 2
    assert wire.pinged() == set()


OWN_MENTIONS = {
    "core/kit/discord/ui.py",  # nobody, which is the default of everything that the bot sends
    "core/outbox/discord_transport.py",  # the winner of a raffle
    "core/people/panels/reactions.py",  # whose direct messages are closed
}


def test_nothing_else_decides_whom_it_pings() -> None:
    """Or goes around discord.py's client, which adds the default to all bodies."""
    found = set()
    for file in (ROOT / "bot.py", *(ROOT / "core").rglob("*.py")):
        for node in ast.walk(parsed(file)):
            match node:
                case ast.Attribute(attr="AllowedMentions" | "send_message_raw" | "Webhook"):
                    found.add(str(file.relative_to(ROOT)))
    assert found == OWN_MENTIONS
