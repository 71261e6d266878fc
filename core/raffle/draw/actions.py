"""Freezing the list of tickets, and drawing from it.

Locks are taken in this order: the period's row, then what hangs on it. Each step is one transaction
with its announcements, so that a process may die between any two of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

from sqlalchemy import Connection

from core.drand.client import Round
from core.guilds.actions import setting
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import store as people
from core.raffle import store as raffle
from core.raffle.current import no_such_raffle
from core.raffle.draw import announcing, exclusions, rules, store
from core.raffle.draw.rules import Line, Skipped, Terms
from core.raffle.draw.store import ALIVE, Draw, Holders, Pick
from core.raffle.ledger import earning
from core.raffle.means import Means
from core.raffle.settings import CHANNEL, CLAIM_MINUTES
from core.raffle.store import Period, State

BY_ITSELF = 0
"""Who did it, in the audit log, where nobody did."""

BEACON_PATIENCE = timedelta(hours=1)
"""How long after its round was due the beacon has to be silent before an admin may draw without it:
whoever could choose freely between two results could steer."""

RECENT = timedelta(hours=24)


# -- which raffle -------------------------------------------------------------------------------


def get_period_to_draw(
    tx: Connection, guild_id: int, now: datetime, number: int | None = None
) -> Period:
    """The raffle of this number, or else the oldest one that has ended and is not frozen.

    Raises:
        Refusal: there is none that can be drawn, and why.
    """
    waiting = _in_state(tx, "open", guild_id, number)
    ended = [period for period in waiting if period.ends_at <= now]
    if ended:
        return ended[0]
    if frozen := _in_state(tx, "frozen", guild_id, number):
        raise Refusal(
            _("Raffle #{number} is frozen and will be drawn by itself.").format(
                number=frozen[0].number
            ),
            _("It waits for the public beacon's round; an hour late, you may draw without it."),
        )
    if waiting:
        raise Refusal(
            _("Raffle #{number} still runs.").format(number=waiting[0].number),
            _("It can be drawn when it has ended: <t:{end}:f>.").format(
                end=int(waiting[0].ends_at.timestamp())
            ),
        )
    if number is None:
        raise Refusal(_("There is no raffle to draw."))
    known = raffle.find_period(tx, guild_id, number)
    if known is None:
        raise no_such_raffle(number)
    if known.is_cancelled:
        raise Refusal(_("Raffle #{number} was cancelled.").format(number=number))
    raise Refusal(_("Raffle #{number} has already been drawn.").format(number=number))


def _in_state(tx: Connection, state: State, guild_id: int, number: int | None) -> list[Period]:
    found = raffle.list_in_state(tx, state, guild_id)
    return [period for period in found if number in (None, period.number)]


def find_overdue(
    tx: Connection, guild_id: int, now: datetime, number: int | None = None
) -> Draw | None:
    """A frozen list whose beacon has been silent for so long that an admin may draw without it."""
    frozen = (
        store.find_draw(tx, guild_id, period.number)
        for period in _in_state(tx, "frozen", guild_id, number)
    )
    return next((draw for draw in frozen if draw and _is_overdue(draw, now)), None)


def _is_overdue(draw: Draw, now: datetime) -> bool:
    due = draw.round_at
    return draw.waits_for_beacon and due is not None and due + BEACON_PATIENCE <= now


@dataclass(frozen=True, slots=True)
class Preview:
    """What a freeze would fix now."""

    period: Period
    holders: Holders


def preview(tx: Connection, guild_id: int, now: datetime, number: int | None = None) -> Preview:
    """What would be drawn from.

    Raises:
        Refusal: there is nothing to draw, or no channel to announce it in.
    """
    period = get_period_to_draw(tx, guild_id, now, number)
    _channel(tx, guild_id)
    return Preview(period, store.count_holders(tx, guild_id, period.number, now))


def find_recent(tx: Connection, guild_id: int, now: datetime) -> datetime | None:
    """When the last list was frozen, if that was not long ago: a second draw may be a mistake."""
    last = store.find_last_frozen_at(tx, guild_id)
    return last if last is not None and now - last < RECENT else None


# -- freezing -----------------------------------------------------------------------------------


def freeze(
    tx: Connection,
    means: Means,
    guild_id: int,
    number: int,
    actor: int,
    now: datetime,
    *,
    with_beacon: bool = True,
) -> Draw:
    """Fix the list of a raffle that has ended, choose a round of the beacon that is still to come,
    and publish the hash of both.

    Raises:
        Refusal: it is not over, it was frozen before, or nobody could read the announcement.
    """
    period = _open_and_over(raffle.lock_period(tx, guild_id, number), now)
    channel_id = _channel(tx, guild_id)
    earning.settle(tx, period, now)
    lines = _lines(tx, means, period, now)
    chosen = means.chain.choose_round(now) if with_beacon else None
    tickets = sum(line.tickets for line in lines)
    snapshot = rules.snapshot(
        rules.header(_terms(period, means, chosen), len(lines), tickets), lines
    )
    draw = Draw(
        guild_id=guild_id,
        period=number,
        snapshot_hash=rules.hash_of(snapshot),
        entrants=len(lines),
        tickets=tickets,
        left_out=store.count_all_holders(tx, guild_id, number) - len(lines),
        frozen_at=now,
        frozen_by=actor or None,
        channel_id=channel_id,
        claim_minutes=setting(tx, guild_id, CLAIM_MINUTES),
        chain=means.chain.hash if chosen else None,
        round=chosen,
        round_at=means.chain.made_at(chosen) if chosen else None,
    )
    store.add_draw(tx, draw, snapshot)
    raffle.set_period(tx, guild_id, number, state="frozen", frozen_at=now)
    post_audit(tx, guild_id, actor, "raffle.freeze", f"#{number}", after=draw.snapshot_hash)
    announcing.frozen(tx, means, period, draw)
    return draw


def freeze_due(
    tx: Connection, means: Means, guild_id: int, number: int, now: datetime
) -> Draw | None:
    """The same by itself; None when somebody froze it first, or gave it another end.

    Raises:
        Refusal: nobody could read the announcement.
    """
    period = raffle.lock_period(tx, guild_id, number)
    if period is None or period.state != "open" or period.ends_at > now:
        return None
    return freeze(tx, means, guild_id, number, BY_ITSELF, now)


def _open_and_over(period: Period | None, now: datetime) -> Period:
    if period is None:
        raise Refusal(_("There is no such raffle."))
    if period.is_cancelled:
        raise Refusal(_("Raffle #{number} was cancelled.").format(number=period.number))
    if period.state != "open":
        raise Refusal(_("Raffle #{number} is frozen already.").format(number=period.number))
    if period.ends_at > now:
        raise Refusal(_("Raffle #{number} has not ended.").format(number=period.number))
    return period


def _channel(tx: Connection, guild_id: int) -> int:
    channel_id = setting(tx, guild_id, CHANNEL)
    if not channel_id:
        raise Refusal(
            _("There is no channel in which the draw could be announced."),
            _("Choose one: `/settings set raffle.channel`."),
        )
    return channel_id


def _lines(tx: Connection, means: Means, period: Period, now: datetime) -> list[Line]:
    salt = means.open(raffle.get_sealed(tx, period.guild_id, period.number)[1])
    entrants = store.list_entrants(tx, period.guild_id, period.number, now)
    names = rules.pseudonyms(salt, (account for account, _tickets in entrants))
    return list(map(Line, names, (tickets for _account, tickets in entrants)))


def _terms(period: Period, means: Means, chosen: int | None) -> Terms:
    return Terms(
        server=rules.server_pseudonym(period.guild_id),
        period=period.number,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        prize=period.prize,
        winners=period.winners_wanted,
        commitment=period.commitment,
        chain=means.chain.hash if chosen else None,
        round=chosen,
    )


# -- the beacon ---------------------------------------------------------------------------------


def learn_beacon(tx: Connection, guild_id: int, number: int, told: Round) -> bool:
    """Keep the number of the round that was promised; False when it is not waited for any more.

    Raises:
        Refusal: it is another beacon's, or another round.
    """
    raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if draw is None or not draw.waits_for_beacon:
        return False
    if (told.chain, told.number) != (draw.chain, draw.round):
        raise Refusal(
            _("Raffle #{number} was promised another beacon.").format(number=number),
            _("Set DRAND_CHAIN as it was when the list was frozen."),
        )
    values = {"randomness": told.randomness, "signature": told.signature}
    store.set_draw(tx, guild_id, number, **values)
    return True


def give_up_beacon(
    tx: Connection, means: Means, guild_id: int, number: int, actor: int, now: datetime
) -> None:
    """Draw without the round that was promised. Everybody is told so.

    Raises:
        Refusal: the beacon is not waited for, or has not been silent for long enough.
    """
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if period is None or draw is None or not _is_overdue(draw, now):
        raise Refusal(
            _("The beacon's round was promised, so it is waited for."),
            _("An hour after it was due, you may draw without."),
        )
    store.set_draw(tx, guild_id, number, given_up_by=actor, given_up_at=now)
    post_audit(tx, guild_id, actor, "raffle.give_up_beacon", f"#{number}", before=draw.round)
    announcing.given_up(tx, means, period, draw)


# -- drawing ------------------------------------------------------------------------------------


def draw_winners(tx: Connection, means: Means, guild_id: int, number: int, now: datetime) -> bool:
    """Draw from a frozen list, once its beacon is known or given up; False when there is nothing
    to do (any more)."""
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if period is None or draw is None or period.state != "frozen" or draw.waits_for_beacon:
        return False
    raffle.set_period(tx, guild_id, number, state="drawn", drawn_at=now)
    post_audit(tx, guild_id, BY_ITSELF, "raffle.draw", f"#{number}", after=draw.randomness)
    pick_missing(tx, means, period, draw, now)
    return True


def pick_missing(tx: Connection, means: Means, period: Period, draw: Draw, now: datetime) -> None:
    """Draw on until as many can win as there are prizes, or nobody is left; then see whether it is
    all over. Hold the period's lock."""
    picked = store.list_picks(tx, period.guild_id, period.number)
    missing = period.winners_wanted - sum(pick.state in ALIVE for pick in picked)
    if missing > 0 and _pick_on(tx, means, period, draw, len(picked), missing, now) == 0:
        announcing.nobody(tx, means, period, draw)
    close_if_over(tx, period, now)


def _pick_on(
    tx: Connection,
    means: Means,
    period: Period,
    draw: Draw,
    picked: int,
    missing: int,
    now: datetime,
) -> int:
    """Go on behind those who were drawn; returns how many of the new ones may win."""
    lines = _published_lines(tx, draw)
    owner_of = owners(tx, means, period)
    following = islice(order_of(tx, means, draw, lines), picked, None)
    found = 0
    for k, line in enumerate(following, picked + 1):
        pick = _pick(tx, draw, k, line, owner_of(line), now)
        if pick.reason is not None:
            announcing.skipped(tx, period, draw, pick)
            continue
        if found == 0:
            names = [line.pseudonym for line in lines[: announcing.NAMES]]
            announcing.reveal(tx, period, draw, pick.k, names)
        announcing.drawn(tx, means, period, draw, pick)
        found += 1
        if found == missing:
            break
    return found


def _published_lines(tx: Connection, draw: Draw) -> list[Line]:
    """The frozen list.

    Raises:
        Refusal: it is not the one whose hash was told.
    """
    snapshot = store.get_snapshot(tx, draw.guild_id, draw.period)
    if rules.hash_of(snapshot) != draw.snapshot_hash:
        raise Refusal(
            _("The list of raffle #{number} is not the one whose hash was posted.").format(
                number=draw.period
            ),
            _("Somebody changed the database. Nothing is drawn from another list."),
        )
    return rules.lines_of(snapshot)


def order_of(tx: Connection, means: Means, draw: Draw, lines: Sequence[Line]) -> Iterator[Line]:
    """Everybody in the order in which they are drawn. `lines` are those of the snapshot."""
    seed = means.open(raffle.get_sealed(tx, draw.guild_id, draw.period)[0])
    number = bytes.fromhex(draw.randomness) if draw.randomness else rules.WITHOUT_BEACON
    return rules.winners(seed, draw.snapshot_hash, number, lines)


def owners(tx: Connection, means: Means, period: Period) -> Callable[[Line], int | None]:
    """Whose a line is: viewer id, or None for who was forgotten since. It is worked out again, so
    that nothing which could be exchanged is kept beside the published list."""
    salt = means.open(raffle.get_sealed(tx, period.guild_id, period.number)[1])

    @cache
    def holding(tickets: int) -> dict[str, int]:
        found = store.list_accounts(tx, period.guild_id, period.number, tickets)
        names = rules.pseudonyms(salt, (account for _viewer_id, account in found))
        return dict(zip(names, (viewer_id for viewer_id, _account in found), strict=True))

    return lambda line: holding(line.tickets).get(line.pseudonym)


def _pick(
    tx: Connection, draw: Draw, k: int, line: Line, viewer_id: int | None, now: datetime
) -> Pick:
    """Write down who was drawn, and whether they may win."""
    guild_id, number = draw.guild_id, draw.period
    objection, discord_id = _objection(tx, guild_id, number, viewer_id, now)
    window = timedelta(minutes=draw.claim_minutes)
    store.add_pick(
        tx,
        guild_id,
        number,
        k,
        viewer_id=viewer_id,
        pseudonym=line.pseudonym,
        state="skipped" if objection else "drawn",
        reason=objection,
        discord_id=discord_id,
        drawn_at=now,
        expires_at=None if objection else now + window,
        channel_id=None if objection else announcing.channel_of(tx, draw),
    )
    post_audit(tx, guild_id, BY_ITSELF, "raffle.pick", f"#{number}.{k}", after=objection or "drawn")
    pick = store.find_pick(tx, guild_id, number, k)
    assert pick is not None, "it was added above"
    return pick


def _objection(
    tx: Connection, guild_id: int, number: int, viewer_id: int | None, now: datetime
) -> tuple[Skipped | None, int | None]:
    """Why this viewer does not win, and whose the account is."""
    if viewer_id is None:  # they asked to be forgotten
        return "unlinked", None
    causes = exclusions.list_causes(tx, guild_id, viewer_id, now)
    link = people.find_link_of_viewer(tx, guild_id, viewer_id)
    discord_id = link.discord_id if link else None
    earlier = store.list_picks(tx, guild_id, number)
    winning = {pick.discord_id for pick in earlier if pick.state in ALIVE}
    objections: tuple[tuple[bool, Skipped], ...] = (
        ("admin" in causes, "excluded"),
        (bool(causes), "banned"),
        (discord_id is None, "unlinked"),
        (discord_id in winning, "won_already"),
    )
    return next((why for objects, why in objections if objects), None), discord_id


def close_if_over(tx: Connection, period: Period, now: datetime) -> None:
    """When nothing is left to be claimed or delivered, the raffle is over. Hold the lock."""
    picked = store.list_picks(tx, period.guild_id, period.number)
    if not any(pick.state in ("drawn", "claimed") for pick in picked):
        raffle.set_period(tx, period.guild_id, period.number, state="closed", closed_at=now)
