"""Freezing the list of tickets, and drawing from it.

Locks are taken in this order: the period's row, then the rows that refer to it. Each step is one
transaction with its announcements, so the process may crash between any two of them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select

from core.drand.chain import Round
from core.draws import secrets
from core.draws.picks import SkipReason
from core.draws.rounds import choose_round
from core.draws.snapshot import freeze as freeze_list
from core.draws.snapshot import hash_of
from core.events import ViewerBanned
from core.guilds.actions import audit, load_settings
from core.kit.errors import Refusal
from core.kit.records import ChannelId, MemberId, ViewerId
from core.kit.words import _
from core.kit.work import Work
from core.people import actions as people
from core.people import store as linked
from core.people.exclusions import actions as exclusions
from core.raffle import store as raffle
from core.raffle.actions import lock_period, no_such_raffle, plan_of
from core.raffle.config import Config
from core.raffle.draw import posts, store
from core.raffle.draw.integrity import (
    check_draw,
    check_owners,
    check_position,
    freeze_announcement,
    order_of,
    other_beacon,
    salt_of,
    terms_of,
)
from core.raffle.draw.records import WINNING, Draw, Pick
from core.raffle.draw.store import Holders
from core.raffle.ledger import earning
from core.raffle.records import Announcement, Period, State
from core.raffle.rules import RaffleSettings

BEACON_TIMEOUT = timedelta(hours=1)
"""How late a round has to be before an admin may draw without it: an admin who could choose freely
between two results could choose the winner."""

RECENT = timedelta(hours=24)


# -- which raffle -------------------------------------------------------------------------------


def get_period_to_draw(work: Work, number: int | None = None) -> Period:
    """The raffle of this number, or the oldest one that has ended and is not frozen.

    Raises:
        Refusal: there is none that can be drawn.
    """
    waiting = _list_in_state(work, "open", number)
    ended = [period for period in waiting if period.ends_at <= work.now]
    if ended:
        return ended[0]
    if frozen := _list_in_state(work, "frozen", number):
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
    known = work.find(Period, number)
    if known is None:
        raise no_such_raffle(number)
    if known.is_cancelled:
        raise Refusal(_("Raffle #{number} was cancelled.").format(number=number))
    raise Refusal(_("Raffle #{number} has already been drawn.").format(number=number))


def _list_in_state(work: Work, state: State, number: int | None) -> list[Period]:
    found = raffle.list_in_state(work, state)
    return [period for period in found if number in (None, period.number)]


def find_overdue(work: Work, number: int | None = None) -> Draw | None:
    """A frozen list whose round is so late that an admin may draw without it."""
    frozen = (work.find(Draw, one.number) for one in _list_in_state(work, "frozen", number))
    return next((draw for draw in frozen if draw and _is_overdue(draw, work.now)), None)


def _is_overdue(draw: Draw, now: datetime) -> bool:
    due = draw.round_at
    return draw.waits_for_beacon and due is not None and due + BEACON_TIMEOUT <= now


class Preview(NamedTuple):
    """The raffle that `/raffledraw` would freeze now."""

    period: Period
    holders: Holders


def preview(work: Work, number: int | None = None) -> Preview:
    """
    Raises:
        Refusal: there is nothing to draw, or no channel to announce it in.
    """
    period = get_period_to_draw(work, number)
    _get_channel(work)
    return Preview(period, store.count_holders(work, period.number))


def find_recent(work: Work) -> datetime | None:
    """When the last list was frozen, if recently: a second draw may be a mistake."""
    last = work.scalar(select(func.max(Draw.frozen_at)))
    return last if last is not None and work.now - last < RECENT else None


# -- the plan -----------------------------------------------------------------------------------


def find_new_plan(work: Work, config: Config, period: Period) -> Announcement | None:
    """The plan of an open raffle, if it is in the future and has not been announced."""
    plan = plan_of(work, config, period, "planned")
    last = raffle.find_plan(work, period.number)
    is_known = last is not None and (last.planned_at, last.chain) == (plan.planned_at, plan.chain)
    return None if is_known or plan.planned_at is None or plan.planned_at <= work.now else plan


def announce_plan(work: Work, config: Config, number: int) -> None:
    """Announce the new plan, if there is one."""
    period = lock_period(work, number)
    if period is None or period.state != "open":
        return
    plan = find_new_plan(work, config, period)
    if plan is not None:
        work.add(plan)
        posts.announce_plan(work, config, period, plan)


# -- freezing -----------------------------------------------------------------------------------


def freeze(work: Work, config: Config, number: int, *, with_beacon: bool = True) -> Draw:
    """Freeze the list of a raffle that has ended, choose a future round of the beacon, and announce
    the list's hash and the round.

    Raises:
        Refusal: it is not over, it was frozen before, or there is no channel to announce it in.
    """
    period = _lock_ended(work, number)
    channel_id = _get_channel(work)
    earning.credit(work, period)
    held = store.list_held(work, number)
    left_out = [viewer_id for some in held if not some.can_win for viewer_id in some.viewer_ids]
    accounts = [account for some in held if some.can_win for account in some.accounts]
    tickets = [count for some in held if some.can_win for count in some.tickets]
    frozen_at = work.now.replace(microsecond=0)
    plan = raffle.find_plan(work, number)
    announced = plan.plan if plan else None
    chosen = choose_round(config.chain, announced, frozen_at) if with_beacon else None
    draw = Draw(
        period=number,
        entrants=len(accounts),
        tickets=sum(tickets),
        left_out=len(left_out),
        frozen_at=frozen_at,
        frozen_by=work.actor or None,
        channel_id=channel_id,
        claim_minutes=load_settings(work, RaffleSettings).claim_minutes,
        chain=config.chain.name if chosen else None,
        round=chosen,
        round_at=config.chain.made_at(chosen) if chosen else None,
    )
    terms = terms_of(period, draw, plan)
    draw.snapshot = freeze_list(terms, salt_of(work, config, number), accounts, tickets)
    draw.snapshot_hash = hash_of(draw.snapshot)
    work.add(draw)
    earlier = raffle.list_freezes(work, number)
    work.add(freeze_announcement(draw))
    store.set_left_out(work, number, left_out)
    period.state, period.frozen_at = "frozen", frozen_at
    audit(work, "raffle.freeze", f"#{number}", after=draw.snapshot_hash)
    posts.announce_freeze(work, config, period, draw, plan, earlier)
    return draw


def freeze_due(work: Work, config: Config, number: int) -> Draw | None:
    """Freeze automatically; None if somebody froze it first or changed its end.

    Raises:
        Refusal: there is no channel to announce it in.
    """
    period = lock_period(work, number)
    if period is None or period.state != "open" or period.ends_at > work.now:
        return None
    return freeze(work, config, number)


def _lock_ended(work: Work, number: int) -> Period:
    period = lock_period(work, number)
    if period is None:
        raise Refusal(_("There is no such raffle."))
    if period.is_cancelled:
        raise Refusal(_("Raffle #{number} was cancelled.").format(number=number))
    if period.state != "open":
        raise Refusal(_("Raffle #{number} is frozen already.").format(number=number))
    if period.ends_at > work.now:
        raise Refusal(_("Raffle #{number} has not ended.").format(number=number))
    return period


def _get_channel(work: Work) -> ChannelId:
    channel_id = load_settings(work, RaffleSettings).channel
    if not channel_id:
        raise Refusal(
            _("There is no channel to announce the draw in."),
            _("Choose one: `/settings set raffle.channel`."),
        )
    return ChannelId(channel_id)


# -- the beacon ---------------------------------------------------------------------------------


def lock_draw(work: Work, number: int) -> tuple[Period, Draw] | None:
    """The raffle with this number, if it was frozen. Until the transaction ends, nobody else
    changes it, its list or its winners."""
    period = lock_period(work, number)
    work.expire_all()
    draw = work.find(Draw, number)
    return (period, draw) if period and draw else None


def store_round(work: Work, number: int, random: Round) -> bool:
    """Store the announced round; False if the draw no longer waits for it.

    Raises:
        Refusal: this is another beacon's round, or another round.
    """
    locked = lock_draw(work, number)
    if locked is None or not locked[1].waits_for_beacon:
        return False
    draw = locked[1]
    if (random.chain, random.number) != (draw.chain, draw.round):
        raise other_beacon(number)
    draw.randomness, draw.signature = random.randomness, random.signature
    return True


def give_up_beacon(work: Work, config: Config, number: int) -> None:
    """Draw without the announced round. This is announced, too.

    Raises:
        Refusal: the draw does not wait for the beacon, or has not waited for long enough.
    """
    locked = lock_draw(work, number)
    if locked is None or not _is_overdue(locked[1], work.now):
        raise Refusal(
            _("This draw has to wait for the beacon's round, because it was announced."),
            _("You can draw without it once the round is an hour late."),
        )
    period, draw = locked
    draw.given_up_by, draw.given_up_at = work.actor, work.now
    audit(work, "raffle.give_up_beacon", f"#{number}", before=draw.round)
    posts.announce_given_up(work, config, period, draw)


# -- drawing ------------------------------------------------------------------------------------


def draw_winners(work: Work, config: Config, number: int) -> bool:
    """Draw from a frozen list once its round is known or given up; False if there is nothing to
    do."""
    locked = lock_draw(work, number)
    if locked is None or locked[0].state != "frozen" or locked[1].waits_for_beacon:
        return False
    period, draw = locked
    period.state, period.drawn_at = "drawn", work.now
    audit(work, "raffle.draw", f"#{number}", after=draw.randomness)
    pick_missing(work, config, period, draw)
    return True


def pick_missing(work: Work, config: Config, period: Period, draw: Draw) -> None:
    """Draw until there are as many winners as prizes or nobody is left, then close the raffle if it
    is over. Hold the period's lock."""
    picked = store.list_picks(work, period.number)
    missing = period.winners_wanted - sum(pick.state in WINNING for pick in picked)
    if missing > 0 and not _pick_next(work, config, period, draw, picked, missing):
        posts.announce_nobody(work, config, period, draw)
    close_if_over(work, period)


def _pick_next(
    work: Work, config: Config, period: Period, draw: Draw, picked: Sequence[Pick], missing: int
) -> bool:
    """Draw after those who were drawn before; False if nobody wins."""
    entrants = check_draw(work, config, period, draw)
    viewer_ids = check_owners(work, config, period, entrants)
    order = order_of(work, config, draw, entrants)
    for pick in picked:
        check_position(period, pick, next(order, None))
    salt, found = salt_of(work, config, period.number), 0
    for k, pseudonym in enumerate(order, len(picked) + 1):
        pick = _add_pick(work, salt, draw, k, pseudonym, viewer_ids.get(pseudonym))
        if pick.reason is not None:
            posts.announce_skip(work, config, period, draw, pick)
            continue
        if found == 0:
            posts.animate(work, period, draw, k, entrants.pseudonyms[: posts.NAMES])
        posts.announce_winner(work, config, period, draw, pick)
        found += 1
        if found == missing:
            break
    return found > 0


def _add_pick(
    work: Work, salt: bytes, draw: Draw, k: int, pseudonym: str, viewer_id: ViewerId | None
) -> Pick:
    """Record who was drawn, and whether they win."""
    reason, discord_id = _find_skip_reason(work, draw.period, viewer_id)
    window = timedelta(minutes=draw.claim_minutes)
    pick = Pick(
        period=draw.period,
        k=k,
        viewer_id=viewer_id,
        pseudonym=pseudonym,
        claimant=None if reason or not discord_id else secrets.claimant(salt, discord_id),
        state="skipped" if reason else "drawn",
        reason=reason,
        discord_id=discord_id,
        drawn_at=work.now,
        expires_at=None if reason else work.now + window,
        channel_id=None if reason else ChannelId(posts.channel_of(work, draw)),
    )
    work.add(pick)
    audit(work, "raffle.pick", f"#{draw.period}.{k}", after=reason or "drawn")
    return pick


def _find_skip_reason(
    work: Work, number: int, viewer_id: ViewerId | None
) -> tuple[SkipReason | None, MemberId | None]:
    """Why this viewer does not win, and the Discord member who linked the account."""
    if viewer_id is None:  # they asked to be forgotten
        return "unlinked", None
    link = linked.find_link_of_viewer(work.tx, work.guild_id, viewer_id)
    member = MemberId(link.discord_id) if link else None
    ban = find_ban(work, viewer_id)
    if ban is not None or member is None:
        return ban or "unlinked", member
    won = work.exists(Pick.period == number, Pick.discord_id == member, Pick.state.in_(WINNING))
    return "won_already" if won else None, member


def close_if_over(work: Work, period: Period) -> None:
    """Close the raffle when no prize is left to be claimed or delivered. Hold the period's lock."""
    if not work.exists(Pick.period == period.number, Pick.state.in_(("drawn", "claimed"))):
        period.state, period.closed_at = "closed", work.now


# -- who may not win ----------------------------------------------------------------------------


def find_ban(work: Work, viewer_id: ViewerId | None) -> SkipReason | None:
    """Why a viewer may not win now: excluded or banned."""
    causes = exclusions.list_causes(work, viewer_id, "raffle") if viewer_id else ()
    if not causes:
        return None
    return "banned" if {"kick_ban", "discord_ban"}.issuperset(causes) else "excluded"


def on_viewer_banned(work: Work, event: ViewerBanned) -> None:
    """Somebody was banned or timed out in the stream's chat."""
    viewer_id = people.meet_person(work.tx, work.guild_id, event.platform, event.viewer, event.at)
    exclusions.exclude_viewer(
        work, viewer_id, "raffle", "kick_ban", reason=event.reason, until=event.until
    )


def ban_member(work: Work, discord_id: int) -> None:
    """Somebody was banned from the Discord server."""
    link = linked.find_link(work.tx, work.guild_id, discord_id)
    if link is not None:
        exclusions.exclude_viewer(work, link.viewer_id, "raffle", "discord_ban")


def unban_member(work: Work, discord_id: int) -> None:
    """Somebody was unbanned from the Discord server."""
    link = linked.find_link(work.tx, work.guild_id, discord_id)
    if link is not None:
        exclusions.include_viewer(work, link.viewer_id, "raffle", "discord_ban")
