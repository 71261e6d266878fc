"""The API that games use to move points, in our ledger or in another service.

A game names each operation with a natural key and calls `take`, `pay` or `refund` with its `Work`,
in the transaction in which it changes its own state:

    moved = take(work, Round("heist", 12), "heist:12:join:345", {345: 100})
    if moved is None:
        ...  # pending: wait for the event `PointsMoved` with this key
    elif 345 in moved.refused:
        ...  # moved.refused[345] says why

Our own ledger answers at once and publishes no event. Another provider (StreamElements) puts the
operation into its queue and answers later: `None` now, and then one `PointsMoved` or several, each
about other viewers, whose handler reads `find_moved(work, event.operation, event.viewer_ids)`.
Calling again with a known key does nothing and returns the outcome, or None while any part is
pending.

Amounts are whole numbers above zero. Keys are unique within a server; begin them with the game's
name. Locks: take the game's own lock before; these functions take `Lock.POINTS`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sqlalchemy import select

from core.events import PointsMoved
from core.guilds.actions import load_settings
from core.inbox import actions as inbox
from core.kit.database.work import Lock, Work
from core.points import ledger, store
from core.points.records import Kind, Move, MoveState, Operation, Reason
from core.points.rules import PointsSettings, allocate, pay_out

Amounts = Mapping[int, int]
"""Viewer id -> points."""


class Round(NamedTuple):
    """A round of a game, which links its stakes, payouts and refunds."""

    game: str
    number: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The outcome of an operation: each of its viewers is in one of the two mappings.

    Attributes:
        confirmed: viewer id -> points that were moved.
        refused: viewer id -> the reason. Our ledger only refuses stakes; another provider can also
            refuse a payout to an unknown account.
        waits: set by a provider while the rest of the operation stays pending.
    """

    key: str
    confirmed: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Reason] = field(default_factory=dict)
    waits: bool = False


# -- for games ------------------------------------------------------------------------------------


def is_on(work: Work) -> bool:
    """Whether the server has points."""
    return load_settings(work, PointsSettings).enabled


def currency_of(work: Work) -> dict[str, Any]:
    """For payloads of messages: `symbol`, `one` and `plural`."""
    return load_settings(work, PointsSettings).currency


def answers_later(work: Work) -> bool:
    """Whether operations stay pending until the provider answers. If so, use one operation for the
    whole round."""
    return _provider(work).answers_later


def balance_of(work: Work, viewer_id: int) -> int | None:
    """The points of a person over all linked accounts; None if only the provider knows."""
    return _provider(work).balance_of(work, viewer_id)


def take(work: Work, round: Round, key: str, stakes: Amounts) -> Moved | None:
    """Take stakes from viewers. Each stake is taken in full or refused, independently of the
    others.

    Exclusions, breaks and daily loss limits are checked here, for every provider. Several accounts
    of one person are checked in the order given.
    """
    known = _find(work, key)
    if known is not None:
        return _outcome(work, known)
    accounts = store.list_accounts(work, stakes)
    refused = _refuse_players(work, stakes, accounts)
    wanted = {viewer_id: amount for viewer_id, amount in stakes.items() if viewer_id not in refused}
    return _start(work, round, key, "take", wanted, refused, stakes)


def pay(work: Work, round: Round, key: str, payouts: Amounts) -> Moved | None:
    """Pay viewers, stakes included: a viewer who staked 100 and wins 130 is paid 130. Leave out
    those who lost."""
    known = _find(work, key)
    return _outcome(work, known) if known else _start(work, round, key, "pay", payouts)


def refund(
    work: Work, round: Round, key: str, viewer_ids: Collection[int] | None = None
) -> Moved | None:
    """Refund the confirmed stakes of a round, of these viewers or all, minus points already paid or
    refunded. Refund pending stakes when their `PointsMoved` arrives."""
    known = _find(work, key)
    if known is not None:
        return _outcome(work, known)
    staked = store.list_open_stakes(work, *round)
    wanted = {
        account: amount
        for account, amount in staked.items()
        if amount > 0 and (viewer_ids is None or account in viewer_ids)
    }
    return _start(work, round, key, "refund", wanted)


def find_moved(work: Work, key: str, viewer_ids: Collection[int] | None = None) -> Moved:
    """The known outcome of an operation, for these viewers or all."""
    moved = Moved(key)
    for move in work.scalars(select(Move).where(Move.key == key, Move.state != "pending")):
        if viewer_ids is not None and move.viewer_id not in viewer_ids:
            continue
        if move.state == "confirmed":
            moved.confirmed[move.viewer_id] = move.amount
        else:
            moved.refused[move.viewer_id] = move.reason or "provider"
    return moved


def is_pending(work: Work, key: str) -> bool:
    """Whether some viewers of the operation wait for the provider's answer."""
    return work.exists(Move.key == key, Move.state == "pending")


def list_refused(work: Work, moved: Moved) -> dict[int, int]:
    """Viewer id -> refused points."""
    found = select(Move.viewer_id, Move.amount).where(
        Move.key == moved.key, Move.viewer_id.in_(moved.refused)
    )
    return {row.viewer_id: row.amount for row in work.execute(found)}


# -- for providers --------------------------------------------------------------------------------


class Provider(Protocol):
    """Stores points. One object serves all servers."""

    answers_later: bool

    def balance_of(self, work: Work, viewer_id: int) -> int | None:
        """The points of a person; None if that takes a call to the service."""

    def move(self, work: Work, operation: Operation, amounts: Amounts) -> Moved:
        """Move the points now. Or queue the operation, return a `Moved` that `waits` with immediate
        refusals, and call `settle` once the outcome of the others is certain; call the service only
        after the commit. `amounts` is never empty."""


PROVIDERS: dict[str, Provider] = {}
"""Setting `points.provider` -> the provider. `core.points.feature` fills it."""


def settle(
    work: Work,
    key: str,
    refused: Mapping[int, Reason] | None = None,
    viewer_ids: Collection[int] | None = None,
) -> None:
    """Complete a pending operation for these viewers or for all, except those whom the provider
    refused. Publishes `PointsMoved`; a second call does nothing."""
    work.lock(Lock.POINTS)
    operation = work.find(Operation, key)
    if operation is None or operation.done_at is not None:
        return
    refused = refused or {}
    pending = work.scalars(select(Move).where(Move.key == key, Move.state == "pending")).all()
    known = [move for move in pending if viewer_ids is None or move.viewer_id in viewer_ids]
    if pending and not known:
        return
    if len(known) == len(pending):
        operation.done_at = work.now
    for move in known:
        reason = refused.get(move.viewer_id)
        move.state, move.reason = ("refused", reason) if reason else ("confirmed", None)
    _publish(work, operation, [move.viewer_id for move in known])


def _publish(work: Work, operation: Operation, viewer_ids: Collection[int]) -> None:
    decided = tuple(sorted(int(number) for number in viewer_ids))
    event = PointsMoved(
        key=f"{operation.key}|{decided[0] if decided else ''}",
        guild_id=work.guild_id,
        at=work.now,
        game=operation.game,
        round=operation.round,
        kind=operation.kind,
        operation=operation.key,
        viewer_ids=decided,
    )
    inbox.publish(work.tx, event)


# -- operations -----------------------------------------------------------------------------------


def _provider(work: Work) -> Provider:
    return PROVIDERS[load_settings(work, PointsSettings).provider]


def _find(work: Work, key: str) -> Operation | None:
    work.lock(Lock.POINTS)
    return work.find(Operation, key)


def _outcome(work: Work, operation: Operation) -> Moved | None:
    return None if operation.done_at is None else find_moved(work, operation.key)


def _refuse_players(
    work: Work, stakes: Amounts, accounts: Mapping[int, tuple[int, ...]]
) -> dict[int, Reason]:
    """The viewers who may not stake this amount. Earlier stakes of a person count first."""
    everybody = {account for theirs in accounts.values() for account in theirs}
    excluded = store.list_excluded(work, everybody)
    limits = store.list_limits(work, everybody)
    day = ledger.today(work)
    lost = store.list_lost(work, everybody, day) if limits else {}
    refused: dict[int, Reason] = {}
    for viewer_id, amount in stakes.items():
        theirs = accounts[viewer_id]
        set_by_them = [limits[account] for account in theirs if account in limits]
        losses = [limit.loss_on(day) for limit in set_by_them]
        limit = min((loss for loss in losses if loss is not None), default=None)
        at_risk = amount + sum(lost.get(their, 0) for their in theirs)
        if not excluded.isdisjoint(theirs):
            refused[viewer_id] = "excluded"
        elif any(limit.break_until and limit.break_until > work.now for limit in set_by_them):
            refused[viewer_id] = "break"
        elif limit is not None and at_risk > limit:
            refused[viewer_id] = "limit"
        else:
            lost[viewer_id] = lost.get(viewer_id, 0) + amount
    return refused


def _start(
    work: Work,
    round: Round,
    key: str,
    kind: Kind,
    wanted: Amounts,
    refused: Mapping[int, Reason] | None = None,
    asked: Amounts | None = None,
) -> Moved | None:
    assert all(amount > 0 for amount in (asked or wanted).values()), "amounts are above zero"
    provider = load_settings(work, PointsSettings).provider
    operation = Operation(
        key=key, game=round.game, round=round.number, kind=kind, provider=provider, at=work.now
    )
    work.add(operation)
    work.flush()
    refused = dict(refused or {})
    moved: Moved | None = Moved(key)
    if wanted:
        answer = PROVIDERS[provider].move(work, operation, wanted)
        refused |= answer.refused
        moved = None if answer.waits else answer
    if moved is not None:
        moved = Moved(key, moved.confirmed, refused)
        operation.done_at = work.now
    store.add_moves(
        work,
        key,
        ledger.today(work),
        [
            (viewer_id, amount, *_state(viewer_id, refused, moved))
            for viewer_id, amount in (asked or wanted).items()
        ],
    )
    if moved is None and refused:
        _publish(work, operation, refused)
    return moved


def _state(
    viewer_id: int, refused: Mapping[int, Reason], moved: Moved | None
) -> tuple[MoveState, Reason | None]:
    reason = refused.get(viewer_id) if moved is None else moved.refused.get(viewer_id)
    if reason:
        return "refused", reason
    return ("pending" if moved is None else "confirmed"), None


# -- our own ledger -------------------------------------------------------------------------------


class OwnLedger:
    """Answers at once. A viewer's entries have the key `operation:viewer`."""

    answers_later = False

    def balance_of(self, work: Work, viewer_id: int) -> int | None:
        return sum(store.get_balances(work, store.accounts_of(work, viewer_id)).values())

    def move(self, work: Work, operation: Operation, amounts: Amounts) -> Moved:
        moved = Moved(operation.key)
        new: list[ledger.NewEntry] = []
        if operation.kind == "take":
            accounts = store.list_accounts(work, amounts)
            everybody = {their for theirs in accounts.values() for their in theirs}
            balances = dict(store.get_balances(work, everybody))
            for viewer_id, amount in amounts.items():
                parts = allocate(balances, accounts[viewer_id], amount)
                if parts is None:
                    moved.refused[viewer_id] = "balance"
                    continue
                for account, bucket, taken in parts:
                    balances[account, bucket] -= taken
                new += ledger.entries_for(f"{operation.key}:{viewer_id}", parts, -1)
                moved.confirmed[viewer_id] = amount
        else:
            staked = store.list_staked(work, operation.game, operation.round)
            for viewer_id, amount in amounts.items():
                parts = pay_out(staked.get(viewer_id, {}), viewer_id, amount)
                new += ledger.entries_for(f"{operation.key}:{viewer_id}", parts, 1)
                moved.confirmed[viewer_id] = amount
        ledger.post(work, operation.game, new)
        return moved


PROVIDERS["own"] = OwnLedger()
