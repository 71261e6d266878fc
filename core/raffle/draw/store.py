"""Queries about holders of tickets, frozen lists and winners."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select, text

from core.guilds.records import Guild
from core.kit.database.records import ViewerId
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.outbox.records import Outgoing
from core.people.exclusions.store import excluded_from
from core.raffle.draw_records import WINNING, Draw, Pick
from core.raffle.records import Announcement, Balance, Period
from core.raffle.rules import CLOCK_INTERVAL, PAUSED_ALERT_AFTER, REPEATED_POSTS
from core.raffle.store import list_everywhere

# -- holders of tickets -------------------------------------------------------------------------

_EXCLUDED = excluded_from("raffle", at=":now")

# Linked viewers who are not excluded can win. All accounts of a person share one line: as they are
# linked now, or once the list is frozen as they were then.
# Uses the ledger's sums instead of balances: a cached number must not decide who wins.
_LIST_HELD = text(f"""
    WITH entry AS (
        SELECT viewer_id, sum(amount)::bigint AS tickets
          FROM raffle_entries AS e
         WHERE e.guild_id = :guild_id AND period = :period
         GROUP BY viewer_id
    ), line AS (
        SELECT viewer_id, sum(tickets)::bigint AS tickets
          FROM (SELECT CASE
                       WHEN (SELECT frozen_at IS NULL FROM raffle_periods AS p
                              WHERE p.guild_id = :guild_id AND p.number = :period)
                       THEN (SELECT v.person_id FROM people_viewers AS v
                              WHERE v.guild_id = :guild_id AND v.viewer_id = e.viewer_id)
                       ELSE COALESCE((SELECT b.listed_as FROM raffle_balances AS b
                                       WHERE b.guild_id = :guild_id AND b.period = :period
                                         AND b.viewer_id = e.viewer_id), e.viewer_id)
                       END AS viewer_id, e.tickets
                  FROM entry e) AS of_person
         GROUP BY viewer_id
    )
    SELECT array_agg(viewer_id) AS viewer_ids, array_agg(account) AS accounts,
           array_agg(tickets) AS tickets, array_agg(member) AS members, erased, can_win
      FROM (SELECT v.viewer_id, v.platform || ':' || v.platform_user_id AS account, line.tickets,
                   link.discord_id AS member, v.platform_user_id < 0 AS erased,
                   link.discord_id IS NOT NULL AND v.viewer_id NOT IN {_EXCLUDED} AS can_win
              FROM people_viewers v
              JOIN line USING (viewer_id)
              LEFT JOIN people_links AS link
                   ON link.guild_id = :guild_id AND link.viewer_id = v.viewer_id
             WHERE v.guild_id = :guild_id AND line.tickets > 0) held
     GROUP BY erased, can_win
""")


class Held(NamedTuple):
    """People and their tickets, in four columns of equal length. There may be 100,000 of them,
    and an object for each would keep the garbage collector busy.

    Attributes:
        accounts: each person's representative account, such as `kick:123`.
        members: the Discord members who currently have them linked.
        erased: their owners asked to be forgotten, so `accounts` are placeholders.
        can_win: they are linked, and neither excluded nor banned.
    """

    viewer_ids: list[ViewerId]
    accounts: list[str]
    tickets: list[int]
    members: list[int | None]
    erased: bool
    can_win: bool


def list_held(work: Work, period: int) -> list[Held]:
    """Everybody with tickets according to the ledger, grouped by `erased` and `can_win`."""
    return [Held(*row) for row in work.tx.execute(_LIST_HELD, _where(work, period))]


class Holders(NamedTuple):
    """Ticket holders: eligible accounts with their tickets and members, and viewers who cannot
    win."""

    accounts: list[str]
    tickets: list[int]
    members: list[int]
    left_out: list[ViewerId]


def get_holders(work: Work, period: int) -> Holders:
    """The ticket holders if the list were frozen now."""
    held = list_held(work, period)
    return Holders(
        [account for some in held if some.can_win for account in some.accounts],
        [count for some in held if some.can_win for count in some.tickets],
        [member for some in held if some.can_win for member in some.members if member],
        [viewer_id for some in held if not some.can_win for viewer_id in some.viewer_ids],
    )


def _where(work: Work, period: int) -> dict[str, Any]:
    return {"guild_id": work.guild_id, "period": period, "now": work.now}


# Includes accounts without tickets: the person can win as long as any of the accounts is linked.
_SET_LISTED = text("""
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets, listed_as)
    SELECT v.guild_id, :period, v.viewer_id, 0, v.represented_by
      FROM people_viewers AS v
     WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL
        ON CONFLICT ON CONSTRAINT raffle_balances_once DO UPDATE SET listed_as = excluded.listed_as
""")
# A join, because an UPDATE with `viewer_id IN (...)` gets a bad plan without statistics.
_SET_LEFT_OUT = text("""
    UPDATE raffle_balances AS b SET left_out = true
      FROM (SELECT unnest(CAST(:viewer_ids AS bigint[])) AS viewer_id) o
     WHERE b.guild_id = :guild_id AND b.period = :period
       AND COALESCE(b.listed_as, b.viewer_id) = o.viewer_id
""")


def set_listed(work: Work, period: int, left_out: Sequence[int]) -> None:
    """Store which accounts share a line of the list that is being frozen, and mark ticket holders
    who are not in it."""
    work.tx.execute(_SET_LISTED, _where(work, period))
    work.tx.execute(_SET_LEFT_OUT, {**_where(work, period), "viewer_ids": list(left_out)})


# -- frozen lists -------------------------------------------------------------------------------


def get_snapshot(work: Work, period: int) -> str:
    """The frozen list, which can be megabytes long."""
    return work.scalars(select(Draw.snapshot).where(Draw.period == period)).one()


_FIND_LINE = text("""
    SELECT split_part(substring(snapshot FROM nullif(position(:start IN snapshot), 0)
                                              + length(:start) FOR 64), E'\\n', 1)
      FROM raffle_draws WHERE raffle_draws.guild_id = :guild_id AND period = :period
""")


def _find_line(work: Work, period: int, pseudonym: str) -> list[str]:
    """The part of a frozen list after a pseudonym: tickets, and the code of who may claim."""
    whose = {**_where(work, period), "start": f"\n{pseudonym} "}
    return (work.tx.execute(_FIND_LINE, whose).scalar() or "").split()


def find_tickets_of_line(work: Work, period: int, pseudonym: str) -> int | None:
    """The tickets of a pseudonym in a frozen list."""
    found = _find_line(work, period, pseudonym)
    return int(found[0]) if found else None


def find_claimant_of_line(work: Work, period: int, pseudonym: str) -> str | None:
    """The code of the member who may claim; None in a list without claimants."""
    found = _find_line(work, period, pseudonym)
    return found[1] if len(found) > 1 else None


def list_frozen_periods(work: Work, maximum: int, number: int | None = None) -> Sequence[Period]:
    """Raffles that were ever frozen, in any state, newest first; or only this one."""
    freezes = select(Announcement.period).where(Announcement.snapshot_hash.is_not(None))
    wanted = select(Period).where(Period.frozen_at.is_not(None) | Period.number.in_(freezes))
    if number is not None:
        wanted = wanted.where(Period.number == number)
    return work.scalars(wanted.order_by(Period.number.desc()).limit(maximum)).all()


def list_line(work: Work, period: int, viewer_id: ViewerId) -> Sequence[ViewerId]:
    """The accounts that shared a line when the list was frozen; the one that names the line comes
    first."""
    others = select(Balance.viewer_id).where(
        Balance.period == period, Balance.listed_as == viewer_id
    )
    return [viewer_id, *work.scalars(others.order_by(Balance.viewer_id))]


# -- winners ------------------------------------------------------------------------------------


def list_picks(work: Work, period: int) -> Sequence[Pick]:
    """Everybody who was drawn, in order."""
    return work.scalars(select(Pick).where(Pick.period == period).order_by(Pick.k)).all()


def list_winners(work: Work, maximum: int) -> Sequence[Pick]:
    """The last winners of all raffles, newest first."""
    won = select(Pick).where(Pick.state.in_(WINNING))
    return work.scalars(won.order_by(Pick.drawn_at.desc()).limit(maximum)).all()


# -- of all guilds --------------------------------------------------------------------------------


def list_unannounced(tx: Connection, now: datetime) -> Sequence[Period]:
    """Open raffles whose opening was not announced."""
    is_announced = select(Outgoing.id).where(
        Outgoing.guild_id == Period.guild_id,
        Outgoing.key == func.concat("raffle.opened:", Period.number),
    )
    return list_everywhere(tx, Period.state == "open", Period.ends_at > now, ~is_announced.exists())


_IS_FROZEN = (
    (Period.guild_id == Draw.guild_id) & (Period.number == Draw.period) & (Period.state == "frozen")
)
_FROZEN = (
    select(Draw)
    .join(Period, _IS_FROZEN)
    .order_by(Draw.frozen_at)
    .execution_options(**ACROSS_GUILDS)
)


def list_frozen(tx: Connection) -> Sequence[Draw]:
    """Every frozen list that is not drawn yet, oldest first."""
    return read_records(tx, _FROZEN)


_FREEZE_KEY = func.concat("raffle.frozen:", Draw.period, ":", Draw.snapshot_hash)
_IS_ON_ITS_WAY = select(Outgoing.id).where(
    Outgoing.guild_id == Draw.guild_id,
    Outgoing.key.in_(
        [_FREEZE_KEY, *(func.concat(_FREEZE_KEY, f":{again}") for again in REPEATED_POSTS)]
    ),
    Outgoing.state != "dead",
)


def list_unposted(tx: Connection) -> Sequence[Draw]:
    """The frozen lists whose hash Discord refused to post."""
    return read_records(tx, _FROZEN.where(~_IS_ON_ITS_WAY.exists()))


_UNCLAIMED = (
    select(Pick)
    .join(Guild, Guild.guild_id == Pick.guild_id)
    .where(Pick.state == "drawn", Guild.reachable_at.is_not(None))
    .order_by(Pick.expires_at, Pick.guild_id, Pick.period, Pick.k)
    .execution_options(**ACROSS_GUILDS)
)
_IS_DUE = Pick.claimable_at.is_(None) | (
    Guild.reachable_at >= func.least(Pick.claimable_at + CLOCK_INTERVAL, Pick.expires_at)
)
_IS_PAUSED = (
    Guild.reachable_at - func.coalesce(Pick.claimable_at, Pick.drawn_at) > PAUSED_ALERT_AFTER
)


def list_unclaimed(tx: Connection) -> Sequence[Pick]:
    """Every winner who has not claimed and is due for a check."""
    return read_records(tx, _UNCLAIMED.where(_IS_DUE))


def list_paused(tx: Connection) -> Sequence[Pick]:
    """Every winner who has not claimed and has been unable to for a while."""
    return read_records(tx, _UNCLAIMED.where(_IS_PAUSED))


_LIST_ALTERED = text("""
    SELECT guild_id, period, 'the list is not the one of its hash' AS what
      FROM raffle_draws
     WHERE encode(sha256(convert_to(snapshot, 'UTF8')), 'hex') <> snapshot_hash
     UNION ALL
    SELECT guild_id, period, 'the freeze is not the one that was announced'
      FROM raffle_draws AS d
     WHERE NOT EXISTS (SELECT FROM raffle_announcements AS a
                        WHERE a.guild_id = d.guild_id AND a.period = d.period
                          AND a.kind = 'frozen' AND a.snapshot_hash = d.snapshot_hash
                          AND a.at = d.frozen_at AND a.round IS NOT DISTINCT FROM d.round)
     UNION ALL
    SELECT guild_id, period, 'its list was frozen more than once'
      FROM raffle_announcements
     WHERE snapshot_hash IS NOT NULL
     GROUP BY guild_id, period HAVING count(*) > 1
     UNION ALL
    SELECT p.guild_id, p.period, 'winner ' || p.k || ' has less time to claim than promised'
      FROM raffle_picks AS p JOIN raffle_draws AS d USING (guild_id, period)
     WHERE p.expires_at < GREATEST(p.drawn_at, p.claimable_since)
                          + make_interval(mins => d.claim_minutes)
        OR p.state = 'expired' AND (p.claimable_at >= p.expires_at) IS NOT TRUE
     UNION ALL
    SELECT p.guild_id, p.period, 'winner ' || p.k || ' is not the claimant of the list'
      FROM raffle_picks AS p JOIN raffle_draws AS d USING (guild_id, period)
     WHERE p.claimant IS NOT NULL AND starts_with(d.snapshot, 'regulars draw 3')
       AND position(E'\\n' || p.pseudonym || ' ' IN d.snapshot) > 0
       AND position(' ' || p.claimant || E'\\n' IN substring(
               d.snapshot FROM position(E'\\n' || p.pseudonym || ' ' IN d.snapshot) FOR 120)) = 0
     ORDER BY guild_id, period, what
""").execution_options(**ACROSS_GUILDS)

_LIST_DISABLED = text("""
    SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal ORDER BY tgname
""")


def list_altered(tx: Connection) -> Sequence[Row[Any]]:
    """Published data about the draws of all guilds that was changed afterwards."""
    return tx.execute(_LIST_ALTERED).all()


def list_disabled_triggers(tx: Connection) -> Sequence[str]:
    """The database's own triggers that were disabled."""
    return tx.execute(_LIST_DISABLED).scalars().all()
