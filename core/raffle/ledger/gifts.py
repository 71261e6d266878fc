"""Tickets for gifted subs: credited immediately, announced, and removed if the gift is refunded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, select, text, update

from core.events import SubGifted, SupportRevoked
from core.guilds.actions import audit, load_settings
from core.kit.database.connection import among, as_json
from core.kit.database.records import GuildId
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.errors import Refusal
from core.kit.runtime.crypto import hash_of
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people import actions as people
from core.people import store as people_store
from core.people.lookup import find_person, named_in
from core.people.names import public_name
from core.people.records import GuildAccount
from core.people.store import list_persons
from core.raffle.actions import log_change, post_news
from core.raffle.ledger import store
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Gift, Period
from core.raffle.rules import RaffleSettings
from core.raffle.store import find_open, hold_open, list_in_state

# -- crediting ------------------------------------------------------------------------------------


_ADD_GIFTS = text("""
    INSERT INTO raffle_gifts (guild_id, key, viewer_id, drop, at)
    SELECT :guild_id, key, viewer_id, drop, at
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (key text, viewer_id bigint, drop text, at timestamptz)
        ON CONFLICT ON CONSTRAINT raffle_gifts_once DO NOTHING
    RETURNING key
""")


def on_subs_gifted(work: Work, events: Sequence[SubGifted]) -> None:
    """Store gifts, and credit them if a raffle is open for them. Both steps can happen in any
    order."""
    gifters = {
        event.key: people_store.seen_as(
            GuildAccount(work.guild_id, event.platform, event.gifter.user_id),
            event.gifter,
            event.at,
        )
        for event in events
        if event.gifter is not None
    }
    viewers = people.get_or_create_people(work.tx, list(gifters.values()))
    rows = [
        {
            # Natural keys name accounts, and entries are permanent.
            "key": hash_of(event.key),
            "viewer_id": viewers[gifters[event.key][0]] if event.key in gifters else None,
            "drop": hash_of(event.drop),
            "at": event.at,
        }
        for event in events
    ]
    added = work.tx.execute(_ADD_GIFTS, {"guild_id": work.guild_id, "rows": as_json(rows)})
    if added.first() is not None:
        for period in list_in_state(work, "open"):
            credit_gifts_of(work, period)


# A gift belongs to the raffle in which it was made. If that was frozen before the gift was known,
# the next one that takes tickets gets it, so that nothing that was paid for is lost.
_LIST_WAITING = text("""
    SELECT g.viewer_id, g.key, g.at
      FROM raffle_gifts AS g
     WHERE g.guild_id = :guild_id AND g.credited_in IS NULL AND g.voided_at IS NULL
       AND g.viewer_id IS NOT NULL AND g.at < :ends_at
       AND EXISTS (SELECT FROM raffle_periods AS p
                    WHERE p.guild_id = g.guild_id AND p.starts_at <= g.at AND g.at < p.ends_at
                      AND (p.number = :number
                           OR p.state <> 'open' AND p.starts_at < :starts_at))
     ORDER BY g.at, g.key
""")


def credit_gifts_of(work: Work, period: Period) -> None:
    """Credit every gift that belongs to this raffle."""
    number = period.number
    if not hold_open(work, number):
        return
    dates = {"starts_at": period.starts_at, "ends_at": period.ends_at}
    values = {"guild_id": work.guild_id, "number": number, **dates}
    waiting = work.tx.execute(_LIST_WAITING, values).all()
    if not waiting:
        return
    each = load_settings(work, RaffleSettings).tickets_per_gifted_sub
    if each > 0:
        new = [NewEntry(viewer_id, each, f"gift:{key}", at) for viewer_id, key, at in waiting]
        store.post_entries(work, number, "gifted_sub", new)
    taken = update(Gift).where(among(Gift.key, [gift.key for gift in waiting]))
    work.execute(
        taken.values(credited_in=number, tickets=each, announced=False),
        execution_options={"synchronize_session": False},
    )


# -- what was given at once -----------------------------------------------------------------------


_LIST_DROPS = text("""
    SELECT g.drop, g.viewer_id, COALESCE(v.name, '') AS name, l.discord_id IS NOT NULL AS linked,
           min(g.at) AS at, count(*) FILTER (WHERE g.voided_at IS NULL) AS gifts,
           count(g.voided_at) AS voided, max(g.credited_in) AS credited_in,
           COALESCE(sum(g.tickets) FILTER (WHERE g.voided_at IS NULL), 0)::bigint AS tickets
      FROM raffle_gifts AS g
      LEFT JOIN people_viewers AS v ON v.guild_id = g.guild_id AND v.viewer_id = g.viewer_id
      LEFT JOIN people_links AS l ON l.guild_id = g.guild_id AND l.viewer_id = g.viewer_id
     WHERE g.guild_id = :guild_id AND (g.drop = :drop OR g.viewer_id = ANY(:viewer_ids))
     GROUP BY g.drop, g.viewer_id, v.name, l.discord_id
     ORDER BY min(g.at) DESC, g.drop LIMIT 10
""")


def list_drops(
    work: Work, *, viewer_id: int | None = None, drop: str | None = None
) -> Sequence[Row[Any]]:
    """Drops: everything one person gifted at one instant. Either the latest ones of a person,
    newest first, or the one with this hash. `gifts` and `tickets` exclude voided gifts. An
    anonymous gift has no viewer and no name; `credited_in` is empty until it is credited."""
    accounts = [] if viewer_id is None else list_persons(work.tx, work.guild_id, [viewer_id])
    values = {"guild_id": work.guild_id, "viewer_ids": list(accounts), "drop": drop}
    return work.tx.execute(_LIST_DROPS, values).all()


_NEWEST = select(Gift.drop).order_by(Gift.at.desc()).limit(100)
"""Counted in gifts; a drop can have a hundred."""


def list_newest_drops(work: Work, maximum: int) -> list[Row[Any]]:
    """The latest drops of the server, newest first."""
    newest = list(dict.fromkeys(work.scalars(_NEWEST)))[:maximum]
    return [row for drop in newest for row in list_drops(work, drop=drop)]


# -- announcing -----------------------------------------------------------------------------------


def list_unannounced(tx: Connection) -> Sequence[Row[GuildId, str]]:
    """`guild_id` and `drop` of unannounced gifts in all guilds, oldest first."""
    found = (
        select(Gift.guild_id, Gift.drop)
        .where(~Gift.announced)
        .group_by(Gift.guild_id, Gift.drop)
        .order_by(func.min(Gift.at), Gift.drop)
    )
    return tx.execute(found.execution_options(**ACROSS_GUILDS)).all()


def announce_drop(work: Work, drop: str) -> None:
    """Announce all gifts of a drop in one message, even if several events reported them."""
    # Marked before it is read: a gift in between is announced now and, harmlessly, once more.
    marked = update(Gift).where(Gift.drop == drop, ~Gift.announced).values(announced=True)
    if work.execute(marked.returning(Gift.key)).first() is None:
        return
    channel_id, (found,) = load_settings(work, RaffleSettings).channel, list_drops(work, drop=drop)
    is_anonymous = found.viewer_id is None
    counts = find_open(work, found.at) is not None if is_anonymous else found.tickets > 0
    if not channel_id or not counts:
        return
    payload = {
        "name": public_name(work, found.viewer_id),
        "gifts": found.gifts,
        "tickets": found.tickets,
        "linked": found.linked,
        "number": found.credited_in,
    }
    key = f"raffle.gift:{drop}"
    if not post_news(work, "raffle.gift", key, payload):
        edit_key = f"{key}:{found.gifts}:{found.tickets}"
        outbox.post_edit(work, channel_id, key, "raffle.gift", edit_key, payload)


# -- voiding --------------------------------------------------------------------------------------


class Voided(NamedTuple):
    """Number of voided subs, and of subs that stay because they count in a frozen list; tickets
    removed, and tickets that the viewer no longer had."""

    name: str
    gifts: int
    taken: int
    missing: int
    frozen: int


def list_given(work: Work, who: str) -> Sequence[Row[Any]]:
    """The last gifts of a viewer; raises Refusal if there are none."""
    viewer = find_person(work, who, meant=named_in(Gift.viewer_id))
    if drops := list_drops(work, viewer_id=viewer.viewer_id):
        return drops
    raise Refusal(_("No gifts from {name} found.").format(name=viewer.name))


def void_drop(work: Work, drop: str) -> Voided:
    """Void a drop, except gifts that count in a frozen list."""
    known = list_drops(work, drop=drop)
    if not known:
        raise Refusal(_("Gift not found."))
    name, voided_of = known[0].name, f"viewer:{known[0].viewer_id}"
    voidable, frozen = _lock(work, Gift.drop == drop)
    if not voidable and frozen:
        number = frozen[0].credited_in
        raise Refusal(
            _("Raffle #{number} is frozen, so its tickets can't change.").format(number=number),
            _("To stop a viewer from winning, use `/raffleexclude add`."),
        )
    if not voidable:
        raise Refusal(_("That gift is already voided."))
    taken, missing = _take_back(work, voidable, actor=work.actor)
    audit(work, "raffle.void", voided_of, after=-taken)
    number = max(gift.credited_in or 0 for gift in voidable)
    # Gifts of the drop that become known later may be voided later, too.
    key = f"void:{drop}:{work.now.isoformat()}"
    details = {"name": name, "amount": -taken, "gifts": len(voidable), "reason": ""}
    log_change(work, "void", key, number, **details)
    return Voided(name, len(voidable), taken, missing, len(frozen))


def on_support_revoked(work: Work, event: SupportRevoked) -> None:
    """Remove the tickets of a revoked gift, unless its raffle's list is frozen."""
    if event.event == SubGifted.__name__:
        voidable, _frozen = _lock(work, Gift.key == hash_of(event.of))
        _take_back(work, voidable, actor=None)


def _lock(work: Work, which: ColumnElement[bool]) -> tuple[list[Gift], list[Gift]]:
    """Gifts that can be voided, and those that can't because they count in a frozen list. Late
    events of one drop count in the next raffle."""
    # Raffles are locked before gifts, in the same order as when gifts are credited.
    credited = select(Gift.credited_in).where(which, Gift.credited_in.is_not(None)).distinct()
    numbers = work.scalars(credited.order_by(Gift.credited_in)).all()
    may_change = {None, *(number for number in numbers if number and hold_open(work, number))}
    found = select(Gift).where(which, Gift.voided_at.is_(None)).order_by(Gift.key)
    fresh = {"populate_existing": True}
    gifts = work.scalars(found.with_for_update(), execution_options=fresh).all()
    voidable = [gift for gift in gifts if gift.credited_in in may_change]
    return voidable, [gift for gift in gifts if gift.credited_in not in may_change]


def _take_back(work: Work, gifts: Sequence[Gift], *, actor: int | None) -> tuple[int, int]:
    """Post a compensating entry for each gift, up to the current balance; returns the tickets
    removed and the tickets missing."""
    taken = missing = 0
    for gift in gifts:
        gift.voided_at = work.now
        if gift.viewer_id is None or gift.credited_in is None or not gift.tickets:
            continue
        balance = store.get_balance(work, gift.credited_in, gift.viewer_id)
        amount = min(gift.tickets, balance)
        taken, missing = taken + amount, missing + gift.tickets - amount
        if amount > 0:
            key, number = f"void:gift:{gift.key}", gift.credited_in
            new = store.entries_for(work, number, gift.viewer_id, -amount, key, work.now)
            store.post_entries(work, number, "gifted_sub", new, actor=actor)
    return taken, missing
