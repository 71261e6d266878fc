"""Steps of a hunt, which can be undone, last one first. Doing and undoing a step trigger the same
follow-ups."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import func, select

from core.bonus_hunt import outcome
from core.bonus_hunt.panel import refresh_message
from core.bonus_hunt.records import Act, Bonus, Hunt, Step
from core.bonus_hunt.store import IN_PROGRESS, get_view
from core.guilds.actions import audit
from core.kit.database.records import GuildRecord, table_of
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.runtime.clock import parse_instant
from core.kit.text.amounts import show_amount
from core.kit.text.words import _

_HUNT = ("name", "start_cost", "state", "finished_at", "guesses_from", "guesses_until")
_BONUS = ("slot", "provider", "bet", "viewer_id", "payout", "skipped")


def lock_current(work: Work, number: int | None = None) -> Hunt:
    """Lock and return the hunt in progress. Raises Refusal if there is none, or it is not the one
    with this number."""
    work.lock(Lock.BONUS_HUNT)
    hunt = work.scalar(select(Hunt).where(IN_PROGRESS))
    if hunt is None:
        raise Refusal(
            _("No bonus hunt is in progress."),
            _("`/hunt start` starts one, `/hunt reopen` reopens the last one."),
        )
    if number is not None and hunt.number != number:
        raise Refusal(
            _("This hunt is over. Hunt #{number} is in progress now.").format(number=hunt.number)
        )
    return hunt


@contextmanager
def step(work: Work, hunt: Hunt, act: Act, position: int | None = None) -> Iterator[None]:
    """Record a change of the hunt, and possibly of a bonus, so that it can be undone."""
    before = _snapshot(work, hunt, position)
    with _change(work, hunt):
        yield
    last = select(func.max(Step.number)).where(Step.hunt == hunt.number)
    number = (work.scalar(last) or 0) + 1
    work.add(Step(hunt=hunt.number, number=number, act=act, position=position, before=before))
    after = _snapshot(work, hunt, position)
    target = hunt.label + (f" #{position}" if position else "")
    said = partial(_summary, currency=hunt.currency)
    audit(work, f"bonus_hunt.{act}", target, before=said(before), after=said(after))


def _snapshot(work: Work, hunt: Hunt, position: int | None) -> dict[str, Any]:
    """Everything a step can change, as JSON."""
    work.flush()
    bonus = work.find(Bonus, hunt.number, position) if position else None
    return {"hunt": _plain(hunt, _HUNT), "bonus": bonus and _plain(bonus, _BONUS)}


def _plain(record: GuildRecord, names: Sequence[str]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    values = {name: plain(getattr(record, name)) for name in names}
    return {k: f"{v:f}" if isinstance(v, Decimal) else v for k, v in values.items()}


def _restore(record: GuildRecord, values: dict[str, Any]) -> None:
    columns = table_of(type(record)).c
    for name, value in values.items():
        kind = columns[name].type.python_type
        parse: Any = {Decimal: Decimal, datetime: parse_instant}.get(kind, lambda plain: plain)
        setattr(record, name, None if value is None else parse(value))


def _summary(snapshot: dict[str, Any], currency: str) -> str:
    """For the audit log."""
    hunt, bonus = snapshot["hunt"], snapshot["bonus"]

    def money(amount: str) -> str:
        return f"{show_amount(Decimal(amount))} {currency}"

    if bonus is None:
        return f"{hunt['name']}, {money(hunt['start_cost'])}"
    result = "?" if bonus["payout"] is None else money(bonus["payout"])
    return f"{bonus['slot']}, {money(bonus['bet'])} → {'skipped' if bonus['skipped'] else result}"


def undo(work: Work, number: int | None = None, version: int | None = None) -> Step:
    """Undo the last step of the hunt in progress, or else of the last hunt.

    Args:
        number: refuse unless it is this hunt.
        version: refuse if the hunt has changed since this version.

    Raises:
        Refusal: there is nothing to undo, or the hunt has changed.
    """
    work.lock(Lock.BONUS_HUNT)
    hunt = get_view(work).hunt
    if (number or hunt.number, version or hunt.version) != (hunt.number, hunt.version):
        raise Refusal(
            _("The hunt changed in the meantime, so nothing was undone."),
            _("Check it, then press *Undo* again if you still want to."),
        )
    last = select(Step).where(Step.hunt == hunt.number).order_by(Step.number.desc()).limit(1)
    done = work.scalar(last)
    if done is None:
        raise Refusal(_("There is nothing to undo."))
    with _change(work, hunt):
        closed_at = hunt.guesses_until
        _restore(hunt, done.before["hunt"])
        if hunt.payout_known and hunt.guesses_open:
            hunt.guesses_until = closed_at  # viewers who saw the payout could guess
        if done.position is not None:
            _restore_bonus(work, hunt, done.position, done.before["bonus"])
        work.delete(done)
    audit(work, "bonus_hunt.undo", hunt.label, after=done.act)
    return done


def _restore_bonus(work: Work, hunt: Hunt, position: int, before: dict[str, Any] | None) -> None:
    bonus = work.find(Bonus, hunt.number, position)
    if before is None:
        if bonus is not None:
            work.delete(bonus)
        return
    if bonus is None:
        bonus = Bonus(hunt=hunt.number, position=position, slot="", bet=Decimal(1))
        work.add(bonus)
    _restore(bonus, before)


@contextmanager
def _change(work: Work, hunt: Hunt) -> Iterator[None]:
    """Announce a win or its revocation and refresh the message after the hunt was changed."""
    was_over, was_open = hunt.state == "finished", hunt.guesses_open
    yield
    work.flush()
    is_over = hunt.state == "finished"
    if is_over and not was_over:
        outcome.award_best_guess(work, hunt)
    elif was_over and not is_over:
        outcome.revoke_win(work, hunt)
    if hunt.guesses_open != was_open and not is_over:
        outcome.announce(work, hunt, "open" if hunt.guesses_open else "closed", {})
    refresh_message(work, hunt)
