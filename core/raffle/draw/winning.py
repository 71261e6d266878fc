"""From being drawn to holding the prize: claimed in time, or another winner is drawn."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox.store import find_receipt
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.draw import announcing, notifying, rules, store
from core.raffle.draw.integrity import check_winner, check_winner_row
from core.raffle.draw.picking import BY_ITSELF, close_if_over, find_ban, pick_missing
from core.raffle.draw.store import Draw, Pick
from core.raffle.means import Means
from core.raffle.store import Period

SHOWN = timedelta(minutes=1)
"""The winner's post is edited when the time to claim grows by more than this."""


def claim(
    tx: Connection, means: Means, guild_id: int, number: int, k: int, claimer: int, now: datetime
) -> Pick:
    """The winner wants the prize.

    Raises:
        Refusal: it is somebody else's, or too late, or claimed already.
    """
    period, draw, pick = _locked(tx, guild_id, number, k)
    if pick.discord_id != claimer:
        raise Refusal(_("This prize is not yours to claim."), _("Good luck next time!"))
    if pick.state == "drawn":
        # The click proves that it is possible now, so an interruption that ends with it counts.
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
    return _tell(tx, means, period, draw, k, "raffle.claim", claimer)


_NOT_OPEN = {
    "claimed": lambda: _("You have claimed this prize already."),
    "delivered": lambda: _("You have this prize already."),
    "expired": lambda: _("The time to claim this prize is over."),
    "skipped": lambda: _("This prize went to somebody else."),
}


def check_claim(
    tx: Connection, means: Means, guild_id: int, number: int, k: int, at: datetime, now: datetime
) -> bool:
    """Run the clock of a winner who has not claimed, up to an instant at which members could use
    the bot; True when the time is over and the next one is drawn. Whoever is banned or excluded
    then is shown as that.

    The clock stands still while nothing that the bot sent is there for the winner to claim with.
    Where nothing more can be sent, either, whoever is banned or excluded is replaced at once.
    """
    period, draw, pick = _locked(tx, guild_id, number, k)
    if pick.state != "drawn":
        return False
    check_winner_row(tx, means, period, pick)
    if not notifying.is_notified(tx, pick):
        if notifying.notify_again(tx, means, period, draw, pick):
            return False
        if find_ban(tx, guild_id, pick.viewer_id, now) is None:
            announcing.unreachable(tx, period, pick)
            return False
        _replace(tx, means, period, draw, pick, now)
        return True
    before = pick.clock
    clock = rules.run_clock(before, timedelta(minutes=draw.claim_minutes), at)
    store.set_clock(tx, pick, clock)
    if clock.is_over:
        _replace(tx, means, period, draw, pick, now)
    elif clock.expires_at - before.expires_at > SHOWN:
        _tell(tx, means, period, draw, k, "raffle.more_time", BY_ITSELF)
    return clock.is_over


def _replace(
    tx: Connection, means: Means, period: Period, draw: Draw, pick: Pick, now: datetime
) -> None:
    """Draw the next winner instead of one who did not claim or is banned or excluded."""
    ban = find_ban(tx, period.guild_id, pick.viewer_id, now)
    if ban is None:
        store.set_pick(tx, pick, "drawn", "expired")
        _tell(tx, means, period, draw, pick.k, "raffle.expire", BY_ITSELF)
    else:
        store.set_pick(tx, pick, "drawn", "skipped", reason=ban)
        _tell(tx, means, period, draw, pick.k, "raffle.skip", BY_ITSELF)
    pick_missing(tx, means, period, draw, now)


def note_deleted(
    tx: Connection, guild_id: int, channel_id: int, message_ids: Collection[int] | None = None
) -> None:
    """These messages were deleted in Discord, or their whole channel was."""
    for pick in store.list_posted_in(tx, guild_id, channel_id):
        receipt = find_receipt(tx, guild_id, announcing.post_key(pick)) or {}
        if message_ids is None or receipt.get("message_id") in message_ids:
            raffle.lock_period(tx, guild_id, pick.period)
            store.set_pick(tx, pick, "drawn", "drawn", post_gone=True)


def deliver(
    tx: Connection, means: Means, guild_id: int, winner: str, actor: int, now: datetime
) -> Pick:
    """An admin has handed over the prize that this person claimed.

    Raises:
        Refusal: nobody of this name has claimed a prize that was not delivered.
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
    told = _tell(tx, means, period, draw, pick.k, "raffle.deliver", actor)
    close_if_over(tx, period, now)
    return told


def _locked(tx: Connection, guild_id: int, number: int, k: int) -> tuple[Period, Draw, Pick]:
    period = raffle.lock_period(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    pick = store.find_pick(tx, guild_id, number, k)
    if period is None or draw is None or pick is None:
        raise Refusal(_("There is no such winner."))
    return period, draw, pick


def _tell(
    tx: Connection, means: Means, period: Period, draw: Draw, k: int, action: str, actor: int
) -> Pick:
    pick = store.find_pick(tx, period.guild_id, period.number, k)
    assert pick is not None, "it is locked"
    check_winner(tx, means, period, draw, pick)
    post_audit(tx, period.guild_id, actor, action, f"#{period.number}.{k}", after=pick.name)
    announcing.changed(tx, means, period, draw, pick)
    return pick
