"""Queries for frozen lists and winners."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select, text, update

from core.drand.chain import QUICKNET, Round
from core.draws.picks import SkipReason
from core.draws.rounds import is_public
from core.guilds.tables import guilds
from core.kit.work import ACROSS_GUILDS
from core.people.tables import viewers
from core.raffle.draw.rules import ClaimClock
from core.raffle.draw.tables import draws, picks
from core.raffle.records import Announcement, Period
from core.raffle.store import fetch

PickState = Literal["drawn", "claimed", "delivered", "expired", "skipped"]

_ACCOUNT = func.concat(viewers.c.platform, ":", viewers.c.platform_user_id).label("account")

WINNING = ("drawn", "claimed", "delivered")
"""The states of winners who have, or can still claim, a prize."""


# -- holders of tickets -------------------------------------------------------------------------


# Linked viewers who are not excluded can win. An account has at most one link.
_HOLDERS = """
      FROM raffle_balances AS b
      LEFT JOIN people_links l ON l.guild_id = b.guild_id AND l.viewer_id = b.viewer_id
       AND NOT EXISTS (SELECT FROM raffle_exclusions e
                        WHERE e.guild_id = b.guild_id AND e.viewer_id = b.viewer_id
                          AND (e.until IS NULL OR e.until > :now))
     WHERE b.guild_id = :guild_id AND b.period = :period AND b.tickets > 0
"""

_COUNT_HOLDERS = text(f"""
    SELECT count(l.discord_id) AS entrants,
           COALESCE(sum(b.tickets) FILTER (WHERE l.discord_id IS NOT NULL), 0)::bigint AS tickets,
           count(*) - count(l.discord_id) AS left_out
    {_HOLDERS}
""")

# The sums of the ledger, and not the balances: a cached number must not decide who wins.
_LIST_HELD = text("""
    SELECT array_agg(viewer_id) AS viewer_ids, array_agg(account) AS accounts,
           array_agg(tickets) AS tickets, erased, can_win
      FROM (SELECT v.viewer_id, v.platform || ':' || v.platform_user_id AS account, e.tickets,
                   v.platform_user_id < 0 AS erased,
                   v.viewer_id IN (SELECT viewer_id FROM people_links
                                    WHERE guild_id = :guild_id)
                   AND v.viewer_id NOT IN (SELECT viewer_id FROM raffle_exclusions
                                            WHERE guild_id = :guild_id
                                              AND (until IS NULL OR until > :now)) AS can_win
              FROM people_viewers v
              JOIN (SELECT viewer_id, sum(amount)::bigint AS tickets
                      FROM raffle_entries AS e
                     WHERE e.guild_id = :guild_id AND period = :period
                     GROUP BY viewer_id) e
             USING (viewer_id)
             WHERE v.guild_id = :guild_id AND e.tickets > 0) held
     GROUP BY erased, can_win
""")


@dataclass(frozen=True, slots=True)
class Holders:
    """How many hold tickets. `entrants` can win, `left_out` cannot; `tickets` are the entrants'."""

    entrants: int
    tickets: int
    left_out: int


def count_holders(tx: Connection, guild_id: int, period: int, now: datetime) -> Holders:
    """How many could win, with how many tickets, and how many could not."""
    where = {"guild_id": guild_id, "period": period, "now": now}
    return Holders(**tx.execute(_COUNT_HOLDERS, where).mappings().one())


class Held(NamedTuple):
    """Accounts and their tickets, in three columns of equal length. There may be 100,000 accounts,
    and an object for each would keep the garbage collector busy.

    Attributes:
        accounts: such as `kick:123`.
        erased: their owners asked to be forgotten, so `accounts` are placeholders.
        can_win: linked, and neither excluded nor banned.
    """

    viewer_ids: list[int]
    accounts: list[str]
    tickets: list[int]
    erased: bool
    can_win: bool


def list_held(tx: Connection, guild_id: int, period: int, now: datetime) -> list[Held]:
    """Everybody with tickets according to the ledger, grouped by `erased` and `can_win`."""
    where = {"guild_id": guild_id, "period": period, "now": now}
    return [Held(*row) for row in tx.execute(_LIST_HELD, where)]


_LIST_UNANNOUNCED = text("""
    SELECT p.guild_id, p.number FROM raffle_periods AS p
     WHERE p.state = 'open' AND p.ends_at > :now
       AND NOT EXISTS (SELECT FROM outbox_messages m
                        WHERE m.guild_id = p.guild_id AND m.key = 'raffle.opened:' || p.number)
     ORDER BY p.guild_id, p.number
""").execution_options(**ACROSS_GUILDS)


def list_unannounced(tx: Connection, now: datetime) -> list[tuple[int, int]]:
    """Guild and number of open raffles whose opening was not announced."""
    return [(row.guild_id, row.number) for row in tx.execute(_LIST_UNANNOUNCED, {"now": now})]


# -- the frozen list ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draw:
    """A frozen list without its lines, and the beacon's round once it is known.

    Attributes:
        left_out: how many had tickets but could not win.
        claim_minutes: how long a winner has; announced with the list.
        chain: its name; None together with `round` and `round_at` for a draw without beacon.
        given_up_by: who drew without waiting for the beacon.
    """

    guild_id: int
    period: int
    snapshot_hash: str
    entrants: int
    tickets: int
    left_out: int
    frozen_at: datetime
    frozen_by: int | None
    channel_id: int
    claim_minutes: int
    chain: str | None
    round: int | None
    round_at: datetime | None
    randomness: str | None = None
    signature: str | None = None
    given_up_by: int | None = None
    given_up_at: datetime | None = None

    @property
    def waits_for_beacon(self) -> bool:
        return self.round is not None and self.randomness is None and self.given_up_at is None

    @property
    def is_public(self) -> bool:
        """Whether a round of the public beacon decides that nobody could know at the freeze."""
        return (
            self.round is not None
            and self.round_at == QUICKNET.made_at(self.round)
            and is_public(self.chain, self.round, self.frozen_at)
        )

    @property
    def random(self) -> Round | None:
        """The beacon's round, once it is known."""
        if self.randomness is None:
            return None
        return Round(self.chain or "", self.round or 0, self.randomness, self.signature or "")


_PERIODS = select(Period)
_DRAWS: Select[Any] = select(*(draws.c[name] for name in Draw.__dataclass_fields__))


def add_draw(tx: Connection, draw: Draw, snapshot: str) -> None:
    """Store a frozen list. `snapshot` is the published text."""
    values = {name: getattr(draw, name) for name in Draw.__dataclass_fields__}
    tx.execute(insert(draws).values(**values, snapshot=snapshot))


def get_snapshot(tx: Connection, guild_id: int, period: int) -> str:
    """The frozen list, which may have megabytes."""
    found = tx.execute(
        select(draws.c.snapshot).where(draws.c.guild_id == guild_id, draws.c.period == period)
    )
    return str(found.scalar_one())


_FIND_LINE = text("""
    SELECT split_part(substring(snapshot FROM nullif(position(:start IN snapshot), 0)
                                              + length(:start) FOR 20), E'\\n', 1)
      FROM raffle_draws WHERE guild_id = :guild_id AND period = :period
""")


def find_tickets_of_line(tx: Connection, guild_id: int, period: int, pseudonym: str) -> int | None:
    """The tickets of a pseudonym in a frozen list."""
    whose = {"guild_id": guild_id, "period": period, "start": f"\n{pseudonym} "}
    found = tx.execute(_FIND_LINE, whose).scalar()
    return int(found) if found else None


def find_draw(tx: Connection, guild_id: int, period: int) -> Draw | None:
    """The frozen list of a raffle."""
    wanted = _DRAWS.where(draws.c.guild_id == guild_id, draws.c.period == period)
    row = tx.execute(wanted).mappings().first()
    return Draw(**row) if row else None


def list_frozen_periods(
    tx: Connection, guild_id: int, most: int, number: int | None = None
) -> list[Period]:
    """A server's raffles with a frozen list, drawn or not, newest first; or only this one."""
    wanted = _PERIODS.where(Period.guild_id == guild_id, Period.frozen_at.is_not(None))
    if number is not None:
        wanted = wanted.where(Period.number == number)
    return fetch(tx, wanted.order_by(Period.number.desc()).limit(most))


def list_ever_frozen_periods(tx: Connection, guild_id: int, most: int) -> list[Period]:
    """A server's raffles that were frozen at any time, newest first, whatever state they are in."""
    was_frozen = select(Announcement.id).where(
        Announcement.guild_id == Period.guild_id,
        Announcement.period == Period.number,
        Announcement.kind == "frozen",
    )
    return fetch(
        tx,
        _PERIODS.where(
            Period.guild_id == guild_id, Period.frozen_at.is_not(None) | was_frozen.exists()
        )
        .order_by(Period.number.desc())
        .limit(most),
    )


def find_last_frozen_at(tx: Connection, guild_id: int) -> datetime | None:
    """When a server's last list was frozen."""
    last: datetime | None = tx.execute(
        select(func.max(draws.c.frozen_at)).where(draws.c.guild_id == guild_id)
    ).scalar()
    return last


def list_frozen(tx: Connection) -> list[Draw]:
    """Every list that has not been drawn from yet, the oldest first."""
    found = tx.execute(
        _DRAWS.join(
            Period,
            (Period.guild_id == draws.c.guild_id) & (Period.number == draws.c.period),
        )
        .where(Period.state == "frozen")
        .order_by(draws.c.frozen_at)
        .execution_options(**ACROSS_GUILDS)
    )
    return [Draw(**row) for row in found.mappings()]


_SET_LEFT_OUT = text("""
    UPDATE raffle_balances AS b SET left_out = true
      FROM (SELECT unnest(CAST(:viewer_ids AS bigint[])) AS viewer_id) o
     WHERE b.guild_id = :guild_id AND b.period = :period AND b.viewer_id = o.viewer_id
""")


def set_left_out(tx: Connection, guild_id: int, period: int, viewer_ids: Sequence[int]) -> None:
    """Mark the holders of tickets who are not in the frozen list."""
    where = {"guild_id": guild_id, "period": period, "viewer_ids": list(viewer_ids)}
    tx.execute(_SET_LEFT_OUT, where)


def set_draw(tx: Connection, guild_id: int, period: int, **values: Any) -> None:
    """Hold the period's lock."""
    tx.execute(
        update(draws).where(draws.c.guild_id == guild_id, draws.c.period == period).values(**values)
    )


# -- winners ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pick:
    """Somebody who was drawn. `name` and `account` are the current ones; empty if the person was
    erased before the draw. `erased` if that happened at any time."""

    guild_id: int
    period: int
    k: int
    viewer_id: int | None
    pseudonym: str
    claimant: str | None
    state: PickState
    reason: SkipReason | None
    discord_id: int | None
    drawn_at: datetime
    expires_at: datetime | None
    claimable_since: datetime | None
    claimable_at: datetime | None
    channel_id: int | None
    posts: int
    post_gone: bool
    claimed_at: datetime | None
    delivered_at: datetime | None
    account: str
    name: str
    erased: bool

    @property
    def clock(self) -> ClaimClock:
        """Not for somebody who was skipped."""
        assert self.expires_at is not None, "skipped"
        return ClaimClock(self.expires_at, self.claimable_since, self.claimable_at)


_PICKS: Select[Any] = select(
    picks.c.guild_id,
    picks.c.period,
    picks.c.k,
    picks.c.viewer_id,
    picks.c.pseudonym,
    picks.c.claimant,
    picks.c.state,
    picks.c.reason,
    picks.c.discord_id,
    picks.c.drawn_at,
    picks.c.expires_at,
    picks.c.claimable_since,
    picks.c.claimable_at,
    picks.c.channel_id,
    picks.c.posts,
    picks.c.post_gone,
    picks.c.claimed_at,
    picks.c.delivered_at,
    _ACCOUNT,
    func.coalesce(viewers.c.name, "").label("name"),
    func.coalesce(viewers.c.platform_user_id < 0, True).label("erased"),
).join_from(
    picks,
    viewers,
    (viewers.c.guild_id == picks.c.guild_id) & (viewers.c.viewer_id == picks.c.viewer_id),
    isouter=True,
)


def add_pick(tx: Connection, guild_id: int, period: int, k: int, **values: Any) -> None:
    """Store who was drawn."""
    tx.execute(insert(picks).values(guild_id=guild_id, period=period, k=k, **values))


def list_picks(tx: Connection, guild_id: int, period: int) -> list[Pick]:
    """Everybody who was drawn, in order."""
    found = tx.execute(
        _PICKS.where(picks.c.guild_id == guild_id, picks.c.period == period).order_by(picks.c.k)
    )
    return [Pick(**row) for row in found.mappings()]


def find_pick(tx: Connection, guild_id: int, period: int, k: int) -> Pick | None:
    """The pick with this number."""
    wanted = _PICKS.where(picks.c.guild_id == guild_id, picks.c.period == period, picks.c.k == k)
    row = tx.execute(wanted).mappings().first()
    return Pick(**row) if row else None


def find_pick_of(tx: Connection, guild_id: int, viewer_id: int, state: PickState) -> Pick | None:
    """This viewer's oldest pick in this state."""
    wanted = _PICKS.where(
        picks.c.guild_id == guild_id, picks.c.viewer_id == viewer_id, picks.c.state == state
    )
    row = tx.execute(wanted.order_by(picks.c.period).limit(1)).mappings().first()
    return Pick(**row) if row else None


class Unclaimed(NamedTuple):
    """A winner who has not claimed yet. `reachable_at` is when members of the server could last use
    the bot."""

    pick: Pick
    reachable_at: datetime


def list_unclaimed(tx: Connection) -> list[Unclaimed]:
    """Every winner who has not claimed yet, in servers whose members could ever use the bot."""
    found = tx.execute(
        _PICKS.add_columns(guilds.c.reachable_at)
        .join(guilds, guilds.c.guild_id == picks.c.guild_id)
        .where(picks.c.state == "drawn", guilds.c.reachable_at.is_not(None))
        .order_by(picks.c.expires_at, picks.c.guild_id, picks.c.period, picks.c.k)
    )
    unclaimed = []
    for row in found.mappings():
        values = dict(row)
        reachable_at = values.pop("reachable_at")
        unclaimed.append(Unclaimed(Pick(**values), reachable_at))
    return unclaimed


def list_posted_in(tx: Connection, guild_id: int, channel_id: int) -> list[Pick]:
    """The winners who have not claimed yet and whose post is in this channel, in lock order."""
    found = tx.execute(
        _PICKS.where(
            picks.c.guild_id == guild_id,
            picks.c.channel_id == channel_id,
            picks.c.state == "drawn",
        ).order_by(picks.c.period, picks.c.k)
    )
    return [Pick(**row) for row in found.mappings()]


def set_clock(tx: Connection, pick: Pick, clock: ClaimClock) -> None:
    """Hold the period's lock."""
    values = {
        "expires_at": clock.expires_at,
        "claimable_since": clock.since,
        "claimable_at": clock.at,
    }
    set_pick(tx, pick, "drawn", "drawn", **values)


def set_pick(
    tx: Connection, pick: Pick, before: PickState, after: PickState, **values: Any
) -> bool:
    """Change the state; False if it was not `before`."""
    changed = tx.execute(
        update(picks)
        .where(
            picks.c.guild_id == pick.guild_id,
            picks.c.period == pick.period,
            picks.c.k == pick.k,
            picks.c.state == before,
        )
        .values(state=after, **values)
    )
    return changed.rowcount == 1
