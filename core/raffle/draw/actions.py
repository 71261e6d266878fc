"""Freezing the list of tickets, and drawing from it.

Locks are taken in this order: the period's row, then what hangs on it. Each step is one transaction
with its announcements, so that a process may die between any two of them. Nothing is drawn from the
database alone: everything in it that decides is first compared with what was published.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from core.drand.chain import QUICKNET, BeaconWrong, Chain, randomness_of
from core.drand.client import Round
from core.guilds.actions import setting
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import store as people
from core.raffle import announcements
from core.raffle import store as raffle
from core.raffle.actions import plan_of
from core.raffle.announcements import Announcement
from core.raffle.current import no_such_raffle
from core.raffle.draw import announcing, exclusions, rules, store
from core.raffle.draw.rules import Entrants, Skipped, Terms
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


# -- the plan -----------------------------------------------------------------------------------


def find_new_plan(
    tx: Connection, means: Means, period: Period, now: datetime
) -> Announcement | None:
    """The plan of an open raffle, if it is not the one that was announced last and its time is
    still to come."""
    plan = plan_of(tx, means, period, "planned", now)
    last = announcements.find_plan(tx, period.guild_id, period.number)
    is_known = last is not None and (last.planned_at, last.chain) == (plan.planned_at, plan.chain)
    return None if is_known or plan.planned_at is None or plan.planned_at <= now else plan


def announce_plan(tx: Connection, means: Means, guild_id: int, number: int, now: datetime) -> None:
    """Announce it, unless somebody else did."""
    period = raffle.lock_period(tx, guild_id, number)
    if period is None or period.state != "open":
        return
    plan = find_new_plan(tx, means, period, now)
    if plan is not None:
        announcements.add_announcement(tx, guild_id, number, plan)
        announcing.planned(tx, means, period, plan)


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
    """Fix the list of a raffle that has ended, and the round of the beacon that decides, which is
    still to come; publish the hash of both.

    Raises:
        Refusal: it is not over, it was frozen before, or nobody could read the announcement.
    """
    period = _open_and_over(raffle.lock_period(tx, guild_id, number), now)
    channel_id = _channel(tx, guild_id)
    earning.settle(tx, period, now)
    held = store.list_held(tx, guild_id, number, now)
    left_out = [viewer_id for some in held if not some.may_win for viewer_id in some.viewer_ids]
    accounts = [account for some in held if some.may_win for account in some.accounts]
    tickets = [count for some in held if some.may_win for count in some.tickets]
    frozen_at = now.replace(microsecond=0)
    plan = announcements.find_plan(tx, guild_id, number)
    chosen = _choose_round(means.chain, plan, frozen_at) if with_beacon else None
    draw = Draw(
        guild_id=guild_id,
        period=number,
        snapshot_hash="",
        entrants=len(accounts),
        tickets=sum(tickets),
        left_out=len(left_out),
        frozen_at=frozen_at,
        frozen_by=actor or None,
        channel_id=channel_id,
        claim_minutes=setting(tx, guild_id, CLAIM_MINUTES),
        chain=means.chain.name if chosen else None,
        round=chosen,
        round_at=means.chain.made_at(chosen) if chosen else None,
    )
    pseudonyms = rules.pseudonyms(_salt(tx, means, period), accounts)
    snapshot = rules.snapshot(_header(period, draw, plan), pseudonyms, tickets)
    draw = replace(draw, snapshot_hash=rules.hash_of(snapshot))
    store.add_draw(tx, draw, snapshot)
    earlier = announcements.list_freezes(tx, guild_id, number)
    announcements.add_announcement(tx, guild_id, number, _noted(draw))
    store.set_left_out(tx, guild_id, number, left_out)
    raffle.set_period(tx, guild_id, number, state="frozen", frozen_at=frozen_at)
    post_audit(tx, guild_id, actor, "raffle.freeze", f"#{number}", after=draw.snapshot_hash)
    announcing.frozen(tx, means, period, draw, plan, earlier)
    return draw


def _choose_round(chain: Chain, plan: Announcement | None, frozen_at: datetime) -> int:
    """The round that was announced, if the list is frozen as planned; else the first one of which
    nobody can know anything yet."""
    if is_as_planned(plan, frozen_at, chain):
        assert plan is not None
        assert plan.round is not None
        return plan.round
    return chain.choose_round(frozen_at)


def is_as_planned(plan: Announcement | None, frozen_at: datetime, chain: Chain) -> bool:
    """Whether the announced round decides a list that is frozen then."""
    if plan is None or plan.planned_at is None or plan.round_at is None:
        return False
    latest = plan.round_at - timedelta(seconds=chain.ahead)
    return plan.chain == chain.name and plan.planned_at <= frozen_at <= latest


def _noted(draw: Draw) -> Announcement:
    return Announcement(
        "frozen", draw.frozen_at, None, draw.chain, draw.round, draw.round_at, draw.snapshot_hash
    )


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


def _salt(tx: Connection, means: Means, period: Period) -> bytes:
    return means.open(raffle.get_sealed(tx, period.guild_id, period.number)[1])


def _header(period: Period, draw: Draw, plan: Announcement | None) -> str:
    announced = None
    if plan is not None and plan.planned_at and plan.chain and plan.round:
        announced = (plan.planned_at, plan.chain, plan.round)
    terms = Terms(
        server=rules.server_pseudonym(period.guild_id),
        period=period.number,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        prize=period.prize,
        winners=period.winners_wanted,
        commitment=period.commitment,
        announced=announced,
        frozen_at=draw.frozen_at,
        chain=draw.chain,
        round=draw.round,
    )
    return rules.header(terms, draw.entrants, draw.tickets)


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
        raise _other_beacon(number)
    values = {"randomness": told.randomness, "signature": told.signature}
    store.set_draw(tx, guild_id, number, **values)
    return True


def _other_beacon(number: int) -> Refusal:
    return Refusal(
        _("Raffle #{number} was promised another beacon.").format(number=number),
        _("Set DRAND_CHAIN as it was when the list was frozen."),
    )


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
    if missing > 0 and _pick_on(tx, means, period, draw, picked, missing, now) == 0:
        announcing.nobody(tx, means, period, draw)
    close_if_over(tx, period, now)


def _pick_on(
    tx: Connection,
    means: Means,
    period: Period,
    draw: Draw,
    picked: Sequence[Pick],
    missing: int,
    now: datetime,
) -> int:
    """Go on behind those who were drawn; returns how many of the new ones may win."""
    entrants = published_entrants(tx, means, period, draw)
    viewer_ids = owners(tx, means, period, entrants, now)
    following = order_of(tx, means, draw, entrants)
    for pick in picked:
        _require_in_order(period, pick, next(following, None))
    salt, found = _salt(tx, means, period), 0
    for k, pseudonym in enumerate(following, len(picked) + 1):
        pick = _pick(tx, salt, draw, k, pseudonym, viewer_ids.get(pseudonym), now)
        if pick.reason is not None:
            announcing.skipped(tx, period, draw, pick)
            continue
        if found == 0:
            announcing.reveal(tx, period, draw, pick.k, entrants.pseudonyms[: announcing.NAMES])
        announcing.drawn(tx, means, period, draw, pick)
        found += 1
        if found == missing:
            break
    return found


def published_entrants(tx: Connection, means: Means, period: Period, draw: Draw) -> Entrants:
    """The frozen list, after everything that decides was compared with what was published.

    Raises:
        Refusal: the list, its terms, the seed or the beacon's number is not as published.
    """
    guild_id, number = draw.guild_id, draw.period
    snapshot = store.get_snapshot(tx, guild_id, number)
    if rules.hash_of(snapshot) != draw.snapshot_hash:
        raise _altered(period, _("the list is not the one whose hash was posted"))
    freezes = announcements.list_freezes(tx, guild_id, number)
    if not freezes or freezes[-1] != _noted(draw):
        raise _altered(period, _("the freeze is not the one that was announced"))
    plan = announcements.find_plan(tx, guild_id, number)
    if rules.head_of(snapshot) != _header(period, draw, plan):
        raise _altered(period, _("the terms are not those of the frozen list"))
    seed = means.open(raffle.get_sealed(tx, guild_id, number)[0])
    if hashlib.sha256(seed).hexdigest() != period.commitment:
        raise _altered(period, _("the seed is not the one whose hash was posted"))
    if draw.randomness is not None:
        _require_signed(means, period, draw)
    return rules.entrants_of(snapshot)


def _require_signed(means: Means, period: Period, draw: Draw) -> None:
    chain = QUICKNET if draw.chain == QUICKNET.name else means.chain
    if chain.name != draw.chain:
        raise _other_beacon(period.number)
    try:
        signed = randomness_of(chain, draw.round or 0, draw.signature or "")
    except BeaconWrong:
        signed = ""
    if signed != draw.randomness:
        raise _altered(period, _("the random number was not signed by the beacon"))


def _altered(period: Period, what: str) -> Refusal:
    return Refusal(
        _("Raffle #{number} cannot be drawn: {what}.").format(number=period.number, what=what),
        _("Somebody changed the database. Nothing is drawn from it."),
    )


def order_of(tx: Connection, means: Means, draw: Draw, entrants: Entrants) -> Iterator[str]:
    """Everybody's pseudonym in the order in which they are drawn."""
    seed = means.open(raffle.get_sealed(tx, draw.guild_id, draw.period)[0])
    number = bytes.fromhex(draw.randomness) if draw.randomness else rules.WITHOUT_BEACON
    return rules.winners(seed, draw.snapshot_hash, number, entrants)


def owners(
    tx: Connection, means: Means, period: Period, entrants: Entrants, now: datetime
) -> dict[str, int]:
    """Who owns which line: pseudonym -> viewer id, without accounts that were erased since.

    Raises:
        Refusal: a line is not the sum of its owner's entries.
    """
    held = store.list_held(tx, period.guild_id, period.number, now)
    salt = _salt(tx, means, period)
    sums: dict[str, int] = {}
    viewer_ids: dict[str, int] = {}
    erased: list[int] = []
    for some in held:
        if some.erased:
            erased += some.tickets
            continue
        names = list(rules.pseudonyms(salt, some.accounts))
        sums.update(zip(names, some.tickets, strict=True))
        viewer_ids.update(zip(names, some.viewer_ids, strict=True))
    if rules.unexplained(entrants, sums, erased):
        raise _altered(period, _("the frozen tickets are not the sum of the ledger's entries"))
    return viewer_ids


def require_as_drawn(tx: Connection, means: Means, period: Period, draw: Draw, pick: Pick) -> None:
    """Compare a winner's row with the draw, before anything is done because of it.

    Raises:
        Refusal: somebody else was drawn.
    """
    order = order_of(tx, means, draw, published_entrants(tx, means, period, draw))
    _require_in_order(period, pick, next(islice(order, pick.k - 1, None), None))
    require_unaltered(tx, means, period, pick)


def require_unaltered(tx: Connection, means: Means, period: Period, pick: Pick) -> None:
    """The quick part of that: the row still names the account and the member of its draw.

    Raises:
        Refusal: it names somebody else.
    """
    if is_altered(_salt(tx, means, period), pick):
        raise _swapped(period, pick)


def _require_in_order(period: Period, pick: Pick, pseudonym: str | None) -> None:
    if pseudonym != pick.pseudonym:
        raise _swapped(period, pick)


def _swapped(period: Period, pick: Pick) -> Refusal:
    return _altered(period, _("winner {k} is not the one who was drawn").format(k=pick.k))


def is_altered(salt: bytes, pick: Pick) -> bool:
    """Whether a row names another account or another member than it did when it was drawn."""
    if pick.state == "skipped":
        return False
    secret, member = rules.secret_number(salt, pick.account), pick.discord_id
    return (
        pick.viewer_id is None
        or (not pick.erased and rules.pseudonym(secret, pick.account) != pick.pseudonym)
        or (member is not None and rules.claimant(salt, member) != pick.claimant)
    )


def _pick(
    tx: Connection,
    salt: bytes,
    draw: Draw,
    k: int,
    pseudonym: str,
    viewer_id: int | None,
    now: datetime,
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
        pseudonym=pseudonym,
        claimant=None if objection or not discord_id else rules.claimant(salt, discord_id),
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
    bar = find_bar(tx, guild_id, viewer_id, now)
    link = people.find_link_of_viewer(tx, guild_id, viewer_id)
    discord_id = link.discord_id if link else None
    earlier = store.list_picks(tx, guild_id, number)
    winning = {pick.discord_id for pick in earlier if pick.state in ALIVE}
    objections: tuple[tuple[bool, Skipped], ...] = (
        (discord_id is None, "unlinked"),
        (discord_id in winning, "won_already"),
    )
    return bar or next((why for objects, why in objections if objects), None), discord_id


def find_bar(tx: Connection, guild_id: int, viewer_id: int | None, now: datetime) -> Skipped | None:
    """Why a viewer may not win now: excluded or banned."""
    causes = exclusions.list_causes(tx, guild_id, viewer_id, now) if viewer_id else []
    if not causes:
        return None
    return "excluded" if "admin" in causes else "banned"


def close_if_over(tx: Connection, period: Period, now: datetime) -> None:
    """When nothing is left to be claimed or delivered, the raffle is over. Hold the lock."""
    picked = store.list_picks(tx, period.guild_id, period.number)
    if not any(pick.state in ("drawn", "claimed") for pick in picked):
        raffle.set_period(tx, period.guild_id, period.number, state="closed", closed_at=now)
