"""The bot notices in the fake Discord when a channel closes, and when it works again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kick.feature import FEATURE as KICK
from core.kit.database.connection import Database
from core.outbox import actions as outbox
from core.outbox.records import messages
from core.settings import actions
from core.settings.feature import make_feature
from core.slot_calls.feature import FEATURE as SLOT_CALLS
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID as GUILD
from tests.acting import act
from tests.bot_rig import Asker, bot_in_discord
from tests.patience import until

NEEDED = ["VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS"]
NORA = 1


@pytest.fixture
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    features = SLOT_CALLS, make_feature((KICK, SLOT_CALLS))
    with bot_in_discord(database, *features, until="slotcalls status") as (driver, _bot):
        yield driver


def notices(database: Database) -> list[str]:
    with database.begin() as tx:
        found = select(messages.c.payload).where(messages.c.kind == actions.CHANNEL_TROUBLE)
        return [
            payload["reason"] for payload in tx.execute(found.order_by(messages.c.id)).scalars()
        ]


def test_channel_problems_are_detected_and_resolved(
    database: Database, discord_world: DiscordDriver
) -> None:
    slots = int(discord_world.channel("slots", create=True)["channel_id"])
    admins = int(discord_world.channel("admins", create=True)["channel_id"])
    ask = Asker(discord_world, "slotcalls", typing=False)
    with database.begin() as tx:
        act(tx, GUILD, change_setting, ADMIN_CHANNEL, admins, actor=NORA)

    def becomes(mark: str, words: str) -> None:
        def shown() -> bool:
            embed = ask("status")
            return embed["title"].startswith(mark) and words in embed["description"]

        until(shown, f"{mark} {words}")

    ask("channel", channel=slots)
    becomes("🟢", "")
    discord_world.overwrite("slots", "bot", deny=["SEND_MESSAGES"])
    becomes("⚠️", "Send Messages")
    with database.begin() as tx:
        payload = {
            "number": 1,
            "slot": "Book of Dead",
            "viewer": "MadCats",
            "platform": "kick",
            "called_at": "2026-05-01T12:00:00+00:00",
            "state": "open",
            "closed_by": None,
        }
        act(tx, GUILD, outbox.post_to_channel, slots, "slot_calls.post", "one", payload)
    until(lambda: state(database) == "dead", "Discord's refusal")
    discord_world.overwrite("slots", "bot", allow=NEEDED)
    becomes("🟢", "")
    until(lambda: state(database) == "sent", "the post that waited")
    assert notices(database) == ["forbidden"]
    discord_world.channel("slots", delete=True)
    becomes("⚠️", "deleted")
    assert notices(database) == ["forbidden", "deleted"]


def state(database: Database) -> str | None:
    with database.begin() as tx:
        found: str | None = tx.execute(
            select(messages.c.state).where(messages.c.kind == "slot_calls.post")
        ).scalar()
        return found
