"""How fast tickets are written, and how fast a balance is computed over 1,000,000 entries.

Gifts are awarded one by one as the worker receives them, each in its own transaction with its
commit; and in one go, as after a gap. The balance is read as `/tickets` does, with rank, chance and
sources, in a raffle with 20,000 viewers of 50 entries each.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks.figures import Results
from core.drand.chain import QUICKNET
from core.events import Person, SubGifted
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.runtime.crypto import Vault
from core.raffle import actions as raffles
from core.raffle.actions import Config
from core.raffle.feature import FEATURE
from core.raffle.ledger import gifts, store
from core.raffle.records import Gift
from core.raffle.rules import RaffleSettings
from core.raffle.store import list_in_state

GUILD = 800_000_001
VIEWERS = 20_000
ENTRIES_EACH = 50
ONE_BY_ONE = 500
AT_ONCE = 10_000
LOOKS = 200

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
MIDDLE = START + timedelta(days=14)

_VIEWERS = text("""
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild, 'kick', n, 'viewer' || n, 'viewer' || n, '', :at
      FROM generate_series(1, :viewers) AS n
""")
_LINKS = text("""
    INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)
    SELECT guild_id, platform_user_id, platform, viewer_id, :at
      FROM people_viewers WHERE guild_id = :guild
""")
_ENTRIES = text("""
    INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at)
    SELECT v.guild_id, 1, v.viewer_id, (ARRAY['correction', 'gifted_sub', 'bonus'])[n % 3 + 1],
           1 + v.viewer_id % 20, 'bench:' || v.viewer_id || ':' || n, :at
      FROM people_viewers v, generate_series(1, :each) AS n WHERE v.guild_id = :guild
""")
_BALANCES = text("""
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets)
    SELECT guild_id, period, viewer_id, sum(amount) FROM raffle_entries
     WHERE guild_id = :guild GROUP BY 1, 2, 3
""")
_SOURCES = text("""
    INSERT INTO raffle_source_totals (guild_id, period, viewer_id, source, tickets, entries)
    SELECT guild_id, period, viewer_id, source, sum(amount), count(*) FROM raffle_entries
     WHERE guild_id = :guild GROUP BY 1, 2, 3, 4
""")


def fill(database: Database, guild_id: int = GUILD) -> list[int]:
    """A raffle with a million entries; returns the viewer ids."""
    config = Config(Vault([Fernet.generate_key().decode()]), QUICKNET, "https://regulars.example")
    words = {"guild": guild_id, "at": START, "viewers": VIEWERS, "each": ENTRIES_EACH}
    with database.begin() as tx:
        guilds.add_guild(tx, guild_id, "Benchmark")
        with Work(tx, guild_id, now=START) as work:
            raffles.open_period(
                work, config, START, END, RaffleSettings(channel=0, log_channel=0, prize="")
            )
        for statement in (_VIEWERS, _LINKS, _ENTRIES, _BALANCES, _SOURCES):
            tx.execute(
                statement, {k: v for k, v in words.items() if k in statement.compile().params}
            )
        found = tx.execute(
            text("SELECT viewer_id FROM people_viewers WHERE guild_id = :guild ORDER BY 1"), words
        )
        ids = list(found.scalars())
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
        plain.execute(text("VACUUM ANALYZE"))
    return ids


def gift(n: int) -> SubGifted:
    """The n-th gifted sub, each by somebody else."""
    at = MIDDLE + timedelta(seconds=n)
    user_id = n % VIEWERS + 1
    return SubGifted(
        key=f"{user_id}|{n}",
        guild_id=GUILD,
        at=at,
        platform="kick",
        channel_id=1,
        gifter=Person(user_id=user_id, name=f"viewer{user_id}"),
        giftee=Person(user_id=10_000_000 + n, name=f"giftee{n}"),
        drop=f"{user_id}|{at.isoformat()}",
    )


def award_one_by_one(database: Database) -> float:
    """Gifts a second, each heard alone."""
    events = [gift(n) for n in range(ONE_BY_ONE)]
    start = perf_counter()
    for event in events:
        with database.begin() as tx:
            FEATURE.batch_handlers[SubGifted](tx, [event])
    return ONE_BY_ONE / (perf_counter() - start)


def award_at_once(database: Database, viewer_ids: list[int]) -> float:
    """Gifts a second, all of them credited together."""
    with database.begin() as tx, Work(tx, GUILD, now=MIDDLE) as work:
        for n in range(AT_ONCE):
            viewer_id, key = ViewerId(viewer_ids[n % VIEWERS]), f"late {n}"
            work.add(Gift(key=key, viewer_id=viewer_id, drop=key, at=MIDDLE))
    start = perf_counter()
    with database.begin() as tx, Work(tx, GUILD, now=MIDDLE) as work:
        for period in list_in_state(work, "open"):
            gifts.credit_gifts_of(work, period)
    return AT_ONCE / (perf_counter() - start)


def milliseconds(look: Callable[[int], object], viewer_ids: list[int]) -> float:
    """The median of many looks, at viewers all over the raffle."""
    times = []
    for viewer_id in viewer_ids[:: VIEWERS // LOOKS]:
        start = perf_counter()
        look(viewer_id)
        times.append(perf_counter() - start)
    return median(times) * 1000


def run(database: Database) -> Results:
    """Give it its own database, with the schema: its entries stay."""
    viewer_ids = fill(database)

    def balance(viewer_id: int) -> None:
        with database.begin() as tx, Work(tx, GUILD, now=MIDDLE) as work:
            store.get_balance(work, 1, viewer_id)

    def card(viewer_id: int) -> None:
        with database.begin() as tx, Work(tx, GUILD, now=MIDDLE) as work:
            store.get_own(work, 1, viewer_id)

    start = perf_counter()
    with database.begin() as tx:
        assert store.list_drift(tx) == []
    audit = perf_counter() - start
    return {
        "raffle_balance_ms": milliseconds(balance, viewer_ids),
        "raffle_card_ms": milliseconds(card, viewer_ids),
        "raffle_audit_1m_s": audit,
        "raffle_gifts_one_by_one_per_s": award_one_by_one(database),
        "raffle_gifts_at_once_per_s": award_at_once(database, viewer_ids),
    }
