"""`/tier` as a slash command and typed, in the sandbox's Discord with a real client."""

from collections.abc import Iterator

import pytest

from core.kit.database.connection import Database
from core.kit.runtime.clock import utc_now
from core.people import store as people
from core.tiers.feature import FEATURE
from core.tiers.store import TierReport, set_tiers
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import BY_HANDLE
from tests.bot_rig import Asker, bot_in_discord


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with this feature alone. Mia has linked accounts on both platforms, Ada none."""
    with bot_in_discord(database, FEATURE, until="tier") as (driver, _bot):
        now, guild = utc_now(), NORAS_CORNER_ID
        mia = BY_HANDLE["mia"].discord_id
        with database.begin() as tx:
            viewers = {
                platform: people.set_viewer(tx, guild, platform, user_id, "MadCats", now)
                for platform, user_id in (("kick", 901), ("twitch", 902))
            }
            for platform, viewer_id in viewers.items():
                people.add_link(tx, guild, mia, platform, viewer_id, now)
            set_tiers(tx, [TierReport(guild, viewers["twitch"], "event", "3000", now)])
            other = people.set_viewer(tx, guild, "twitch", 903, "ada", now)
            set_tiers(tx, [TierReport(guild, other, "widget", "prime", now)])
        yield driver


@pytest.fixture(params=[False, True], ids=["slash", "typed"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return Asker(world, typing=request.param)


def test_viewers_see_their_own_tier_on_each_platform(ask: Asker) -> None:
    shown = ask("tier", person="mia")["description"]
    assert "**Kick · MadCats: No subscription**" in shown
    assert "**Twitch · MadCats: Tier 3**" in shown
    assert "Tier 3 from a subscription or gift" in shown
    assert "moderators" in str(ask("tier", person="mia", who="ada"))
    assert "/link" in str(ask("tier", person="leo"))


def test_moderators_see_anybodys_tier_and_where_it_is_known_from(ask: Asker) -> None:
    shown = ask("tier", who="ada")
    assert shown["title"] == "⭐ ada: Prime"
    assert "Prime from the StreamElements widget" in shown["description"]
    mention = f"<@{BY_HANDLE['mia'].discord_id}>"
    assert "Tier 3" in str(ask("tier", who=mention))
