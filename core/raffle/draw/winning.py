"""From being drawn to holding the prize: claimed in time, or the next one is drawn."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox.store import find_fate
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.draw import announcing, rules, store
from core.raffle.draw.actions import BY_ITSELF, close_if_over, pick_missing
from core.raffle.draw.publishing import posted_at
from core.raffle.draw.store import Draw, Pick
from core.raffle.means import Means
from core.raffle.store import Period


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
    if pick.state == "drawn" and pick.expires_at is not None and now > pick.expires_at:
        raise Refusal(_("The time to claim this prize is over."))
    if not store.set_pick(tx, pick, "drawn", "claimed", claimed_at=now):
        raise Refusal(_NOT_OPEN[pick.state]())
    return _tell(tx, means, period, draw, k, "raffle.claim", claimer)


_NOT_OPEN = {
    "claimed": lambda: _("You have claimed this prize already."),
    "delivered": lambda: _("You have this prize already."),
    "expired": lambda: _("The time to claim this prize is over."),
    "skipped": lambda: _("This prize went to somebody else."),
}


def expire(tx: Connection, means: Means, guild_id: int, number: int, k: int, now: datetime) -> bool:
    """The winner was silent for too long: the next one is drawn. False when that is not so (any
    more): nobody is silent who could not know of it, or not answer."""
    period, draw, pick = _locked(tx, guild_id, number, k)
    if pick.state != "drawn" or pick.expires_at is None or pick.expires_at > now:
        return False
    call = find_fate(tx, guild_id, announcing.called_key(pick))
    if call is not None and call.state in ("waiting", "sending"):
        return False
    called_at = posted_at(call.receipt) if call else None
    window = timedelta(minutes=draw.claim_minutes)
    until = rules.claim_until(pick.expires_at, called_at, window, now)
    if until > now:
        store.set_pick(tx, pick, "drawn", "drawn", expires_at=until)
        _tell(tx, means, period, draw, k, "raffle.more_time", BY_ITSELF)
        return False
    store.set_pick(tx, pick, "drawn", "expired")
    _tell(tx, means, period, draw, k, "raffle.expire", BY_ITSELF)
    pick_missing(tx, means, period, draw, now)
    return True


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
    post_audit(tx, period.guild_id, actor, action, f"#{period.number}.{k}", after=pick.name)
    announcing.changed(tx, means, period, draw, pick)
    return pick
