"""Beginning and ending raffles. Every change of the calendar happens under its lock, so of two
processes one comes second and finds it done."""

from datetime import date, datetime

from sqlalchemy import Connection

from core.guilds.actions import change_setting, setting, time_zone_of
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Work
from core.outbox import actions as outbox
from core.raffle import store
from core.raffle.actions import open_period
from core.raffle.config import Config
from core.raffle.current import no_such_raffle
from core.raffle.draw.records import Draw
from core.raffle.ledger import earning
from core.raffle.periods import rules
from core.raffle.periods.rules import LastEnd, Stretch
from core.raffle.periods.settings import ENABLED
from core.raffle.records import Period
from core.raffle.settings import CHANNEL, LOG_CHANNEL, PRIZE, WINNERS
from core.raffle.showing import show_change

AUTOMATIC = 0
"""The actor in the audit log of what the bot did without being asked."""


def open_due(tx: Connection, config: Config, guild_id: int, now: datetime) -> Period | None:
    """Open the monthly raffle that is to be open now; None when there is nothing to do (any
    more)."""
    if not setting(tx, guild_id, ENABLED):
        return None
    store.lock_periods(tx, guild_id)
    last = store.find_last(tx, guild_id)
    last_end = LastEnd(last.ends_at, last.ends_with_month) if last else None
    due = rules.monthly_after(last_end, now, time_zone_of(tx, guild_id))
    return None if due is None else _open(tx, config, guild_id, due, AUTOMATIC, now)


def name_prize(tx: Connection, guild_id: int, now: datetime) -> None:
    """A prize that is named while raffles without one are open is theirs, too. One that was named
    stays as it is."""
    prize = setting(tx, guild_id, PRIZE)
    if not prize:
        return
    for known in store.list_in_state(tx, "open", guild_id):
        if known.prize or known.ends_at <= now:
            continue
        period = store.lock_period(tx, guild_id, known.number)
        if period is not None and period.state == "open" and not period.prize:
            store.set_period(tx, guild_id, period.number, prize=prize)
            _changed(tx, period, "prize", AUTOMATIC, now)


def start(
    tx: Connection,
    config: Config,
    guild_id: int,
    start_day: int | None,
    end_day: int | None,
    actor: int,
    now: datetime,
) -> Period:
    """Open a raffle from a day of this month, or from now; the next ones open by the month.

    Raises:
        Refusal: another one runs in that time, or a day does not fit.
    """
    store.lock_periods(tx, guild_id)
    wanted = rules.between_days(now, time_zone_of(tx, guild_id), start_day, end_day)
    opened = _open(tx, config, guild_id, wanted, actor, now)
    change_setting(tx, guild_id, ENABLED, True, actor, audit=False)
    return opened


def _open(
    tx: Connection,
    config: Config,
    guild_id: int,
    wanted: Stretch,
    actor: int,
    now: datetime,
    *,
    ends_with_month: bool = False,
) -> Period:
    _require_free(tx, guild_id, wanted)
    zone = time_zone_of(tx, guild_id)
    opened = open_period(
        tx,
        config,
        guild_id,
        wanted.starts_at,
        wanted.ends_at,
        prize=setting(tx, guild_id, PRIZE),
        winners_wanted=setting(tx, guild_id, WINNERS),
        now=now,
        ends_with_month=ends_with_month or rules.is_start_of_month(wanted.ends_at, zone),
    )
    _note(tx, opened, "open", actor, now)
    # What happened before it was noticed that it should be open.
    earning.settle(tx, opened, now)
    return opened


def _require_free(
    tx: Connection, guild_id: int, wanted: Stretch, but_for: Period | None = None
) -> None:
    met = store.list_meeting(tx, guild_id, wanted.starts_at, wanted.ends_at)
    others = [period for period in met if but_for is None or period.number != but_for.number]
    if others:
        raise Refusal(
            _("Raffle #{number} runs then.").format(number=others[0].number),
            _(
                "It lasts from {start} to {end}. End it with `/raffleend`, or choose other dates "
                "with `/rafflesetdate`."
            ).format(start=_moment(others[0].starts_at), end=_moment(others[0].ends_at)),
        )


def _moment(instant: datetime) -> str:
    """In the reader's own zone."""
    return f"<t:{int(instant.timestamp())}:f>"


def get_to_change(tx: Connection, guild_id: int, now: datetime) -> Period:
    """The raffle that `/raffleend` ends: the one that is open, or else the next planned one.

    Raises:
        Refusal: there is none.
    """
    period = _find_coming(tx, guild_id, now)
    if period is None:
        raise _none_runs()
    return period


def get_running(tx: Connection, guild_id: int, now: datetime) -> Period:
    """The raffle that `/rafflerestart` restarts.

    Raises:
        Refusal: none is open.
    """
    running = store.find_open(tx, guild_id, now)
    if running is None:
        raise _none_runs()
    return running


def get_to_cancel(tx: Connection, guild_id: int, number: int | None, now: datetime) -> Period:
    """The raffle of this number; without one the open one, or else the next planned one, or else
    the last one that is not drawn yet.

    Raises:
        Refusal: there is none, or it cannot be cancelled any more, and why.
    """
    if number is not None:
        period = store.find_period(tx, guild_id, number)
    else:
        undrawn = [*store.list_in_state(tx, "open", guild_id)]
        undrawn += store.list_in_state(tx, "frozen", guild_id)
        last = max(undrawn, key=lambda one: one.ends_at, default=None)
        period = _find_coming(tx, guild_id, now) or last
    return _require_undrawn(tx, period, number, now)


def _require_undrawn(
    tx: Connection, period: Period | None, number: int | None, now: datetime
) -> Period:
    """What is fixed stays: whoever saw who wins could cancel it until somebody else does."""
    if period is None:
        raise no_such_raffle(number) if number else Refusal(_("There is no raffle to cancel."))
    if period.is_cancelled:
        raise Refusal(_("Raffle #{number} is already cancelled.").format(number=period.number))
    if period.state in ("drawn", "closed"):
        raise Refusal(_("Raffle #{number} has already been drawn.").format(number=period.number))
    draw = None
    if period.state == "frozen":
        with Work(tx, period.guild_id, now=now) as work:
            draw = work.find(Draw, period.number)
    if draw is not None and (draw.round_at is None or draw.round_at <= now):
        raise Refusal(
            _("Raffle #{number} can't be cancelled any more.").format(number=period.number),
            _("Its random number is out, so the winners are already certain."),
        )
    return period


def _none_runs() -> Refusal:
    return Refusal(_("No raffle runs right now."), _("Open one with `/rafflestart`."))


def end(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> Period:
    """End this raffle now, or cancel it if it has not begun. None opens by itself any more.

    Raises:
        Refusal: it is over already.
    """
    ended = _end_now(tx, guild_id, number, actor, now)
    change_setting(tx, guild_id, ENABLED, False, actor, audit=False)
    return ended


def restart(
    tx: Connection, config: Config, guild_id: int, number: int, actor: int, now: datetime
) -> tuple[Period, Period]:
    """End this raffle now and open the next one, up to the same end; returns both.

    Raises:
        Refusal: it is over already.
    """
    store.lock_periods(tx, guild_id)
    running = store.find_open(tx, guild_id, now)
    if running is None or running.number != number:
        raise _is_over(number)
    ended = _end_now(tx, guild_id, number, actor, now)
    wanted = Stretch(rules.whole_second(now), running.ends_at)
    opened = _open(
        tx, config, guild_id, wanted, actor, now, ends_with_month=running.ends_with_month
    )
    return ended, opened


def cancel(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> Period:
    """Nobody wins this raffle, and its tickets count for nothing. The ledger keeps them.

    Raises:
        Refusal: it is drawn, or its winners are certain already.
    """
    store.lock_periods(tx, guild_id)
    found = store.lock_period(tx, guild_id, number)
    return _cancel_now(tx, _require_undrawn(tx, found, number, now), actor, now)


def _cancel_now(tx: Connection, period: Period, actor: int, now: datetime) -> Period:
    values: dict[str, object] = {"state": "closed", "closed_at": now}
    if period.ends_at > now:  # its time is free for another one
        at = max(period.starts_at, rules.whole_second(now))
        values |= {"ends_at": at, "ends_with_month": False}
    store.set_period(tx, period.guild_id, period.number, **values)
    return _changed(tx, period, "cancel", actor, now)


def _end_now(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> Period:
    store.lock_periods(tx, guild_id)
    period = store.lock_period(tx, guild_id, number)
    if period is None or period.state != "open" or period.ends_at <= now:
        raise _is_over(number)
    if period.starts_at >= rules.whole_second(now):
        return _cancel_now(tx, period, actor, now)
    ends_now = {"ends_at": rules.whole_second(now), "ends_with_month": False}
    store.set_period(tx, guild_id, number, **ends_now)
    return _changed(tx, period, "end", actor, now)


def _is_over(number: int) -> Refusal:
    return Refusal(
        _("Raffle #{number} is over already.").format(number=number),
        _("Somebody else may have ended it just now."),
    )


def set_dates(
    tx: Connection,
    config: Config,
    guild_id: int,
    first: date,
    last: date,
    actor: int,
    now: datetime,
) -> Period:
    """Give the raffle that runs or is to come these dates, both of them included; open one where
    there is none. The start of one that runs stays as it is.

    Raises:
        Refusal: the dates are past, or another raffle runs then.
    """
    store.lock_periods(tx, guild_id)
    zone = time_zone_of(tx, guild_id)
    wanted = rules.between_dates(first, last, now, zone)
    period = _lock_coming(tx, guild_id, now)
    if period is not None and period.starts_at <= now:
        if first != period.starts_at.astimezone(zone).date():
            raise Refusal(
                _("Raffle #{number} has begun, so its start stays: {start}.").format(
                    number=period.number, start=period.starts_at.astimezone(zone).date().isoformat()
                ),
                _("Give that date and another end, or begin anew with `/rafflerestart`."),
            )
        wanted = Stretch(period.starts_at, wanted.ends_at)
    elif wanted.starts_at < rules.whole_second(now):
        raise Refusal(
            _("{day} has passed.").format(day=first.isoformat()),
            _("A raffle begins today or later."),
        )
    if period is None:
        return _open(tx, config, guild_id, wanted, actor, now)
    _require_free(tx, guild_id, wanted, but_for=period)
    store.set_period(
        tx,
        guild_id,
        period.number,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        ends_with_month=rules.is_start_of_month(wanted.ends_at, zone),
    )
    return _changed(tx, period, "move", actor, now)


def _lock_coming(tx: Connection, guild_id: int, now: datetime) -> Period | None:
    first = _find_coming(tx, guild_id, now)
    return None if first is None else store.lock_period(tx, guild_id, first.number)


def _find_coming(tx: Connection, guild_id: int, now: datetime) -> Period | None:
    """The raffle that runs, or else the next one to come."""
    coming = [p for p in store.list_in_state(tx, "open", guild_id) if p.ends_at > now]
    return min(coming, key=lambda period: period.starts_at, default=None)


def _changed(tx: Connection, before: Period, what: str, actor: int, now: datetime) -> Period:
    """Write it down and tell everybody who waits for the end."""
    after = store.find_period(tx, before.guild_id, before.number)
    assert after is not None, "periods are never deleted"
    channel_id = setting(tx, after.guild_id, CHANNEL)
    if channel_id:
        key = f"raffle.dates:{after.number}:{what}:{now.isoformat()}"
        payload = {"what": what, "prize": after.prize, **_dates(after)}
        outbox.post_to_channel(tx, after.guild_id, channel_id, "raffle.dates", key, payload)
    _note(tx, after, what, actor, now, before)
    return after


def _note(
    tx: Connection,
    period: Period,
    what: str,
    actor: int,
    now: datetime,
    before: Period | None = None,
) -> None:
    was = _dates(before) if before else None
    post_audit(
        tx, period.guild_id, actor, f"raffle.{what}", f"#{period.number}", was, _dates(period)
    )
    # Everybody is told of it in the raffle's own channel; who did it is for the log.
    log = setting(tx, period.guild_id, LOG_CHANNEL)
    if actor != AUTOMATIC and log and log != setting(tx, period.guild_id, CHANNEL):
        key = f"{what}:{period.number}:{now.isoformat()}"
        dates = _dates(period)
        del dates["number"]
        show_change(tx, period.guild_id, what, key, actor, now, period.number, **dates)


def _dates(period: Period) -> dict[str, object]:
    return {
        "number": period.number,
        "starts_at": period.starts_at.isoformat(),
        "ends_at": period.ends_at.isoformat(),
    }
