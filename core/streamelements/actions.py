"""Changes of a server's StreamElements account and of points there, inside a transaction."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from core.events import StreamElementsSettled
from core.guilds.actions import audit
from core.guilds.channels import alert_admins
from core.guilds.connections.accounts import AccountKind
from core.inbox import actions as inbox
from core.kit.database.records import PlatformUserId
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.errors import Outage, Refusal
from core.kit.text.words import _
from core.streamelements.records import BulkLine, BulkOperation, StreamElementsAccount
from core.streamelements.rules import Holder, Sent, Verdict, has_enough, judge, next_look, pause

LOGIN = re.compile(r"[a-z0-9_]{1,25}")
"""The account's name in URLs on the platform."""

MAX_VIEWERS_SHOWN = 10
"""In an alert to the admins; the dashboard shows all of them."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a viewer's balance.

    Attributes:
        login: login on the platform, in lowercase.
        user_id: user id on the platform.
        delta: change in points; negative to remove them.
        references: the caller's, such as viewer ids; the event contains them.
    """

    login: str
    user_id: int
    delta: int
    references: tuple[int, ...] = ()


def count_open(work: Work) -> int:
    """Open changes of points."""
    return work.count(BulkOperation.state.in_(("waiting", "sending", "unclear")))


def _require_settled(work: Work) -> None:
    """Raises Refusal while changes of points are open: they need the account."""
    if count_open(work):
        raise Refusal(
            _("Changes of points at StreamElements are still open."),
            _("Wait until they are done, or review the unclear ones."),
        )


ACCOUNT = AccountKind(
    "StreamElements",
    StreamElementsAccount,
    stops=lambda: _(
        "Points at StreamElements cannot be used after that, and nobody loses any. If this "
        "server's points are kept there (`points.provider`), games refuse stakes until you "
        "connect again or run `/settings set points.provider own`."
    ),
    lost=lambda: _("Points at StreamElements cannot be used until it is connected again."),
    before_delete=_require_settled,
)
find_account, get_account = ACCOUNT.find, ACCOUNT.get


def connect_account(work: Work, account: StreamElementsAccount) -> None:
    """Keep the account, which replaces the one before. Raises Refusal if that is still needed."""
    before = find_account(work)
    if before is not None and before.channel_id != account.channel_id:
        _require_settled(work)
    ACCOUNT.keep(work, account, notify=False)


# -- changes of points ----------------------------------------------------------------------------


def queue_changes(work: Work, key: str, purpose: str, changes: Sequence[Change]) -> bool:
    """Queue one call that changes these balances; the result comes as `StreamElementsSettled` with
    this key. False if the key was queued before. It waits until StreamElements is connected.

    Args:
        purpose: shown to admins.
    """
    if work.exists(BulkOperation.key == key):
        return False
    operation = BulkOperation(key=key, purpose=purpose, queued_at=work.now, try_at=work.now)
    work.add(operation)
    work.flush()
    for change in changes:
        line = BulkLine(
            number=operation.number,
            login=change.login,
            user_id=PlatformUserId(change.user_id),
            delta=change.delta,
            references=list(change.references),
        )
        work.add(line)
    return True


def find_operation(work: Work, number: int) -> BulkOperation | None:
    """Locked until the transaction ends."""
    key = (work.guild_id, number)
    return work.get(BulkOperation, key, with_for_update=True, populate_existing=True)


def list_lines(work: Work, number: int) -> Sequence[BulkLine]:
    """The changes of an operation, in the order of their logins."""
    return work.scalars(
        select(BulkLine).where(BulkLine.number == number).order_by(BulkLine.login)
    ).all()


def list_open_lines(work: Work, number: int) -> list[BulkLine]:
    """The changes whose outcome is not known yet."""
    return [line for line in list_lines(work, number) if line.outcome is None]


def prepare(work: Work, number: int, balances: Mapping[str, Holder]) -> dict[str, int]:
    """Record that the call is about to be made, and return what it sends. Viewers with too few
    points are left out."""
    operation = find_operation(work, number)
    assert operation is not None
    assert operation.state == "waiting", "it is sent once"
    deltas: dict[str, int] = {}
    for line in list_open_lines(work, number):
        held = balances[line.login]
        line.before, line.alltime = held.points, held.alltime
        if has_enough(line.before, line.delta):
            deltas[line.login] = line.delta
        else:
            line.outcome = "too_little"
    operation.state, operation.sent_at = "sending", work.now
    return deltas


def postpone(work: Work, number: int, outage: Outage, *, was_sent: bool = False) -> None:
    """Retry later: the call was not made, or its effect could not be read yet."""
    operation = find_operation(work, number)
    assert operation is not None
    operation.attempts += 1
    operation.state = "sending" if was_sent else "waiting"
    operation.reason = str(outage)
    operation.try_at = work.now + pause(operation.attempts, outage.retry_after)


def is_looked_for(work: Work, number: int) -> bool:
    """Whether the balances will be read again after a change was sent."""
    operation = find_operation(work, number)
    assert operation is not None
    assert operation.sent_at is not None, "the call was made"
    return next_look(work.now - operation.sent_at) is not None


def settle(work: Work, number: int, verdict: Verdict, reason: str = "") -> None:
    """Set the outcome of every open change; admins decide those that are unclear."""
    operation = find_operation(work, number)
    assert operation is not None
    lines = list_open_lines(work, number)
    for line in lines:
        line.outcome = verdict
    _close(work, operation, lines, reason)


def look(work: Work, number: int, balances: Mapping[str, Holder], reason: str) -> None:
    """The call was not answered: infer each outcome from the viewer's current balance. A change
    that did not happen may still happen, until the last check."""
    operation = find_operation(work, number)
    assert operation is not None
    assert operation.sent_at is not None, "the call was made"
    after = next_look(work.now - operation.sent_at)
    known, lines = _list_changed_since(work, operation), list_open_lines(work, number)
    for line in lines:
        now = balances[line.login]
        line.seen = now.points
        sent = Sent(line.delta, line.before or 0, line.alltime, known.get(line.user_id, 0))
        verdict = judge(sent, now)
        if verdict == "applied" or after is None:
            line.outcome = verdict
    if after is not None and any(line.outcome is None for line in lines):
        operation.reason, operation.try_at = reason, operation.sent_at + after
        _publish(work, operation)
    else:
        _close(work, operation, lines, reason)


def _list_changed_since(work: Work, operation: BulkOperation) -> dict[int, int]:
    """User id -> what later operations have added to the balance."""
    later = select(BulkOperation.number).where(BulkOperation.sent_at > operation.sent_at)
    added = select(BulkLine.user_id, func.sum(BulkLine.delta)).where(
        BulkLine.number.in_(later), BulkLine.outcome == "applied"
    )
    return {
        user_id: int(delta) for user_id, delta in work.execute(added.group_by(BulkLine.user_id))
    }


def _close(work: Work, operation: BulkOperation, lines: Sequence[BulkLine], reason: str) -> None:
    """Close the operation, and alert the admins about changes that failed or are unclear."""
    operation.reason, operation.settled_at = reason, work.now
    unclear = [line for line in lines if line.outcome == "unclear"]
    refused = [line for line in lines if line.outcome == "refused"]
    operation.state = "unclear" if unclear else "settled"
    if unclear:
        operation.settled_at = None
        _alert(work, operation, "streamelements.unclear", unclear)
    if refused and not operation.decided_by:
        _alert(work, operation, "streamelements.not_made", refused)
    _publish(work, operation)


def _alert(work: Work, operation: BulkOperation, kind: str, lines: Sequence[BulkLine]) -> None:
    payload = {
        "number": operation.number,
        "purpose": operation.purpose,
        "reason": operation.reason,
        "count": len(lines),
        "total": sum(line.delta for line in lines),
        "rows": [
            {"viewer": line.login, "points": line.delta, "held": line.before, "balance": line.seen}
            for line in lines[:MAX_VIEWERS_SHOWN]
        ],
    }
    alert_admins(work, kind, f"{kind}:{operation.number}", payload)


def _publish(work: Work, operation: BulkOperation) -> None:
    """Publish known outcomes that are not published yet."""
    lines = [
        line
        for line in list_lines(work, operation.number)
        if not line.is_published and line.outcome not in (None, "unclear")
    ]
    if not lines:
        return
    for line in lines:
        line.is_published = True
    inbox.publish(
        work.tx,
        StreamElementsSettled(
            key=f"{operation.key}|{lines[0].user_id}",
            guild_id=work.guild_id,
            at=work.now,
            operation=operation.key,
            applied=_references(line for line in lines if line.outcome == "applied"),
            refused=_references(line for line in lines if line.outcome != "applied"),
            too_little=_references(line for line in lines if line.outcome == "too_little"),
        ),
    )


def _references(lines: Iterable[BulkLine]) -> tuple[int, ...]:
    return tuple(reference for line in lines for reference in line.references)


def decide(work: Work, number: int, *, applied: bool, login: str = "") -> str:
    """Settle unclear changes as an admin decided; returns the operation's purpose.

    Args:
        login: the account of the change; empty for all unclear ones.

    Raises:
        Refusal: it is not unclear.
    """
    operation = find_operation(work, number)
    unclear = [line for line in list_lines(work, number) if line.outcome == "unclear"]
    decided = [line for line in unclear if login in ("", line.login)]
    if operation is None or not decided:
        raise Refusal(_("This change of points is already settled."))
    for line in decided:
        line.outcome = "applied" if applied else "refused"
    operation.decided_by = work.actor
    if len(decided) == len(unclear):
        operation.state, operation.settled_at = "settled", work.now
    _publish(work, operation)
    action = "streamelements.applied" if applied else "streamelements.not_applied"
    audit(work, action, f"{operation.purpose} ({login})" if login else operation.purpose)
    return operation.purpose


def list_unclear(work: Work) -> list[tuple[BulkOperation, list[BulkLine]]]:
    """The operations that admins have to review, each with its unclear changes."""
    unclear = select(BulkOperation).where(BulkOperation.state == "unclear")
    operations = work.scalars(unclear.order_by(BulkOperation.number)).all()
    return [
        (
            operation,
            [line for line in list_lines(work, operation.number) if line.outcome == "unclear"],
        )
        for operation in operations
    ]


def list_due(tx: Connection, now: object) -> list[tuple[int, int]]:
    """Guild and number of the operations to work on, the oldest first."""
    due = (
        select(BulkOperation.guild_id, BulkOperation.number)
        .where(BulkOperation.state.in_(("waiting", "sending")), BulkOperation.try_at <= now)
        .order_by(BulkOperation.number)
    )
    return [(row[0], row[1]) for row in tx.execute(due, execution_options=ACROSS_GUILDS)]
