"""Answers of a platform become amounts that count. The raffle makes tickets of them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.events import WagerCounted
from core.guilds.actions import setting
from core.guilds.channels import tell_admins
from core.guilds.store import post_audit
from core.inbox import actions as inbox
from core.kit.affiliate import Standings, fold
from core.kit.database import savepoint, violated
from core.kit.errors import Refusal
from core.kit.words import _
from core.wagers import counted, rules, store
from core.wagers.counted import Odd
from core.wagers.platforms import TITLES
from core.wagers.rules import Baseline, Change
from core.wagers.settings import CODES, LARGEST_RISE
from core.wagers.store import Account

TOLD_EVERY = timedelta(days=1)
"""How often admins are told about the same account's odd totals."""

_TOLD_AT_ONCE = 10


def count(tx: Connection, guild_id: int, platform: str, standings: Standings) -> int:
    """Count what the server's verified accounts have wagered since they were last seen; returns how
    many were in the answer. An answer that was asked for earlier than one known changes nothing."""
    store.lock(tx, guild_id)
    code = fold(setting(tx, guild_id, CODES[platform]))
    if not code:
        return 0
    lately = standings.asked_at - TOLD_EVERY
    told = [
        one
        for one in counted.list_odd(tx, guild_id, platform, lately, most=1000)
        if one.at > lately
    ]
    seen: list[int] = []
    odd: list[tuple[Account, Change, int]] = []
    for account in store.list_accounts(tx, guild_id, platform):
        total = standings.find_total(code, account.username)
        if total is None or account.seen_at is None or standings.asked_at <= account.seen_at:
            continue
        seen.append(account.account_id)
        found, number = _read(tx, account, code, total, standings.asked_at)
        if found is not None and (found.kind == "fall" or found.held):
            odd.append((account, found, number))
    store.set_seen(tx, guild_id, seen, standings.asked_at)
    _tell(tx, guild_id, platform, odd, told, standings.asked_at)
    return len(seen)


def _read(
    tx: Connection, account: Account, code: str, total: Decimal, at: datetime
) -> tuple[Change | None, int]:
    """What the reading means, and the number of the row that records it."""
    assert account.total is not None, "it was verified by a reading"
    assert account.seen_at is not None, "it was verified by a reading"
    found, number = None, 0
    if account.campaign_code != code:
        # Another code has totals of its own: nothing of this one was wagered since.
        after = Baseline(total)
    else:
        seconds = (at - account.seen_at).total_seconds()
        largest = rules.largest_rise(setting(tx, account.guild_id, LARGEST_RISE), seconds)
        before = Baseline(account.total, account.fell_from, account.fell_to)
        found = rules.change(before, total, largest)
        if found is None:
            return None, 0
        after = found.after
        number = counted.post_change(tx, account, found, at)
        if found.amount:
            _tell_counted(tx, account, f"{account.account_id}:{at.isoformat()}", found.amount, at)
    store.set_account(tx, account.guild_id, account.account_id, campaign_code=code, **asdict(after))
    return found, number


def _tell_counted(
    tx: Connection, account: Account, key: str, amount: Decimal, at: datetime
) -> None:
    inbox.publish(
        tx,
        WagerCounted(
            key=key,
            guild_id=account.guild_id,
            at=at,
            platform=account.platform,
            viewer_id=account.viewer_id,
            amount=amount,
        ),
    )


def _tell(
    tx: Connection,
    guild_id: int,
    platform: str,
    odd: Sequence[tuple[Account, Change, int]],
    told: Sequence[Odd],
    at: datetime,
) -> None:
    """Tell the admins, but not of an account that they were told about within a day."""
    known = {(one.account_id, one.kind) for one in told}
    new = [(a, found, n) for a, found, n in odd if (a.account_id, found.kind) not in known]
    if not new:
        return
    lines = [
        {
            "username": account.username,
            "kind": found.kind,
            "total_before": str(account.total),
            "total": str(found.after.total),
            "held": str(found.held),
            "number": number,
        }
        for account, found, number in new[:_TOLD_AT_ONCE]
    ]
    payload = {"platform": TITLES[platform], "lines": lines, "more": len(new) - len(lines)}
    key = f"wagers.odd:{platform}:{at.isoformat()}"
    tell_admins(tx, guild_id, "wagers.odd", key, payload)


def release(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> Decimal:
    """An admin says that what is held was really wagered; returns how much counts now.

    Raises:
        Refusal: nothing is held under this number, or it was decided before.
    """
    decided, account = _decide(tx, guild_id, number, "release", actor, now)
    _tell_counted(tx, account, f"release:{number}", decided, now)
    return decided


def dismiss(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> Decimal:
    """An admin says that what is held is the platform's mistake; returns how much does not count.

    Raises:
        Refusal: nothing is held under this number, or it was decided before.
    """
    return _decide(tx, guild_id, number, "dismissal", actor, now)[0]


def _decide(
    tx: Connection,
    guild_id: int,
    number: int,
    decision: Literal["release", "dismissal"],
    actor: int,
    now: datetime,
) -> tuple[Decimal, Account]:
    store.lock(tx, guild_id)
    try:
        with savepoint(tx):
            row = counted.post_decision(tx, guild_id, number, decision, now)
    except IntegrityError as error:
        if violated(error) != "wagers_changes_released_once":
            raise
        known = {
            "release": _("#{number} was already counted."),
            "dismissal": _("#{number} was already dismissed."),
        }[counted.find_decision(tx, guild_id, number) or "release"]
        raise Refusal(known.format(number=number)) from error
    if row is None:
        raise Refusal(
            _("Nothing is held under #{number}.").format(number=number),
            _("`/shuffle status` lists what is."),
        )
    account = store.find_account(tx, guild_id, row["account_id"])
    assert account is not None, "a row belongs to an account"
    amount, whose = Decimal(row["decided"]), f"viewer:{account.viewer_id}"
    action = "wagers.release" if decision == "release" else "wagers.dismiss"
    post_audit(tx, guild_id, actor, action, whose, after=str(amount))
    return amount, account
