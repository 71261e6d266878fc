"""Queries about slot requests."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, bindparam, func, select

from core.guilds.chat_commands import names_of
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.slot_calls.records import QueuePanel, SlotCall
from core.slot_calls.rules import NAMES

MAX_PLAYED = 200
"""Played requests in the history."""

# Built once, because every action needs them.
IS_OPEN = SlotCall.state == "open"
QUEUE = (
    select(SlotCall)
    .where(IS_OPEN)
    .order_by(SlotCall.picked_at.nulls_last(), SlotCall.is_first.desc(), SlotCall.number)
)
COMES_FIRST = SlotCall.is_first | SlotCall.picked_at.is_not(None)
SIZE = select(
    select(func.coalesce(func.max(SlotCall.number), 0)).scalar_subquery(),
    func.count().filter(COMES_FIRST),
    func.count().filter(~COMES_FIRST),
    select(func.count(QueuePanel.message)).scalar_subquery(),
).where(IS_OPEN)
"""The last call's number, the numbers of open calls with and without priority, and the number of
panels."""
OPEN_OR_RECENT = select(SlotCall).where(
    SlotCall.viewer_id == func.any(bindparam("viewer_ids", type_=ARRAY(BigInteger))),
    IS_OPEN | (SlotCall.called_at >= bindparam("since")),
)
PANEL = select(QueuePanel)


def list_open(work: Work) -> Sequence[SlotCall]:
    """The queue, oldest call first."""
    return work.scalars(QUEUE).all()


def list_newest(work: Work, maximum: int) -> Sequence[SlotCall]:
    """The latest calls in any state, newest first."""
    newest = select(SlotCall).order_by(SlotCall.number.desc()).limit(maximum)
    return work.scalars(newest).all()


def get_call(work: Work, number: int) -> SlotCall:
    """The call with this number. Raises Refusal if there is none."""
    call = work.find(SlotCall, number)
    if call is None:
        raise Refusal(_("There is no request #{number}.").format(number=number))
    return call


@dataclass(frozen=True, slots=True)
class History:
    """The played requests, newest first, and the best and the worst result by multiplier."""

    played: Sequence[SlotCall]
    best: SlotCall | None
    worst: SlotCall | None


def get_history(work: Work) -> History:
    """At most the newest `MAX_PLAYED`."""
    newest = select(SlotCall).where(SlotCall.state == "done").order_by(SlotCall.closed_at.desc())
    by_win = select(SlotCall).where(SlotCall.bet.is_not(None), SlotCall.win.is_not(None)).limit(1)
    ratio = SlotCall.win / SlotCall.bet
    return History(
        played=work.scalars(newest.limit(MAX_PLAYED)).all(),
        best=work.scalar(by_win.order_by(ratio.desc(), SlotCall.number)),
        worst=work.scalar(by_win.order_by(ratio, SlotCall.number)),
    )


def get_names(work: Work) -> tuple[str, ...]:
    """Names of the `!call` command in this server; show people the first one."""
    return names_of(work, NAMES)
