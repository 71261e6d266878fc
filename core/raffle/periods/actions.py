"""Beginning and ending raffles. Every change of the calendar happens under its lock, so of two
processes one comes second and finds it done."""

from datetime import date, datetime

from sqlalchemy import Connection

from core.guilds.actions import change_setting, setting, time_zone_of
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox import actions as outbox
from core.raffle import store
from core.raffle.actions import open_period
from core.raffle.ledger import earning
from core.raffle.means import Means
from core.raffle.periods import rules
from core.raffle.periods.rules import LastEnd, Stretch
from core.raffle.periods.settings import ENABLED, LOG_CHANNEL
from core.raffle.settings import CHANNEL, PRIZE, WINNERS
from core.raffle.showing import show_change
from core.raffle.store import Period

BY_ITSELF = 0
"""Who did it, in the audit log, where nobody did."""


def open_due(tx: Connection, means: Means, guild_id: int, now: datetime) -> Period | None:
    """Open the monthly raffle that is to be open now; None when there is nothing to do (any
    more)."""
    if not setting(tx, guild_id, ENABLED):
        return None
    store.lock_periods(tx, guild_id)
    last = store.find_last(tx, guild_id)
    last_end = LastEnd(last.ends_at, last.ends_with_month) if last else None
    due = rules.monthly_after(last_end, now, time_zone_of(tx, guild_id))
    return None if due is None else _open(tx, means, guild_id, due, BY_ITSELF, now)


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
            _changed(tx, period, "prize", BY_ITSELF, now)


def start(
    tx: Connection,
    means: Means,
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
    opened = _open(tx, means, guild_id, wanted, actor, now)
    change_setting(tx, guild_id, ENABLED, True, actor)
    return opened


def _open(
    tx: Connection,
    means: Means,
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
        means,
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


def end(tx: Connection, guild_id: int, actor: int, now: datetime) -> Period:
    """End the raffle that runs now, or call off the one to come. None opens by itself any more.

    Raises:
        Refusal: there is none.
    """
    ended = _end_now(tx, guild_id, actor, now)
    change_setting(tx, guild_id, ENABLED, False, actor)
    return ended


def restart(
    tx: Connection, means: Means, guild_id: int, actor: int, now: datetime
) -> tuple[Period, Period]:
    """End the raffle that runs now and open the next one, up to the same end; returns both.

    Raises:
        Refusal: none runs.
    """
    store.lock_periods(tx, guild_id)
    running = store.find_open(tx, guild_id, now)
    if running is None:
        raise Refusal(_("No raffle runs right now."), _("Open one with `/rafflestart`."))
    ended = _end_now(tx, guild_id, actor, now)
    wanted = Stretch(rules.whole_second(now), running.ends_at)
    opened = _open(tx, means, guild_id, wanted, actor, now, ends_with_month=running.ends_with_month)
    return ended, opened


def _end_now(tx: Connection, guild_id: int, actor: int, now: datetime) -> Period:
    store.lock_periods(tx, guild_id)
    period = _lock_coming(tx, guild_id, now)
    if period is None:
        raise Refusal(_("No raffle runs right now."), _("Open one with `/rafflestart`."))
    if period.starts_at >= rules.whole_second(now):
        calls_off = {"ends_at": period.starts_at, "state": "closed", "closed_at": now}
        store.set_period(tx, guild_id, period.number, **calls_off)
        what = "cancel"
    else:
        ends_now = {"ends_at": rules.whole_second(now), "ends_with_month": False}
        store.set_period(tx, guild_id, period.number, **ends_now)
        what = "end"
    return _changed(tx, period, what, actor, now)


def set_dates(
    tx: Connection, means: Means, guild_id: int, first: date, last: date, actor: int, now: datetime
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
        return _open(tx, means, guild_id, wanted, actor, now)
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
    """The raffle that runs, or else the next one to come."""
    coming = [p for p in store.list_in_state(tx, "open", guild_id) if p.ends_at > now]
    if not coming:
        return None
    first = min(coming, key=lambda period: period.starts_at)
    return store.lock_period(tx, guild_id, first.number)


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
    if actor != BY_ITSELF and log and log != setting(tx, period.guild_id, CHANNEL):
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
