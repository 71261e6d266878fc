"""A look at 10,000 linked members of whom 1 % have changed, and what it asks of Discord.

Three roles; everybody has what they have earned, until some reach the next role, some unlink and
some are corrected below a threshold. Measured is the look as a whole transaction, commit included,
then a second one that finds nothing; both start from what the bot's cache would say. The calls
are counted at the transport, behind the real outbox and its real sender: they have to be as many as
roles that members lack or hold too much, which is computed apart, member by member.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import text

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.outbox.records import Outgoing
from core.outbox.sender import Sender
from core.outbox.transport import Receipt
from core.roles.feature import FEATURE
from core.roles.reconcile import KIND, Seen, reconcile
from core.roles.rules import Role

MEMBERS = 10_000
CHANGED = 100
GUILD = 910_000_000
"""Out of the way of others in the same database."""

THRESHOLDS = {11: 60, 12: 600, 13: 6_000}
NOW = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
TIMEOUT_SECONDS = 60

Held = dict[int, set[int]]
Minutes = dict[int, int | None]

_ADD_MEMBERS = text("""
    WITH added AS (
        INSERT INTO people_viewers
               (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
        SELECT :guild_id, 'kick', n, 'viewer' || n, 'viewer' || n, '', :now
          FROM generate_series(1, :members) AS n
        RETURNING viewer_id, platform_user_id
    ), linked AS (
        INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)
        SELECT :guild_id, platform_user_id, 'kick', viewer_id, :now FROM added
    )
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT :guild_id, viewer_id, platform_user_id % 7000 * INTERVAL '1 minute' FROM added
""")
_ADD_REWARD = text("""
    INSERT INTO roles_rewards (guild_id, role_id, minutes, name, added_by, added_at, checked_terms)
    VALUES (:guild_id, :role_id, :minutes, 'role', 1, :now, :minutes || ' stack')
""")
_ADD_GRANTS = text("""
    INSERT INTO roles_grants (guild_id, discord_id, role_id, state, reason, number, at)
    SELECT :guild_id, l.discord_id, r.role_id, 'given', 'reached',
           row_number() OVER (), CAST(:now AS timestamptz) - INTERVAL '1 day'
      FROM people_links l
      JOIN watchtime_totals t USING (guild_id, viewer_id)
      JOIN roles_rewards r USING (guild_id)
     WHERE l.guild_id = :guild_id AND t.watched >= r.minutes * INTERVAL '1 minute'
""")
_ADD_NUMBER = text("""
    INSERT INTO roles_checks (guild_id, number)
    SELECT guild_id, max(number) FROM roles_grants WHERE guild_id = :guild_id GROUP BY guild_id
""")
_SET_MINUTES = text("""
    UPDATE watchtime_totals t SET credited = :minutes * INTERVAL '1 minute'
      FROM people_links l
     WHERE l.guild_id = :guild_id AND l.discord_id = :member
       AND t.guild_id = l.guild_id AND t.viewer_id = l.viewer_id
""")
_UNLINK = text("DELETE FROM people_links WHERE guild_id = :guild_id AND discord_id = :member")


class Discord:
    """Counts what is asked of it, and does it."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.calls = 0

    async def deliver(self, message: Outgoing) -> Receipt:
        target, self.calls = message.target, self.calls + 1
        roles = self.held[target["member_id"]]
        (roles.add if target["act"] == "give" else roles.discard)(target["role_id"])
        return {"done": True}

    async def confirm(self, _message: Outgoing) -> Receipt | None:
        return None


def run(database: Database) -> Results:
    """Seconds of the two checks, changes needed and calls made. Give it its own database."""
    minutes: Minutes = {n: n % 7000 for n in range(1, MEMBERS + 1)}
    _prepare(database)
    discord = Discord({n: set(_earned(watched)) for n, watched in minutes.items()})
    _change(database, minutes)
    needed = sum(len(discord.held[n] ^ set(_earned(minutes[n]))) for n in minutes)
    first = _look(database, discord.held, NOW)
    asyncio.run(_send(database, discord, needed))
    second = _look(database, discord.held, NOW + timedelta(hours=1))
    if discord.calls != needed or _asked(database):
        raise AssertionError(f"{discord.calls} calls for {needed} changes")
    return {
        "role_look_10k_s": first,
        "role_look_10k_without_news_s": second,
        "role_changes_needed": needed,
        "role_calls_made": discord.calls,
    }


def _earned(watched: int | None) -> Iterable[int]:
    return [r for r, needed in THRESHOLDS.items() if watched is not None and watched >= needed]


def _prepare(database: Database) -> None:
    key = {"guild_id": GUILD, "now": NOW}
    with database.begin() as tx:
        guilds.set_guild(tx, GUILD, "benchmark")
        tx.execute(_ADD_MEMBERS, {**key, "members": MEMBERS})
        for role_id, minutes in THRESHOLDS.items():
            tx.execute(_ADD_REWARD, {**key, "role_id": role_id, "minutes": minutes})
        tx.execute(_ADD_GRANTS, key)
        tx.execute(_ADD_NUMBER, key)
    with database.begin() as tx:
        tx.execute(text("ANALYZE"))


def _change(database: Database, minutes: Minutes) -> None:
    """Every hundredth member: one gains the highest role, one unlinks, one is corrected to 0."""
    with database.begin() as tx:
        for place, member in enumerate(range(CHANGED, MEMBERS + 1, MEMBERS // CHANGED)):
            key = {"guild_id": GUILD, "member": member}
            if place % 3 == 0:
                minutes[member] = None
                tx.execute(_UNLINK, key)
            else:
                minutes[member] = 6_500 if place % 3 == 1 else 0
                tx.execute(_SET_MINUTES, {**key, "minutes": minutes[member]})


def _look(database: Database, held: Held, now: datetime) -> float:
    roles: Mapping[int, Role] = {role_id: Role("role") for role_id in THRESHOLDS}
    seen = Seen(roles, {n: frozenset(roles) for n, roles in held.items()}, everybody=True)
    began = perf_counter()
    with database.begin() as tx:
        run_in_guild(tx, GUILD, 0, now, reconcile, seen)
    return perf_counter() - began


async def _send(database: Database, discord: Discord, needed: int) -> None:
    sender = Sender(database, {"discord": discord}, settlers={KIND: FEATURE.settles[KIND]})
    sending = asyncio.create_task(sender.run())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while _asked(database):
            await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert discord.calls >= needed


def _asked(database: Database) -> int:
    with database.begin() as tx:
        return int(
            tx.execute(
                text(
                    "SELECT count(*) FROM outbox_messages"
                    " WHERE guild_id = :guild_id AND state IN ('waiting', 'sending')"
                ),
                {"guild_id": GUILD},
            ).scalar_one()
        )
