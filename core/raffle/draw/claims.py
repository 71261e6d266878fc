"""Claiming and delivering prizes, and drawing another winner if a prize is not claimed in time."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from core.events import RaffleWon
from core.guilds.actions import audit
from core.guilds.records import Guild
from core.inbox import actions as inbox
from core.kit.database.personal import Subject
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.outbox.actions import find_receipt
from core.people.lookup import find_person, named_in
from core.people.store import select_accounts_of
from core.raffle import rules
from core.raffle.actions import Config
from core.raffle.draw import posts
from core.raffle.draw.actions import close_if_over, find_ban, pick_missing
from core.raffle.draw.frozen import FrozenRaffle, lock_frozen
from core.raffle.draw_records import Pick
from core.raffle.store import lock_period

EDIT_AFTER = timedelta(minutes=1)
"""The winner's post is edited if the time to claim is extended by more than this."""


def _lock_prize(work: Work, config: Config, number: int, k: int) -> tuple[FrozenRaffle, Pick]:
    raffle, pick = lock_frozen(work, config, number), work.find(Pick, number, k)
    if raffle is None or pick is None:
        raise Refusal(_("There is no such winner."))
    return raffle, pick


def claim(work: Work, config: Config, number: int, k: int) -> Pick:
    """Claim a prize. Raises Refusal if it belongs to someone else, was already claimed, or the time
    has run out."""
    raffle, pick = _lock_prize(work, config, number, k)
    if pick.discord_id != work.actor:
        raise Refusal(_("This isn't your prize."), _("Good luck next time!"))
    if pick.state != "drawn":
        raise Refusal(_NOT_OPEN[pick.state]())
    # The click proves that claiming works again, so the interruption ends here.
    pick.expires_at = _deadline(raffle, pick, work.now)
    if work.now > pick.expires_at:
        raise Refusal(_NOT_OPEN["expired"]())
    if find_ban(work, number, pick.viewer_id):
        raise Refusal(
            _("You can't claim this prize, because you are banned or excluded from raffles."),
            _(
                "If you think that's a mistake, contact the moderators before the time to claim "
                "runs out."
            ),
        )
    pick.state, pick.claimed_at = "claimed", work.now
    _update_post(raffle, pick, "raffle.claim")
    if pick.viewer_id is not None:
        won = RaffleWon(
            key=f"{number}.{k}",
            guild_id=work.guild_id,
            at=work.now,
            viewer_id=pick.viewer_id,
            raffle=number,
        )
        inbox.publish(work.tx, won)
    return pick


_NOT_OPEN = {
    "claimed": lambda: _("You already claimed this prize."),
    "delivered": lambda: _("You already received this prize."),
    "expired": lambda: _("The time to claim this prize has run out."),
    "skipped": lambda: _("This prize went to someone else."),
}


def check_claim(work: Work, config: Config, number: int, k: int) -> bool:
    """Store that an unclaimed prize could be claimed when members could last use the bot. Returns
    True if the time has run out and another winner is drawn.

    The time does not run while the winner has neither a post nor a direct message with the button.
    If neither can be sent and the winner is banned or excluded, another winner is drawn right away.
    """
    raffle, pick = _lock_prize(work, config, number, k)
    guild = work.find(Guild)
    if pick.state != "drawn" or guild is None or guild.reachable_at is None:
        return False
    if raffle.is_replaced(pick):
        raise raffle.replaced(pick)
    if (
        not posts.had_full_time(raffle, pick)
        or max(guild.reachable_at, pick.claimable_at or guild.reachable_at)
        > work.now + rules.DETECTION_DELAY
    ):
        raise raffle.shortened(pick)
    if not posts.has_arrived(raffle, pick):
        if posts.post_again(raffle, pick):
            return False
        if find_ban(work, number, pick.viewer_id) is None:
            posts.alert_unreachable(raffle, pick)
            return False
        _replace(raffle, pick)
        return True
    before, pick.expires_at = pick.expires_at, _deadline(raffle, pick, guild.reachable_at)
    pick.claimable_at = max(pick.claimable_at or guild.reachable_at, guild.reachable_at)
    pick.claimable_since = pick.claimable_since or pick.claimable_at
    is_over = pick.claimable_at >= pick.expires_at
    if is_over:
        _replace(raffle, pick)
    elif before is not None and pick.expires_at - before > EDIT_AFTER:
        _update_post(raffle, pick, "raffle.more_time")
    return is_over


def _deadline(raffle: FrozenRaffle, pick: Pick, now: datetime) -> datetime:
    """The deadline of a winner who is able to claim now."""
    assert pick.expires_at is not None, "winners have some time to claim"
    window = raffle.draw.claim_window
    promised = max(pick.drawn_at, pick.claimable_since or pick.drawn_at) + window
    return rules.claim_deadline(max(pick.expires_at, promised), pick.claimable_at, window, now)


def _replace(raffle: FrozenRaffle, pick: Pick) -> None:
    """Replace a winner who did not claim, or is banned or excluded."""
    pick.reason = find_ban(raffle.work, pick.period, pick.viewer_id)
    pick.state = "skipped" if pick.reason else "expired"
    raffle.check_winner(pick)
    what = "raffle.skip" if pick.reason else "raffle.expire"
    audit(raffle.work, what, f"#{pick.period}.{pick.k}", after=pick.name)
    posts.announce_end(raffle, pick)
    pick_missing(raffle)


_WAITING = named_in(Pick.viewer_id, Pick.state == "claimed")


def deliver(work: Work, config: Config, winner: str) -> Pick:
    """Mark a prize as delivered. Raises Refusal if nobody has this name, or they have no claimed
    prize."""
    viewer = find_person(work, winner, meant=_WAITING)
    theirs = Pick.viewer_id.in_(select_accounts_of(work.guild_id, viewer.viewer_id))
    claimed = select(Pick).where(theirs, Pick.state == "claimed")
    found = work.scalar(claimed.order_by(Pick.period).limit(1))
    if found is None:
        raise Refusal(
            _("{name} has no claimed prize to deliver.").format(name=viewer.name),
            _("Winners claim their prize with the button under the winner message."),
        )
    raffle, pick = _lock_prize(work, config, found.period, found.k)
    if pick.state != "claimed":
        raise Refusal(_("This prize was already delivered."))
    pick.state, pick.delivered_at, pick.delivered_by = "delivered", work.now, work.actor
    _update_post(raffle, pick, "raffle.deliver")
    close_if_over(raffle)
    return pick


def _update_post(raffle: FrozenRaffle, pick: Pick, action: str) -> None:
    raffle.check_winner(pick)
    audit(raffle.work, action, f"#{pick.period}.{pick.k}", after=pick.name)
    posts.update_winner(raffle, pick)


def list_posted_in(work: Work, channel_id: int) -> Sequence[Pick]:
    """Winners who have not claimed and whose post is in this channel, in lock order."""
    posted = select(Pick).where(Pick.channel_id == channel_id, Pick.state == "drawn")
    return work.scalars(posted.order_by(Pick.period, Pick.k)).all()


def mark_deleted(work: Work, channel_id: int, message_ids: Collection[int] | None = None) -> None:
    """Store that these messages, or their whole channel, were deleted in Discord."""
    for pick in list_posted_in(work, channel_id):
        receipt = find_receipt(work, posts.winner_key(pick))
        if message_ids is None or receipt.get("message_id") in message_ids:
            lock_period(work, pick.period)
            work.expire(pick)
            pick.post_gone = pick.post_gone or pick.state == "drawn"


def forget_winner(tx: Connection, subject: Subject) -> bool:
    """Remove the member's id from a delivered win; returns True if a prize is still undelivered."""
    theirs = (Pick.discord_id == subject.discord_id, Pick.drawn_at < subject.swept_before)
    over = Pick.state.not_in(("drawn", "claimed"))
    with Work(tx, subject.guild_id, now=subject.at) as work:
        work.execute(update(Pick).where(*theirs, over).values(discord_id=None))
        return work.exists(*theirs)
