"""Freezing the list of tickets, and drawing from it.

Locks are taken in this order: the period's row, then the rows that refer to it. Each step is one
transaction with its announcements, so the process may crash between any two of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.drand.chain import Round
from core.draws.rounds import choose_round
from core.draws.snapshot import freeze as freeze_list
from core.draws.snapshot import hash_of
from core.guilds.actions import setting
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.raffle import announcements
from core.raffle import store as raffle
from core.raffle.actions import plan_of
from core.raffle.config import Config
from core.raffle.current import no_such_raffle
from core.raffle.draw import announcing, store
from core.raffle.draw.integrity import freeze_announcement, other_beacon, salt_of, terms_of
from core.raffle.draw.picking import AUTOMATIC, pick_missing
from core.raffle.draw.store import Draw, Holders
from core.raffle.ledger import earning
from core.raffle.records import Announcement, Period, State
from core.raffle.settings import CHANNEL, CLAIM_MINUTES

BEACON_TIMEOUT = timedelta(hours=1)
"""How late a round has to be before an admin may draw without it: an admin who could choose freely
between two results could choose the winner."""

RECENT = timedelta(hours=24)


# -- which raffle -------------------------------------------------------------------------------


def get_period_to_draw(
    tx: Connection, guild_id: int, now: datetime, number: int | None = None
) -> Period:
    """The raffle of this number, or the oldest one that has ended and is not frozen.

    Raises:
        Refusal: there is none that can be drawn.
    """
    waiting = _in_state(tx, "open", guild_id, number)
    ended = [period for period in waiting if period.ends_at <= now]
    if ended:
        return ended[0]
    if frozen := _in_state(tx, "frozen", guild_id, number):
        raise Refusal(
            _("Raffle #{number} is frozen and will be drawn automatically.").format(
                number=frozen[0].number
            ),
            _("It waits for the public beacon. If the round is an hour late, draw without it."),
        )
    if waiting:
        raise Refusal(
            _("Raffle #{number} is still running.").format(number=waiting[0].number),
            _("You can draw it after it ends: <t:{end}:f>.").format(
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
    """A frozen list whose round is so late that an admin may draw without it."""
    frozen = (
        store.find_draw(tx, guild_id, period.number)
        for period in _in_state(tx, "frozen", guild_id, number)
    )
    return next((draw for draw in frozen if draw and _is_overdue(draw, now)), None)


def _is_overdue(draw: Draw, now: datetime) -> bool:
    due = draw.round_at
    return draw.waits_for_beacon and due is not None and due + BEACON_TIMEOUT <= now


@dataclass(frozen=True, slots=True)
class Preview:
    """The raffle that `/raffledraw` would freeze now."""

    period: Period
    holders: Holders


def preview(tx: Connection, guild_id: int, now: datetime, number: int | None = None) -> Preview:
    """
    Raises:
        Refusal: there is nothing to draw, or no channel to announce it in.
    """
    period = get_period_to_draw(tx, guild_id, now, number)
    _channel(tx, guild_id)
    return Preview(period, store.count_holders(tx, guild_id, period.number, now))


def find_recent(tx: Connection, guild_id: int, now: datetime) -> datetime | None:
    """When the last list was frozen, if recently: a second draw may be a mistake."""
    last = store.find_last_frozen_at(tx, guild_id)
    return last if last is not None and now - last < RECENT else None


# -- the plan -----------------------------------------------------------------------------------


def find_new_plan(
    tx: Connection, config: Config, period: Period, now: datetime
) -> Announcement | None:
    """The plan of an open raffle, if it is in the future and has not been announced."""
    plan = plan_of(tx, config, period, "planned", now)
    last = announcements.find_plan(tx, period.guild_id, period.number)
    is_known = last is not None and (last.planned_at, last.chain) == (plan.planned_at, plan.chain)
    return None if is_known or plan.planned_at is None or plan.planned_at <= now else plan


def announce_plan(
    tx: Connection, config: Config, guild_id: int, number: int, now: datetime
) -> None:
    """Announce the new plan, if there is one."""
    period = raffle.lock_period(tx, guild_id, number)
    if period is None or period.state != "open":
        return
    plan = find_new_plan(tx, config, period, now)
    if plan is not None:
        announcements.add_announcement(tx, guild_id, number, plan)
        announcing.planned(tx, config, period, plan)


# -- freezing -----------------------------------------------------------------------------------


def freeze(
    tx: Connection,
    config: Config,
    guild_id: int,
    number: int,
    actor: int,
    now: datetime,
    *,
    with_beacon: bool = True,
) -> Draw:
    """Freeze the list of a raffle that has ended, choose a future round of the beacon, and announce
    the list's hash and the round.

    Raises:
        Refusal: it is not over, it was frozen before, or there is no channel to announce it in.
    """
    period = _open_and_over(raffle.lock_period(tx, guild_id, number), now)
    channel_id = _channel(tx, guild_id)
    earning.settle(tx, period, now)
    held = store.list_held(tx, guild_id, number, now)
    left_out = [viewer_id for some in held if not some.can_win for viewer_id in some.viewer_ids]
    accounts = [account for some in held if some.can_win for account in some.accounts]
    tickets = [count for some in held if some.can_win for count in some.tickets]
    frozen_at = now.replace(microsecond=0)
    plan = announcements.find_plan(tx, guild_id, number)
    announced = plan.plan if plan else None
    chosen = choose_round(config.chain, announced, frozen_at) if with_beacon else None
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
        chain=config.chain.name if chosen else None,
        round=chosen,
        round_at=config.chain.made_at(chosen) if chosen else None,
    )
    salt = salt_of(tx, config, guild_id, number)
    snapshot = freeze_list(terms_of(period, draw, plan), salt, accounts, tickets)
    draw = replace(draw, snapshot_hash=hash_of(snapshot))
    store.add_draw(tx, draw, snapshot)
    earlier = announcements.list_freezes(tx, guild_id, number)
    announcements.add_announcement(tx, guild_id, number, freeze_announcement(draw))
    store.set_left_out(tx, guild_id, number, left_out)
    raffle.set_period(tx, guild_id, number, state="frozen", frozen_at=frozen_at)
    post_audit(tx, guild_id, actor, "raffle.freeze", f"#{number}", after=draw.snapshot_hash)
    announcing.frozen(tx, config, period, draw, plan, earlier)
    return draw


def freeze_due(
    tx: Connection, config: Config, guild_id: int, number: int, now: datetime
) -> Draw | None:
    """Freeze automatically; None if somebody froze it first or changed its end.

    Raises:
        Refusal: there is no channel to announce it in.
    """
    period = raffle.lock_period(tx, guild_id, number)
    if period is None or period.state != "open" or period.ends_at > now:
        return None
    return freeze(tx, config, guild_id, number, AUTOMATIC, now)


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
            _("There is no channel to announce the draw in."),
            _("Choose one: `/settings set raffle.channel`."),
        )
    return channel_id


# -- the beacon ---------------------------------------------------------------------------------


def store_round(tx: Connection, guild_id: int, number: int, random: Round) -> bool:
    """Store the announced round; False if the draw no longer waits for it.

    Raises:
        Refusal: this is another beacon's round, or another round.
    """
    raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if draw is None or not draw.waits_for_beacon:
        return False
    if (random.chain, random.number) != (draw.chain, draw.round):
        raise other_beacon(number)
    store.set_draw(tx, guild_id, number, randomness=random.randomness, signature=random.signature)
    return True


def give_up_beacon(
    tx: Connection, config: Config, guild_id: int, number: int, actor: int, now: datetime
) -> None:
    """Draw without the announced round. This is announced, too.

    Raises:
        Refusal: the draw does not wait for the beacon, or has not waited for long enough.
    """
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if period is None or draw is None or not _is_overdue(draw, now):
        raise Refusal(
            _("This draw has to wait for the beacon's round, because it was announced."),
            _("You can draw without it once the round is an hour late."),
        )
    store.set_draw(tx, guild_id, number, given_up_by=actor, given_up_at=now)
    post_audit(tx, guild_id, actor, "raffle.give_up_beacon", f"#{number}", before=draw.round)
    announcing.given_up(tx, config, period, draw)


# -- drawing ------------------------------------------------------------------------------------


def draw_winners(tx: Connection, config: Config, guild_id: int, number: int, now: datetime) -> bool:
    """Draw from a frozen list once its round is known or given up; False if there is nothing to
    do."""
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    if period is None or draw is None or period.state != "frozen" or draw.waits_for_beacon:
        return False
    raffle.set_period(tx, guild_id, number, state="drawn", drawn_at=now)
    post_audit(tx, guild_id, AUTOMATIC, "raffle.draw", f"#{number}", after=draw.randomness)
    pick_missing(tx, config, period, draw, now)
    return True
