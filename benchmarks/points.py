"""How long the ledger of points takes for many viewers at once: a grant, and the stakes and payouts
of a round of a game, each in one transaction with its commit."""

from time import perf_counter

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.kit.database import Database
from core.kit.work import run_in_guild
from core.people import store as people
from core.people.records import GuildAccount
from core.points import actions, providers
from core.points.providers import Round
from core.points.rules import PointsSettings
from tests.slot_calls.scene import MODERATOR, NOON

GUILD = 1_100_000_000_000_000_100
VIEWERS = 10_000


def run(database: Database) -> Results:
    """`points_grant_10k_s`, `points_take_10k_s` and `points_pay_10k_s`."""
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        seen = [
            (GuildAccount(GUILD, "kick", number), f"viewer{number}", NOON)
            for number in range(1, VIEWERS + 1)
        ]
        viewer_ids = list(people.set_viewers(tx, seen).values())
        run_in_guild(tx, GUILD, MODERATOR, NOON, change_settings, PointsSettings, enabled=True)
    heist, stakes = Round("heist", 1), dict.fromkeys(viewer_ids, 100)
    payouts = dict.fromkeys(viewer_ids, 150)
    return {
        "points_grant_10k_s": _time(database, actions.grant_many, stakes, "add", "event", "1"),
        "points_take_10k_s": _time(database, providers.take, heist, "heist:1:take", stakes),
        "points_pay_10k_s": _time(database, providers.pay, heist, "heist:1:pay", payouts),
    }


def _time(database: Database, action, *given: object) -> float:  # type: ignore[no-untyped-def]
    began = perf_counter()
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, NOON, action, *given)
    return perf_counter() - began
