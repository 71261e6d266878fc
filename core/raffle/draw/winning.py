"""Claiming and delivering prizes, and drawing another winner if nobody claims in time."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox.store import find_receipt
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.config import Config
from core.raffle.draw import announcing, notifying, rules, store
from core.raffle.draw.integrity import check_winner, check_winner_row
from core.raffle.draw.picking import AUTOMATIC, close_if_over, find_ban, pick_missing
from core.raffle.draw.store import Draw, Pick
from core.raffle.records import Period

EDIT_AFTER = timedelta(minutes=1)
"""The winner's post is edited when the time to claim grows by more than this."""


def claim(
    tx: Connection, config: Config, guild_id: int, number: int, k: int, claimer: int, now: datetime
) -> Pick:
    """The winner claims the prize.

    Raises:
        Refusal: it is somebody else's, or too late, or claimed already.
    """
    period, draw, pick = _locked(tx, guild_id, number, k)
    if pick.discord_id != claimer:
        raise Refusal(_("This prize is not yours to claim."), _("Good luck next time!"))
    if pick.state == "drawn":
        # The click proves that claiming is possible now, so the interruption ends with it.
        clock = rules.run_clock(pick.clock, timedelta(minutes=draw.claim_minutes), now)
        if now > clock.expires_at:
            raise Refusal(_("The time to claim this prize is over."))
    if pick.state == "drawn" and find_ban(tx, guild_id, pick.viewer_id, now):
        raise Refusal(
            _("You can't claim this prize, because you are banned or excluded from raffles."),
            _("If that is a mistake, ask the moderators before the time to claim is over."),
        )
    if not store.set_pick(tx, pick, "drawn", "claimed", claimed_at=now):
        raise Refusal(_NOT_OPEN[pick.state]())
    return _update_post(tx, config, period, draw, k, "raffle.claim", claimer)


_NOT_OPEN = {
    "claimed": lambda: _("You have claimed this prize already."),
    "delivered": lambda: _("You have this prize already."),
    "expired": lambda: _("The time to claim this prize is over."),
    "skipped": lambda: _("This prize went to somebody else."),
}


def check_claim(
    tx: Connection, config: Config, guild_id: int, number: int, k: int, at: datetime, now: datetime
) -> bool:
    """Advance the clock of a winner who has not claimed. `at` is when members could last use the
    bot. True if the time is over and another winner is drawn.

    The clock stops while the winner has neither a post nor a direct message with the button. If
    none can be sent and the winner is banned or excluded, another one is drawn at once.
    """
    period, draw, pick = _locked(tx, guild_id, number, k)
    if pick.state != "drawn":
        return False
    check_winner_row(tx, config, period, pick)
    if not notifying.is_notified(tx, pick):
        if notifying.notify_again(tx, config, period, draw, pick):
            return False
        if find_ban(tx, guild_id, pick.viewer_id, now) is None:
            announcing.unreachable(tx, period, pick)
            return False
        _replace(tx, config, period, draw, pick, now)
        return True
    before = pick.clock
    clock = rules.run_clock(before, timedelta(minutes=draw.claim_minutes), at)
    store.set_clock(tx, pick, clock)
    if clock.is_over:
        _replace(tx, config, period, draw, pick, now)
    elif clock.expires_at - before.expires_at > EDIT_AFTER:
        _update_post(tx, config, period, draw, k, "raffle.more_time", AUTOMATIC)
    return clock.is_over


def _replace(
    tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick, now: datetime
) -> None:
    """Draw another winner instead of one who did not claim, or is banned or excluded."""
    ban = find_ban(tx, period.guild_id, pick.viewer_id, now)
    if ban is None:
        store.set_pick(tx, pick, "drawn", "expired")
        _update_post(tx, config, period, draw, pick.k, "raffle.expire", AUTOMATIC)
    else:
        store.set_pick(tx, pick, "drawn", "skipped", reason=ban)
        _update_post(tx, config, period, draw, pick.k, "raffle.skip", AUTOMATIC)
    pick_missing(tx, config, period, draw, now)


def mark_deleted(
    tx: Connection, guild_id: int, channel_id: int, message_ids: Collection[int] | None = None
) -> None:
    """Record that these messages, or their whole channel, were deleted in Discord."""
    for pick in store.list_posted_in(tx, guild_id, channel_id):
        receipt = find_receipt(tx, guild_id, announcing.post_key(pick)) or {}
        if message_ids is None or receipt.get("message_id") in message_ids:
            raffle.lock_period(tx, guild_id, pick.period)
            store.set_pick(tx, pick, "drawn", "drawn", post_gone=True)


def deliver(
    tx: Connection, config: Config, guild_id: int, winner: str, actor: int, now: datetime
) -> Pick:
    """Record that an admin handed over a claimed prize.

    Raises:
        Refusal: there is nobody of this name, or they have no claimed prize.
    """
    viewer = people.find_person(tx, guild_id, winner)
    found = store.find_pick_of(tx, guild_id, viewer.viewer_id, "claimed")
    if found is None:
        raise Refusal(
            _("{name} has no claimed prize that is waiting.").format(name=viewer.name),
            _("A prize is claimed with the button under the winner's message."),
        )
    period, draw, pick = _locked(tx, guild_id, found.period, found.k)
    if not store.set_pick(tx, pick, "claimed", "delivered", delivered_at=now, delivered_by=actor):
        raise Refusal(_("This prize was delivered already."))
    delivered = _update_post(tx, config, period, draw, pick.k, "raffle.deliver", actor)
    close_if_over(tx, period, now)
    return delivered


def _locked(tx: Connection, guild_id: int, number: int, k: int) -> tuple[Period, Draw, Pick]:
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    pick = store.find_pick(tx, guild_id, number, k)
    if period is None or draw is None or pick is None:
        raise Refusal(_("There is no such winner."))
    return period, draw, pick


def _update_post(
    tx: Connection, config: Config, period: Period, draw: Draw, k: int, action: str, actor: int
) -> Pick:
    pick = store.find_pick(tx, period.guild_id, period.number, k)
    assert pick is not None, "it is locked"
    check_winner(tx, config, period, draw, pick)
    post_audit(tx, period.guild_id, actor, action, f"#{period.number}.{k}", after=pick.name)
    announcing.changed(tx, config, period, draw, pick)
    return pick
