"""How long it takes to find a misspelt game among 10,000, and how many slot requests a minute are
handled one by one, each in a transaction with its commit, while a panel shows the queue."""

import random
from statistics import median
from time import perf_counter

from benchmarks.figures import Results
from core.games import actions as games
from core.games.rules import Game, GameFile, Index
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.work import Work, run_in_guild
from core.slot_calls import actions, panel
from core.slot_calls.feature import FEATURE
from tests.slot_calls.scene import CHANNEL_ID, MODERATOR, NOON, chat_message

GUILD = 1_100_000_000_000_000_100
GAMES = 10_000
LOOKUPS = 300
REQUESTS = 500

_WORDS = (
    *("book", "gates", "wild", "dragon", "fire", "golden", "lucky", "fruit", "sugar", "sweet"),
    *("pirate", "queen", "king", "temple", "mystic", "big", "hot", "wolf", "buffalo", "mega"),
    *("magic", "star", "moon", "tiger", "joker", "gold", "crystal", "thunder", "shadow", "royal"),
)


def run(database: Database) -> Results:
    """`game_match_10k_ms`, the median of misspelt names, and `slot_requests_per_min`."""
    titles = _titles()
    index = Index([Game(title, "Somebody") for title in titles])
    chosen = random.Random(1).sample(titles, LOOKUPS)
    return {
        "game_match_10k_ms": median(_lookup(index, title) for title in chosen),
        "slot_requests_per_min": _requests(database, titles),
    }


def _titles() -> list[str]:
    dice = random.Random(2)
    found: dict[str, None] = {}
    while len(found) < GAMES:
        found[" ".join(dice.choices(_WORDS, k=dice.randint(3, 5)))] = None
    return list(found)


def _lookup(index: Index, title: str) -> float:
    typed = title[:2] + title[3:]  # a letter is missing
    began = perf_counter()
    index.find(typed)
    return (perf_counter() - began) * 1000


def _requests(database: Database, titles: list[str]) -> float:
    file = GameFile([Game(title, "Somebody", is_own=True) for title in titles])

    def prepare(work: Work) -> None:
        games.import_games(work, file)
        actions.configure(work, channel=CHANNEL_ID, cooldown_seconds=0, max_open=50)
        panel.post_panel(work, CHANNEL_ID)
        games.get_index(work)

    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        run_in_guild(tx, GUILD, MODERATOR, NOON, prepare)
    began = perf_counter()
    for number in range(1, REQUESTS + 1):
        line = f"!call {titles[number][:2]}{titles[number][3:]}"
        message = chat_message(GUILD, line, user_id=number, name=f"viewer{number}")
        with database.begin() as tx:
            FEATURE.chat_commands[0].run(tx, [message])
    return REQUESTS / (perf_counter() - began) * 60
