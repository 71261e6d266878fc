"""Starting, moving, ending and cancelling raffles. Every change is made under `Lock.RAFFLES`."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from core.guilds.actions import audit, change_setting, load_settings, time_zone_of
from core.kit.database.records import THE_BOT
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.calendar import Stretch
from core.kit.text.words import _
from core.raffle.actions import (
    Config,
    find_problem,
    log_change,
    open_period,
    post_news,
    require_free,
)
from core.raffle.draw import publishing
from core.raffle.draw.publishing import Past
from core.raffle.draw_records import Draw
from core.raffle.ledger import earning, store
from core.raffle.ledger.store import Pool
from core.raffle.periods import rules
from core.raffle.periods.rules import whole_second
from core.raffle.records import Period
from core.raffle.rules import RaffleSettings
from core.raffle.store import (
    TOOK_PLACE,
    find_coming,
    find_open,
    get_shown,
    list_in_state,
    lock_period,
    require_undrawn,
)
from core.wagers.counting import has_verified
from core.watchtime.actions import window

MAX_PAST = 3

# -- starting -------------------------------------------------------------------------------------


def open_due(work: Work, config: Config) -> Period | None:
    """Open the monthly raffle if it is due; returns None otherwise."""
    if not load_settings(work, RaffleSettings).enabled:
        return None
    work.lock(Lock.RAFFLES)
    last = work.scalar(TOOK_PLACE.order_by(Period.ends_at.desc()).limit(1))
    last_end, with_month = (last.ends_at, last.ends_with_month) if last else (None, False)
    zone = time_zone_of(work)
    due = rules.monthly_after(last_end, with_month, work.now, zone)
    return None if due is None else _open(work, config, due)


def start(work: Work, config: Config, start_day: int | None, end_day: int | None) -> Period:
    """Open a raffle from a day of this month, or from now; later ones open each month."""
    work.lock(Lock.RAFFLES)
    zone = time_zone_of(work)
    opened = _open(work, config, rules.between_days(work.now, zone, start_day, end_day))
    # The entry of the raffle in the audit log is enough.
    change_setting(work, RaffleSettings.declared["enabled"], True, audited=False)
    return opened


def _open(work: Work, config: Config, wanted: Stretch, *, ends_with_month: bool = False) -> Period:
    zone = time_zone_of(work)
    with_month = ends_with_month or rules.is_start_of_month(wanted.ends_at, zone)
    settings = load_settings(work, RaffleSettings)
    opened = open_period(work, config, *wanted, settings, ends_with_month=with_month)
    _record(work, opened, "open")
    # If it opens late, something may have happened in it already.
    earning.credit(work, opened)
    return opened


# -- changing -------------------------------------------------------------------------------------


def name_prize(work: Work) -> None:
    """Set the prize of open raffles without one, if it was chosen later."""
    prize = load_settings(work, RaffleSettings).prize
    if not prize:
        return
    for period in list_in_state(work, "open"):
        if period.prize or period.ends_at <= work.now:
            continue
        lock_period(work, period.number)  # and read it again
        if period.state == "open" and not period.prize:
            before = period.dates
            period.prize = prize
            _announce_change(work, period, "prize", before)


def end(work: Work, number: int) -> Period:
    """End this raffle now, or cancel it if it has not begun. No new one opens each month."""
    ended = _end_now(work, number)
    change_setting(work, RaffleSettings.declared["enabled"], False, audited=False)
    return ended


def restart(work: Work, config: Config, number: int) -> Period:
    """End this raffle now and open the next one, with the same end; returns the new one."""
    work.lock(Lock.RAFFLES)
    running = find_open(work, work.now)
    if running is None or running.number != number:
        raise _is_over(number)
    wanted, with_month = Stretch(whole_second(work.now), running.ends_at), running.ends_with_month
    _end_now(work, number)
    return _open(work, config, wanted, ends_with_month=with_month)


def _end_now(work: Work, number: int) -> Period:
    work.lock(Lock.RAFFLES)
    name_prize(work)  # it may have been chosen a second ago
    period = lock_period(work, number)
    if period is None or period.state != "open" or period.ends_at <= work.now:
        raise _is_over(number)
    if period.starts_at >= whole_second(work.now):
        return _cancel_now(work, period)
    before = period.dates
    period.ends_at, period.ends_with_month = whole_second(work.now), False
    return _announce_change(work, period, "end", before)


def _is_over(number: int) -> Refusal:
    return Refusal(
        _("Raffle #{number} has already ended.").format(number=number),
        _("Someone else may have ended it just now."),
    )


def cancel(work: Work, number: int) -> Period:
    """Close this raffle without winners. Its tickets stay in the ledger but no longer count."""
    work.lock(Lock.RAFFLES)
    return _cancel_now(work, _require_uncertain(work, lock_period(work, number), number))


def _cancel_now(work: Work, period: Period) -> Period:
    before = period.dates
    period.state, period.closed_at = "closed", work.now
    if period.ends_at > work.now:  # another raffle can take its time
        period.ends_at = max(period.starts_at, whole_second(work.now))
        period.ends_with_month = False
    return _announce_change(work, period, "cancel", before)


def set_dates(work: Work, config: Config, first: date, last: date) -> Period:
    """Give the current or next raffle these dates, both included, or open one with them. The start
    of a running raffle cannot change."""
    work.lock(Lock.RAFFLES)
    zone = time_zone_of(work)
    wanted = rules.between_dates(first, last, work.now, zone)
    coming = find_coming(work)
    period = lock_period(work, coming.number) if coming else None
    if period is not None and period.starts_at <= work.now:
        begun = period.starts_at.astimezone(zone).date()
        if first != begun:
            raise Refusal(
                _("Raffle #{number} has already started, on {start}.").format(
                    number=period.number, start=begun.isoformat()
                ),
                _("Keep that start date, or start a new raffle with `/rafflerestart`."),
            )
        wanted = Stretch(period.starts_at, wanted.ends_at)
    elif wanted.starts_at < whole_second(work.now):
        raise Refusal(
            _("{day} is in the past.").format(day=first.isoformat()),
            _("Choose today or later."),
        )
    if period is None:
        return _open(work, config, wanted)
    require_free(work, wanted.starts_at, wanted.ends_at, number=period.number)
    before = period.dates
    period.starts_at, period.ends_at = wanted.starts_at, wanted.ends_at
    period.ends_with_month = rules.is_start_of_month(wanted.ends_at, zone)
    return _announce_change(work, period, "move", before)


def _announce_change(work: Work, period: Period, what: str, before: dict[str, Any]) -> Period:
    """Announce the change to viewers and record it."""
    key = f"raffle.dates:{period.number}:{what}:{work.now.isoformat()}"
    post_news(work, "raffle.dates", key, {"what": what, "prize": period.prize, **period.dates})
    _record(work, period, what, before)
    return period


def _record(work: Work, period: Period, what: str, before: dict[str, Any] | None = None) -> None:
    audit(work, f"raffle.{what}", f"#{period.number}", before=before, after=period.dates)
    # The raffle's own channel has the news; the log's shows who did it.
    settings = load_settings(work, RaffleSettings)
    if work.actor != THE_BOT and settings.log_channel not in (0, settings.channel):
        key = f"{what}:{period.number}:{work.now.isoformat()}"
        log_change(work, what, key, **period.dates)


# -- which raffle a command means -----------------------------------------------------------------


def get_to_end(work: Work, *, has_begun: bool = False) -> Period:
    """The open raffle, or else the next planned one, unless it must have started."""
    period = find_open(work, work.now) if has_begun else find_coming(work)
    if period is None:
        raise Refusal(_("No raffle is running right now."), _("Open one with `/rafflestart`."))
    return period


def get_to_cancel(work: Work, number: int | None = None) -> Period:
    """The raffle with this number; by default the open one, else the next planned one, else the
    last undrawn one."""
    if number is not None:
        return _require_uncertain(work, work.find(Period, number), number)
    undrawn = list_in_state(work, "open", "frozen")
    last = max(undrawn, key=lambda period: period.ends_at, default=None)
    return _require_uncertain(work, find_coming(work) or last, number)


def _require_uncertain(work: Work, found: Period | None, number: int | None) -> Period:
    """Otherwise an admin who knows the winners could cancel raffles until the desired person
    wins."""
    period = require_undrawn(found, number)
    draw = work.find(Draw, period.number) if period.state == "frozen" else None
    if draw is not None and (draw.round_at is None or draw.round_at <= work.now):
        raise Refusal(
            _("Raffle #{number} can no longer be cancelled.").format(number=period.number),
            _("The random number is already published, so the winners are decided."),
        )
    return period


# -- what is shown --------------------------------------------------------------------------------


class Info(NamedTuple):
    """Public information on the raffle, and for admins why its news cannot be posted."""

    period: Period
    pool: Pool
    page: str
    settings: RaffleSettings
    counts_wagers: bool
    window_minutes: int  # how long a message in chat counts as watching
    past: Sequence[Past]
    problem: str


def get_info(work: Work, config: Config, *, is_admin: bool = False) -> Info:
    """The current raffle, how to earn tickets, the prize, and the last winners."""
    period = get_shown(work)
    return Info(
        period,
        store.get_pool(work, period.number),
        config.page_of(period.public_id),
        load_settings(work, RaffleSettings),
        has_verified(work.tx, work.guild_id),
        int(window(work.tx, work.guild_id).total_seconds()) // 60,
        publishing.list_past(work, config, MAX_PAST),
        find_problem(work) if is_admin else "",
    )
