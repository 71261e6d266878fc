"""How long a lookup of a viewer's subscription tier takes, and how many subscription events are
cached per minute, with 10,000 viewers of three sources each.
"""

from datetime import timedelta
from statistics import median
from time import perf_counter

from benchmarks.figures import Results
from core.events import Person, SubscriptionStarted
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.people import store as people
from core.people.records import GuildAccount
from core.tiers.actions import lookup, remember
from core.tiers.store import TierReport, set_tiers
from tests.slot_calls.scene import NOON

GUILD = 1_100_000_000_000_000_200
VIEWERS = 10_000
LOOKUPS = 300
AT_ONCE = 100


def run(database: Database) -> Results:
    """`tier_lookup_ms` (cached lookups only, no API calls) and `tiers_cached_per_min`."""
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "Nora's Corner")
        seen = [
            people.Seen(GuildAccount(GUILD, "twitch", number), f"viewer{number}", NOON)
            for number in range(1, VIEWERS + 1)
        ]
        viewer_ids = list(people.set_viewers(tx, seen).values())
        for source in ("event", "notice", "streamelements"):
            set_tiers(
                tx, [TierReport(GUILD, viewer_id, source, "1000", NOON) for viewer_id in viewer_ids]
            )
    waits = []
    with database.begin() as tx, Work(tx, GUILD, now=NOON) as work:
        for viewer_id in viewer_ids[:LOOKUPS]:
            began = perf_counter()
            lookup(work, [viewer_id], {viewer_id: "1000"})
            waits.append(perf_counter() - began)
    events = [
        SubscriptionStarted(
            key=str(number),
            guild_id=GUILD,
            at=NOON + timedelta(seconds=number),
            platform="twitch",
            channel_id=1,
            subscriber=Person(user_id=number, name=f"viewer{number}"),
            tier="3000",
        )
        for number in range(1, VIEWERS + 1)
    ]
    began = perf_counter()
    for start in range(0, VIEWERS, AT_ONCE):
        with database.begin() as tx:
            remember(tx, events[start : start + AT_ONCE])
    took = perf_counter() - began
    return {
        "tier_lookup_ms": 1000 * median(waits),
        "tiers_cached_per_min": 60 * VIEWERS / took,
    }
