"""How many joins a second are handled in batches of 50, each in a transaction with its commit, and
how long it takes to roll and pay 10,000 players."""

from datetime import timedelta
from time import perf_counter

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.heist import actions, store
from core.heist.feature import FEATURE
from core.heist.joining import join
from core.heist.rules import HeistSettings
from core.kit.database.connection import Database
from core.kit.database.work import Work, run_in_guild
from core.people import store as people
from core.people.records import GuildAccount
from core.points import ledger
from core.points.ledger import NewEntry
from core.points.rules import PointsSettings
from tests.heist.scene import CHAIN, answer
from tests.slot_calls.scene import MODERATOR, NOON, chat_message

GUILD = 1_100_000_000_000_000_101
JOINS, BATCH = 1000, 50
PLAYERS = 10_000


def run(database: Database) -> Results:
    """`heist_joins_per_s` and `heist_payout_10k_s`."""
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        run_in_guild(tx, GUILD, MODERATOR, NOON, _prepare)
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, NOON, actions.start)
    return {"heist_joins_per_s": _joins(database), "heist_payout_10k_s": _payout(database)}


def _prepare(work: Work) -> None:
    change_settings(work, PointsSettings, enabled=True)
    change_settings(work, HeistSettings, start_heist_cooldown=0, user_cooldown=0)
    seen = [
        people.Seen(GuildAccount(GUILD, "kick", n), f"viewer{n}", NOON)
        for n in range(1, PLAYERS + 1)
    ]
    viewer_ids = people.set_viewers(work.tx, seen).values()
    new = [
        NewEntry(f"benchmark:{viewer_id}", viewer_id, "earned", 1_000_000)
        for viewer_id in viewer_ids
    ]
    ledger.post(work, "benchmark", new)


def _joins(database: Database) -> float:
    lines = [
        chat_message(GUILD, "!join 100 high", user_id=n, name=f"viewer{n}", seconds=1)
        for n in range(1, JOINS + 1)
    ]
    command = next(command for command in FEATURE.chat_commands if command.names == ("join",))
    began = perf_counter()
    for start in range(0, JOINS, BATCH):
        with database.begin() as tx:
            command.run(tx, lines[start : start + BATCH])
    return JOINS / (perf_counter() - began)


def _payout(database: Database) -> float:
    """All others join in one batch; then from the beacon's number to the last balance."""
    lines = [
        chat_message(GUILD, "!join 100 high", user_id=n, name=f"viewer{n}", seconds=2)
        for n in range(JOINS + 1, PLAYERS + 1)
    ]
    later = NOON + timedelta(seconds=70)
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, NOON, join, lines)
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, later, actions.lock, 1, CHAIN)
    with database.begin() as tx:
        run_in_guild(tx, GUILD, MODERATOR, later, _take_round)
    began = perf_counter()
    for step in (actions.roll, actions.pay):
        with database.begin() as tx:
            assert run_in_guild(tx, GUILD, MODERATOR, later, step, 1)
    return perf_counter() - began


def _take_round(work: Work) -> None:
    heist = store.find_running(work)
    assert heist is not None
    assert heist.players == PLAYERS, heist.players
    random = answer(heist)
    heist.randomness, heist.signature = random.randomness, random.signature
    heist.state = "resolving"
