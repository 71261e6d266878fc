"""The statements about subscriptions, authorities, status checks and no-events alerts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.intake.rules import CHAT, Authority, Evidence
from core.kick.intake.tables import authorities, no_event_alerts, status_checks, subscriptions
from core.kit.database import cache_of

# -- subscriptions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscription:
    """What we know of one kind of event of one channel.

    Attributes:
        subscription_id: None while it is not subscribed.
        trouble: why not, in plain words.
    """

    broadcaster_user_id: int
    kind: str
    subscription_id: str | None
    checked_at: datetime
    trouble: str | None


def list_subscriptions(
    tx: Connection, broadcaster_user_id: int | None = None
) -> list[Subscription]:
    """Those of one channel, or of all."""
    wanted = select(subscriptions).order_by(
        subscriptions.c.broadcaster_user_id, subscriptions.c.kind
    )
    if broadcaster_user_id is not None:
        wanted = wanted.where(subscriptions.c.broadcaster_user_id == broadcaster_user_id)
    return [Subscription(**row) for row in tx.execute(wanted).mappings()]


def set_subscriptions(
    tx: Connection,
    broadcaster_user_id: int,
    ids: Mapping[str, str | None],
    troubles: Mapping[str, str],
    now: datetime,
) -> None:
    """Store a channel's subscriptions: kind -> id or None, and kind -> trouble. Delete others."""
    tx.execute(
        delete(subscriptions).where(
            subscriptions.c.broadcaster_user_id == broadcaster_user_id,
            subscriptions.c.kind.not_in(ids),
        )
    )
    statement = upsert(subscriptions)
    tx.execute(
        statement.on_conflict_do_update(
            constraint="kick_subscriptions_one_of_each",
            set_={
                column: statement.excluded[column]
                for column in ("subscription_id", "checked_at", "trouble")
            },
        ),
        [
            {
                "broadcaster_user_id": broadcaster_user_id,
                "kind": kind,
                "subscription_id": subscription_id,
                "checked_at": now,
                "trouble": troubles.get(kind),
            }
            for kind, subscription_id in ids.items()
        ],
    )


def set_trouble(
    tx: Connection, broadcaster_user_id: int, kinds: Iterable[str], trouble: str, now: datetime
) -> None:
    """The channel could not be checked; the ids that are known stay."""
    statement = upsert(subscriptions)
    tx.execute(
        statement.on_conflict_do_update(
            constraint="kick_subscriptions_one_of_each", set_={"trouble": trouble}
        ),
        [
            {
                "broadcaster_user_id": broadcaster_user_id,
                "kind": kind,
                "checked_at": now,
                "trouble": trouble,
            }
            for kind in kinds
        ],
    )


def end_subscriptions_but(tx: Connection, followed: Sequence[int]) -> None:
    """Forget channels that no server follows."""
    for table in (subscriptions, authorities, status_checks):
        tx.execute(delete(table).where(table.c.broadcaster_user_id.not_in(followed)))


WEBHOOK = "kick.webhook"
FEED = "kick.feed"

# -- authorities --------------------------------------------------------------------------------


def list_authorities(tx: Connection, broadcaster_user_id: int) -> dict[str, Authority]:
    """Kind -> the source that counts, where that was decided."""
    found = tx.execute(
        select(authorities.c.kind, authorities.c.authority).where(
            authorities.c.broadcaster_user_id == broadcaster_user_id
        )
    )
    return {row.kind: row.authority for row in found}


def set_authorities(
    tx: Connection,
    broadcaster_user_id: int,
    decided: Mapping[str, Authority],
    now: datetime,
    *,
    overrule: bool,
) -> None:
    """Decide; where it was decided before, only if `overrule`."""
    statement = upsert(authorities)
    changes = {"authority": statement.excluded.authority, "decided_at": now}
    only_new = statement.on_conflict_do_nothing(constraint="kick_authorities_one_a_kind")
    all_of_them = statement.on_conflict_do_update(
        constraint="kick_authorities_one_a_kind",
        set_=changes,
        where=authorities.c.authority != statement.excluded.authority,
    )
    tx.execute(
        all_of_them if overrule else only_new,
        [
            {
                "broadcaster_user_id": broadcaster_user_id,
                "kind": kind,
                "authority": whose,
                "decided_at": now,
            }
            for kind, whose in decided.items()
        ],
    )


def feed_kinds(tx: Connection, broadcaster_user_id: int) -> frozenset[str]:
    """The kinds of events for which the feed is this channel's authority."""
    note = ("kick.feed_kinds", broadcaster_user_id)
    if note not in cache_of(tx):
        decided = list_authorities(tx, broadcaster_user_id)
        cache_of(tx)[note] = frozenset(kind for kind, whose in decided.items() if whose == "feed")
    found = cache_of(tx)[note]
    assert isinstance(found, frozenset)
    return found


def source_of_chat(tx: Connection, broadcaster_user_id: int) -> str:
    """The source of this channel's chat."""
    return FEED if CHAT in feed_kinds(tx, broadcaster_user_id) else WEBHOOK


# -- status checks ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusCheck:
    """The newest status check of a channel.

    Attributes:
        started_at: of the stream; None when it was offline.
        watched_since: start of the checks without a gap.
    """

    broadcaster_user_id: int
    checked_at: datetime
    started_at: datetime | None
    watched_since: datetime


_SET_STATUS_CHECK = text("""
    INSERT INTO kick_status_checks AS l (broadcaster_user_id, checked_at, started_at, watched_since)
    VALUES (:broadcaster_user_id, :now, :started_at, :now)
        ON CONFLICT (broadcaster_user_id) DO UPDATE
       SET checked_at = excluded.checked_at,
           started_at = excluded.started_at,
           watched_since = CASE WHEN l.checked_at < :gap_before THEN excluded.checked_at
                                ELSE l.watched_since END
""")


def set_status_checks(
    tx: Connection,
    seen: Mapping[int, datetime | None],
    now: datetime,
    gap_before: datetime,
) -> None:
    """Channel -> start of its stream, or None when offline. A check before `gap_before` is too old
    for the time in between to count as watched."""
    if not seen:
        return
    tx.execute(
        _SET_STATUS_CHECK,
        [
            {
                "broadcaster_user_id": user_id,
                "started_at": started_at,
                "now": now,
                "gap_before": gap_before,
            }
            for user_id, started_at in seen.items()
        ],
    )


def find_status_check(tx: Connection, broadcaster_user_id: int) -> StatusCheck | None:
    """The newest status check of a channel."""
    row = (
        tx.execute(
            select(status_checks).where(status_checks.c.broadcaster_user_id == broadcaster_user_id)
        )
        .mappings()
        .first()
    )
    return StatusCheck(**row) if row else None


def list_status_checks(tx: Connection) -> dict[int, StatusCheck]:
    """The newest status check of each channel."""
    found = tx.execute(select(status_checks)).mappings()
    return {row["broadcaster_user_id"]: StatusCheck(**row) for row in found}


# -- no-events alerts ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which no chat came from a server's live channel."""

    guild_id: int
    started_at: datetime
    episode: int
    since: datetime
    evidence: Evidence
    noticed_at: datetime
    over_at: datetime | None


def list_open_episodes(tx: Connection) -> dict[int, Episode]:
    """Server -> its open alert."""
    found = tx.execute(
        select(no_event_alerts).where(no_event_alerts.c.over_at.is_(None))
    ).mappings()
    return {row["guild_id"]: Episode(**row) for row in found}


def add_episode(
    tx: Connection,
    guild_id: int,
    started_at: datetime,
    since: datetime,
    evidence: Evidence,
    now: datetime,
) -> int:
    """Open the next alert of this stream; returns its number, from 1."""
    before = (
        select(func.count())
        .select_from(no_event_alerts)
        .where(no_event_alerts.c.guild_id == guild_id, no_event_alerts.c.started_at == started_at)
        .scalar_subquery()
    )
    number: int = tx.execute(
        upsert(no_event_alerts)
        .values(
            guild_id=guild_id,
            started_at=started_at,
            episode=before + 1,
            since=since,
            evidence=evidence,
            noticed_at=now,
        )
        .returning(no_event_alerts.c.episode)
    ).scalar_one()
    return number


def end_episode(tx: Connection, episode: Episode, now: datetime) -> bool:
    """It is over; False when it was over before."""
    ended = tx.execute(
        update(no_event_alerts)
        .where(
            no_event_alerts.c.guild_id == episode.guild_id,
            no_event_alerts.c.started_at == episode.started_at,
            no_event_alerts.c.episode == episode.episode,
            no_event_alerts.c.over_at.is_(None),
        )
        .values(over_at=now)
    )
    return ended.rowcount == 1
