"""How long the ledger of points takes for many viewers at once: a grant, and the stakes and payouts
of a round of a game, each in one transaction with its commit. Then the leaderboard and
the audit with 100,000 viewers, as multiples of what 10,000 take: ten would be linear."""

from statistics import median
from time import perf_counter

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.people import store as people
from core.people.records import GuildAccount
from core.points import actions, providers, store
from core.points.providers import Round
from core.points.rules import PointsSettings
from tests.slot_calls.scene import MODERATOR, NOON

GUILD = 1_100_000_000_000_000_100
VIEWERS = 10_000
MANY = 100_000
ROUNDS = 5


def run(database: Database) -> Results:
    """Seconds and ratios by name."""
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        seen = [
            people.Seen(GuildAccount(GUILD, "kick", number), f"viewer{number}", NOON)
            for number in range(1, VIEWERS + 1)
        ]
        viewer_ids = list(people.set_viewers(tx, seen).values())
        run_in_guild(tx, GUILD, MODERATOR, NOON, change_settings, PointsSettings, enabled=True)
    heist, stakes = Round("heist", 1), dict.fromkeys(viewer_ids, 100)
    payouts = dict.fromkeys(viewer_ids, 150)
    results = {
        "points_grant_10k_s": _time(database, actions.grant_many, stakes, "add", "event", "1"),
        "points_take_10k_s": _time(database, providers.take, heist, "heist:1:take", stakes),
        "points_pay_10k_s": _time(database, providers.pay, heist, "heist:1:pay", payouts),
    }
    few = _read(database)
    with database.begin() as tx:
        seen = [
            people.Seen(GuildAccount(GUILD, "kick", number), f"viewer{number}", NOON)
            for number in range(VIEWERS + 1, MANY + 1)
        ]
        more = list(people.set_viewers(tx, seen).values())
    for start in range(0, len(more), VIEWERS):
        amounts = dict.fromkeys(more[start : start + VIEWERS], 100 + start)
        _time(database, actions.grant_many, amounts, "add", "event", f"more{start}")
    many = _read(database)
    results |= {f"points_{name}_100k_s": seconds for name, seconds in many.items()}
    return results | {f"points_{name}_growth": many[name] / few[name] for name in many}


def _read(database: Database) -> dict[str, float]:
    """Medians: a page of the leaderboard, somebody's place, the audit."""
    with database.begin() as tx:
        (viewer_id,) = tx.exec_driver_sql(
            f"SELECT max(viewer_id) FROM points_balances WHERE guild_id = {GUILD}"
        ).one()
    times: dict[str, list[float]] = {"board": [], "place": [], "audit": []}
    for _round in range(ROUNDS):
        times["board"].append(_time(database, store.list_places, 25, 0))
        times["place"].append(_time(database, store.get_place, viewer_id))
        times["audit"].append(_time(database, lambda work: store.list_drift(work.tx)))
    return {name: median(taken) for name, taken in times.items()}


def _time(database: Database, action, *given: object) -> float:  # type: ignore[no-untyped-def]
    began = perf_counter()
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, NOON, action, *given)
    return perf_counter() - began
