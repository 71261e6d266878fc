"""The totals that a platform reports become amounts that count."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.orm import aliased

from core.events import WagerCounted
from core.guilds.actions import audit, load_settings
from core.guilds.channels import tell_admins
from core.inbox import actions as inbox
from core.kit.affiliate import Standings, fold
from core.kit.database import among
from core.kit.errors import Refusal
from core.kit.records import table_of
from core.kit.words import _
from core.kit.work import Lock, Work
from core.wagers import rules
from core.wagers.actions import list_accounts
from core.wagers.records import AffiliateAccount, Decision, Kind, WagerChange
from core.wagers.rules import TITLES, Baseline, WagerSettings

ALERT_EVERY = timedelta(days=1)
"""How often admins get an alert about odd totals of the same account."""

_MOST_LINES = 10

changes = table_of(WagerChange)

IS_ODD = or_(WagerChange.kind == "fall", WagerChange.held > 0)


def count(work: Work, platform: str, standings: Standings) -> int:
    """Count what the guild's verified accounts have wagered since their last reading; returns how
    many were in the answer. An answer older than that reading changes nothing."""
    work.lock(Lock.WAGERS)
    settings = load_settings(work, WagerSettings)
    code = fold(settings.code(platform))
    if not code:
        return 0
    recent = IS_ODD & (WagerChange.at > standings.asked_at - ALERT_EVERY)
    reported = work.execute(select(WagerChange.account_id, WagerChange.kind).where(recent)).all()
    known = {(account_id, kind) for account_id, kind in reported}
    seen: list[int] = []
    odd: list[tuple[AffiliateAccount, WagerChange]] = []
    for account in list_accounts(work, platform):
        total = standings.find_total(code, account.username)
        if total is None or account.seen_at is None or standings.asked_at <= account.seen_at:
            continue
        seen.append(account.account_id)
        change = _read(work, account, code, total, standings.asked_at, settings)
        if change is None:
            continue
        if change.amount:
            _publish(work, account, f"{account.account_id}:{change.at.isoformat()}", change)
        is_odd = change.kind == "fall" or change.held
        if is_odd and (account.account_id, change.kind) not in known:
            odd.append((account, change))
    mark_seen(work, seen, standings.asked_at)
    if odd:
        _tell_admins(work, platform, odd, standings.asked_at)
    return len(seen)


def mark_seen(work: Work, account_ids: Sequence[int], at: datetime) -> None:
    """These accounts were in an answer of this time."""
    work.execute(
        update(AffiliateAccount)
        .where(among(AffiliateAccount.account_id.expression, account_ids))
        .values(seen_at=at),
        execution_options={"synchronize_session": False},
    )


def _read(
    work: Work,
    account: AffiliateAccount,
    code: str,
    total: Decimal,
    at: datetime,
    settings: WagerSettings,
) -> WagerChange | None:
    """Record what a reading means; None if nothing has changed."""
    assert account.total is not None, "it was verified by a reading"
    assert account.seen_at is not None, "it was verified by a reading"
    if account.campaign_code != code:
        # Totals are per code: nothing was wagered under this one since the last reading.
        _set_baseline(account, Baseline(total))
        account.campaign_code = code
        return None
    seconds = (at - account.seen_at).total_seconds()
    largest = rules.largest_rise(settings.review_above_per_hour, seconds)
    before = Baseline(account.total, account.fell_from, account.fell_to)
    found = rules.change(before, total, largest)
    if found is None:
        return None
    change = WagerChange(
        account_id=account.account_id,
        viewer_id=account.viewer_id,
        kind=found.kind,
        since=account.seen_at,
        at=at,
        total_before=account.total,
        total=total,
        amount=found.amount,
        held=found.held,
    )
    work.add(change)
    _set_baseline(account, found.after)
    return change


def _set_baseline(account: AffiliateAccount, baseline: Baseline) -> None:
    for name, value in asdict(baseline).items():
        setattr(account, name, value)


def _publish(work: Work, account: AffiliateAccount, key: str, change: WagerChange) -> None:
    inbox.publish(
        work.tx,
        WagerCounted(
            key=key,
            guild_id=work.guild_id,
            at=change.at,
            platform=account.platform,
            viewer_id=change.viewer_id,
            amount=change.amount,
        ),
    )


def _tell_admins(
    work: Work,
    platform: str,
    odd: Sequence[tuple[AffiliateAccount, WagerChange]],
    at: datetime,
) -> None:
    work.flush()  # numbers the changes
    lines = [
        {
            "username": account.username,
            "kind": change.kind,
            "total_before": str(change.total_before),
            "total": str(change.total),
            "held": str(change.held),
            "number": change.id,
        }
        for account, change in odd[:_MOST_LINES]
    ]
    payload = {"platform": TITLES[platform], "lines": lines, "more": len(odd) - len(lines)}
    key = f"wagers.odd:{platform}:{at.isoformat()}"
    tell_admins(work, "wagers.odd", key, payload)


# -- held amounts ---------------------------------------------------------------------------------


class Odd(NamedTuple):
    """A total that fell, or a rise of which a part is held.

    Attributes:
        decision: what an admin did with the held amount; None while it waits.
    """

    change: WagerChange
    username: str
    decision: Kind | None


def list_odd(work: Work, platform: str, after: datetime, most: int = 10) -> list[Odd]:
    """What waits for an admin's decision, then what else was odd since then; newest first."""
    decision = aliased(WagerChange)
    waits = (WagerChange.held > 0) & decision.id.is_(None)
    found = work.execute(
        select(WagerChange, AffiliateAccount.username, decision.kind)
        .join(
            AffiliateAccount,
            (AffiliateAccount.guild_id == WagerChange.guild_id)
            & (AffiliateAccount.account_id == WagerChange.account_id),
        )
        .outerjoin(
            decision,
            (decision.guild_id == WagerChange.guild_id) & (decision.releases == WagerChange.id),
        )
        .where(AffiliateAccount.platform == platform, IS_ODD, or_(WagerChange.at > after, waits))
        .order_by(waits.desc(), WagerChange.id.desc())
        .limit(most)
    )
    return [Odd(*row) for row in found]


def decide(work: Work, number: int, decision: Decision) -> Decimal:
    """Count a held amount, because it was really wagered, or dismiss it, because the platform was
    wrong; returns how much. Raises Refusal if nothing is held under this number, or it was decided
    before."""
    work.lock(Lock.WAGERS)
    held = work.find(WagerChange, number)
    if held is None or not held.held:
        raise Refusal(
            _("Nothing is held under #{number}.").format(number=number),
            _("`/shuffle status` lists what is."),
        )
    decided = work.scalar(select(WagerChange.kind).where(WagerChange.releases == number))
    if decided is not None:
        already = {
            "release": _("#{number} was already counted."),
            "dismissal": _("#{number} was already dismissed."),
        }
        raise Refusal(already[decided].format(number=number))
    change = WagerChange(
        account_id=held.account_id,
        viewer_id=held.viewer_id,
        kind=decision,
        since=held.at,
        at=work.now,
        total_before=held.total,
        total=held.total,
        amount=held.held if decision == "release" else Decimal(0),
        held=Decimal(0),
        releases=number,
    )
    work.add(change)
    action = "wagers.release" if decision == "release" else "wagers.dismiss"
    audit(work, action, f"viewer:{held.viewer_id}", after=str(held.held))
    if decision == "release":
        account = work.find(AffiliateAccount, held.account_id)
        assert account is not None, "a change belongs to an account"
        _publish(work, account, f"release:{number}", change)
    return held.held


# -- for the raffle --------------------------------------------------------------------------------


def list_wagered_between(
    tx: Connection, guild_id: int, start: datetime, end: datetime
) -> dict[int, Decimal]:
    """Viewer -> what was counted for them from `start` until before `end`, over all platforms.

    Rows never change and new ones have a later `at`, so the sums of a period are final once the
    first poll after it was counted.
    """
    found = tx.execute(
        select(changes.c.viewer_id, func.sum(changes.c.amount))
        .where(changes.c.guild_id == guild_id, changes.c.at >= start, changes.c.at < end)
        .group_by(changes.c.viewer_id)
        .having(func.sum(changes.c.amount) > 0)
        .order_by(changes.c.viewer_id)
    )
    return {viewer_id: Decimal(amount) for viewer_id, amount in found}


def has_verified(tx: Connection, guild_id: int) -> bool:
    """Whether anybody's wagers count in this guild."""
    verified = (AffiliateAccount.verified_at.is_not(None), AffiliateAccount.ended_at.is_(None))
    found = select(AffiliateAccount.account_id).where(AffiliateAccount.guild_id == guild_id)
    return tx.execute(found.where(*verified).limit(1)).first() is not None
