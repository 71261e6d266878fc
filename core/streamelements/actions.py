"""What one can do with a server's StreamElements account and its points, inside a transaction."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.events import StreamElementsSettled
from core.guilds import store as guilds
from core.guilds.actions import audit, name_of
from core.guilds.channels import tell_admins
from core.inbox import actions as inbox
from core.kit.errors import Outage, Refusal
from core.kit.records import PlatformUserId
from core.kit.words import _
from core.kit.work import ACROSS_GUILDS, Work, read_records
from core.streamelements.records import BulkLine, BulkOperation, StreamElementsAccount
from core.streamelements.rules import Sent, Verdict, pause, suffices

LOGIN = re.compile(r"[a-z0-9_]{1,25}")
"""A name in addresses at the platform."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of somebody's balance.

    Attributes:
        login: their name at the platform, in lower case.
        user_id: at the platform.
        delta: in points; below zero takes them away.
        references: of whoever wants it, such as viewer ids; they come back with the event.
    """

    login: str
    user_id: int
    delta: int
    references: tuple[int, ...] = ()


def find_account(work: Work) -> StreamElementsAccount | None:
    """The account of the server, whether it can be used or not."""
    return work.find(StreamElementsAccount)


def get_account(work: Work) -> StreamElementsAccount:
    """Raises Refusal unless it can be used."""
    account = find_account(work)
    if account is None:
        raise Refusal(
            _("StreamElements is not connected with this server yet."),
            _("Run `/connect_streamelements`."),
        )
    if account.state != "connected":
        raise Refusal(
            _("StreamElements does not accept the token of {name} any more.").format(
                name=account.name
            ),
            _("Run `/connect_streamelements` again."),
        )
    return account


def connect_account(work: Work, account: StreamElementsAccount) -> None:
    """Keep the account, which replaces the one before."""
    before = find_account(work)
    if before is not None and before.channel_id != account.channel_id and count_open(work):
        raise Refusal(
            _("Changes of points at {name} are still open.").format(name=before.name),
            _("Wait until they are done, or decide those that are unclear."),
        )
    work.merge(account)
    guilds.set_contact(work.tx, work.guild_id, account.connected_by)
    audit(work, "streamelements.connect", account.name)


def disconnect_account(work: Work) -> str | None:
    """Forget the account and its token; its name."""
    account = find_account(work)
    if account is None:
        return None
    if count_open(work):
        raise Refusal(
            _("Changes of points at {name} are still open.").format(name=account.name),
            _("Wait until they are done, or decide those that are unclear."),
        )
    work.delete(account)
    audit(work, "streamelements.disconnect", account.name)
    return account.name


def end_grant(work: Work, before: StreamElementsAccount) -> None:
    """The token is not accepted any more: alert the admins once."""
    account = work.get(
        StreamElementsAccount, work.guild_id, with_for_update=True, populate_existing=True
    )
    if account is None or account.token != before.token or account.state != "connected":
        return
    account.state, account.token = "reconnect", ""
    key = f"streamelements.reconnect:{account.connected_at.isoformat()}"
    payload = {"account": account.name, "server": name_of(work)}
    tell_admins(work, "streamelements.reconnect", key, payload)


def list_accounts(tx: Connection) -> Sequence[StreamElementsAccount]:
    """The accounts of all servers."""
    every = select(StreamElementsAccount).order_by(StreamElementsAccount.guild_id)
    return read_records(tx, every.execution_options(**ACROSS_GUILDS))


# -- changes of points ----------------------------------------------------------------------------


def count_open(work: Work) -> int:
    """Operations that are not settled."""
    return work.count(BulkOperation.state.in_(("waiting", "sending", "unclear")))


def queue_changes(work: Work, key: str, purpose: str, changes: Sequence[Change]) -> bool:
    """Queue one call that changes these balances; `StreamElementsSettled` with this key tells what
    became of it. False if the key was queued before. It waits until StreamElements is connected.

    Args:
        purpose: what it is for, as admins read it.
    """
    if work.exists(BulkOperation.key == key):
        return False
    operation = BulkOperation(key=key, purpose=purpose, queued_at=work.now, try_at=work.now)
    work.add(operation)
    work.flush()
    for one in changes:
        line = BulkLine(
            number=operation.number,
            login=one.login,
            user_id=PlatformUserId(one.user_id),
            delta=one.delta,
            references=list(one.references),
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


def list_sent(work: Work, number: int) -> list[Sent]:
    """What the call carried."""
    return [
        Sent(one.login, one.delta, one.before or 0)
        for one in list_lines(work, number)
        if not one.is_refused
    ]


def prepare(work: Work, number: int, balances: Mapping[str, int]) -> dict[str, int]:
    """Note that the call is about to be made; what it carries. Whoever has too little is left
    out."""
    operation = find_operation(work, number)
    assert operation is not None
    assert operation.state == "waiting", "it is sent once"
    deltas: dict[str, int] = {}
    for line in list_lines(work, number):
        line.before = balances[line.login]
        line.is_refused = not suffices(line.before, line.delta)
        if not line.is_refused:
            deltas[line.login] = line.delta
    operation.state = "sending"
    return deltas


def postpone(work: Work, number: int, outage: Outage, *, was_sent: bool = False) -> None:
    """The call was certainly not made, or its effect could not be read yet: wait."""
    operation = find_operation(work, number)
    assert operation is not None
    operation.attempts += 1
    operation.state = "sending" if was_sent else "waiting"
    operation.reason = str(outage)
    operation.try_at = work.now + pause(operation.attempts, outage.retry_after)


def settle(work: Work, number: int, verdict: Verdict, reason: str = "") -> None:
    """Keep what became of the call, and publish it; admins decide where it is unclear."""
    operation = find_operation(work, number)
    assert operation is not None
    operation.state, operation.reason = verdict, reason
    lines = list_lines(work, number)
    if verdict == "unclear":
        payload = {
            "number": number,
            "purpose": operation.purpose,
            "count": sum(1 for one in lines if not one.is_refused),
            "total": sum(one.delta for one in lines if not one.is_refused),
        }
        tell_admins(work, "streamelements.unclear", f"streamelements.unclear:{number}", payload)
        return
    operation.settled_at = work.now
    applied = verdict == "applied"
    inbox.publish(
        work.tx,
        StreamElementsSettled(
            key=operation.key,
            guild_id=work.guild_id,
            at=work.now,
            applied=_references(one for one in lines if applied and not one.is_refused),
            refused=_references(one for one in lines if not applied or one.is_refused),
            too_little=_references(one for one in lines if one.is_refused),
        ),
    )


def _references(lines: Iterable[BulkLine]) -> tuple[int, ...]:
    return tuple(one for line in lines for one in line.references)


def decide(work: Work, number: int, *, applied: bool) -> str:
    """An admin has looked at StreamElements; the operation's purpose.

    Raises:
        Refusal: it is not unclear.
    """
    operation = find_operation(work, number)
    if operation is None or operation.state != "unclear":
        raise Refusal(_("That change of points is settled already."))
    operation.decided_by = work.actor
    settle(work, number, "applied" if applied else "refused", operation.reason)
    action = "streamelements.applied" if applied else "streamelements.not_applied"
    audit(work, action, operation.purpose)
    return operation.purpose


def list_unclear(work: Work) -> Sequence[BulkOperation]:
    """What admins have to decide."""
    unclear = select(BulkOperation).where(BulkOperation.state == "unclear")
    return work.scalars(unclear.order_by(BulkOperation.number)).all()


def list_due(tx: Connection, now: object) -> list[tuple[int, int]]:
    """Guild and number of the operations to work on, the oldest first."""
    due = (
        select(BulkOperation.guild_id, BulkOperation.number)
        .where(BulkOperation.state.in_(("waiting", "sending")), BulkOperation.try_at <= now)
        .order_by(BulkOperation.number)
    )
    return [(row[0], row[1]) for row in tx.execute(due, execution_options=ACROSS_GUILDS)]
