"""Which raffle is meant where nobody names one."""

from datetime import datetime

from sqlalchemy import Connection

from core.kit.errors import Refusal
from core.kit.words import _
from core.raffle import store
from core.raffle.records import Period


def get_taking(tx: Connection, guild_id: int, now: datetime) -> Period:
    """The raffle that runs, or else the last one that ended and still takes tickets.

    Raises:
        Refusal: there is none.
    """
    running = store.find_open(tx, guild_id, now)
    if running is not None:
        return running
    begun = [p for p in store.list_in_state(tx, "open", guild_id) if p.starts_at <= now]
    if not begun:
        raise Refusal(
            _("No raffle takes tickets right now."), _("An admin opens one with `/rafflestart`.")
        )
    return max(begun, key=lambda period: period.ends_at)


def find_shown(tx: Connection, guild_id: int, now: datetime) -> Period | None:
    """The raffle that runs; else the one that ended last, else the one that begins next."""
    running = store.find_open(tx, guild_id, now)
    if running is not None:
        return running
    real = [p for p in store.list_periods(tx, guild_id) if p.starts_at < p.ends_at]
    begun = [period for period in real if period.starts_at <= now]
    if begun:
        return max(begun, key=lambda period: period.ends_at)
    return min(real, key=lambda period: period.starts_at, default=None)


def get_shown(tx: Connection, guild_id: int, now: datetime) -> Period:
    """The same.

    Raises:
        Refusal: there has been none.
    """
    found = find_shown(tx, guild_id, now)
    if found is None:
        raise Refusal(
            _("There is no raffle yet."), _("An admin opens the first one with `/rafflestart`.")
        )
    return found


def no_such_raffle(number: int) -> Refusal:
    """Nobody ever opened a raffle with this number."""
    return Refusal(
        _("There is no raffle #{number}.").format(number=number),
        _("`/rafflehistory` lists the past ones."),
    )
