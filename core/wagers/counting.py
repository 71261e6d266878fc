"""Turns the totals that a platform reports into amounts that count."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, update

from core.events import WagerCounted
from core.guilds.actions import audit, load_settings
from core.guilds.channels import alert_admins
from core.inbox import actions as inbox
from core.kit.affiliate import Standings, fold
from core.kit.database.connection import among
from core.kit.database.records import table_of
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.wagers import rules
from core.wagers.actions import find_highest, list_accounts
from core.wagers.records import AffiliateAccount, Decision, Kind, WagerChange
from core.wagers.rules import TITLES, WINDOW, Baseline, Counted, HeldReason, WagerSettings

ALERT_INTERVAL = timedelta(days=1)
"""The minimum time between alerts about unusual totals of the same account."""

CLOCK_SET_BACK_BY = timedelta(hours=1)
"""A reading older than the last one by more than this is not a late response: the server's clock
was set back."""

_MAX_LINES = 10

changes = table_of(WagerChange)

IS_ODD = or_(WagerChange.kind == "fall", WagerChange.held > 0)


def count(work: Work, platform: str, standings: Standings) -> int:
    """Count what the guild's verified accounts wagered since their last reading; returns how many
    were in the response. A response older than that reading changes nothing."""
    work.lock(Lock.WAGERS)
    settings = load_settings(work, WagerSettings)
    code, at = fold(settings.code(platform)), standings.asked_at
    if not code:
        return 0
    recent = IS_ODD & (WagerChange.at > at - ALERT_INTERVAL)
    reported = work.execute(select(WagerChange.account_id, WagerChange.kind).where(recent)).all()
    known = {(account_id, kind) for account_id, kind in reported}
    counted = _list_counted(work, platform, at)
    seen: list[int] = []
    odd: list[tuple[AffiliateAccount, WagerChange]] = []
    for account in list_accounts(work, platform):
        total = standings.find_total(code, account.username)
        if total is None or account.seen_at is None or _is_late(at, account.seen_at):
            continue
        seen.append(account.account_id)
        theirs = {*counted[account.viewer_id], *counted[account.folded_name]}
        allowed = rules.allowance(settings.review_above_per_hour, account.seen_at, at, theirs)
        change = _read(work, account, code, total, at, allowed)
        if change is None:
            continue
        if change.amount:
            _publish(work, account, f"{account.account_id}:{change.at.isoformat()}", change)
        is_odd = change.kind == "fall" or change.held
        if is_odd and (account.account_id, change.kind) not in known:
            odd.append((account, change))
    mark_seen(work, seen, at)
    if odd:
        _tell_admins(work, platform, odd, at)
    return len(seen)


def _is_late(asked_at: datetime, seen_at: datetime) -> bool:
    return seen_at - CLOCK_SET_BACK_BY <= asked_at <= seen_at


def _list_counted(work: Work, platform: str, at: datetime) -> dict[int | str, list[Counted]]:
    """What counted in the last hour without an admin: by viewer, and by the account's name, because
    another viewer may have linked it before."""
    found = work.execute(
        select(WagerChange, AffiliateAccount.folded_name)
        .join(
            AffiliateAccount,
            (AffiliateAccount.guild_id == WagerChange.guild_id)
            & (AffiliateAccount.account_id == WagerChange.account_id),
        )
        .where(
            AffiliateAccount.platform == platform,
            WagerChange.at > at - WINDOW,
            WagerChange.kind == "rise",
            WagerChange.amount > 0,
        )
    )
    counted: dict[int | str, list[Counted]] = defaultdict(list)
    for change, name in found:
        entry = Counted(change.id, change.since, change.at, change.amount)
        counted[change.viewer_id].append(entry)
        counted[name].append(entry)
    return counted


def mark_seen(work: Work, account_ids: Sequence[int], at: datetime) -> None:
    """Store that these accounts were in a response at this time."""
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
    allowed: Fraction,
) -> WagerChange | None:
    """Store the change since the last reading; None if nothing changed."""
    assert account.total is not None, "it was verified by a reading"
    assert account.highest is not None, "it was verified by a reading"
    assert account.seen_at is not None, "it was verified by a reading"
    if account.campaign_code != code:
        # Totals are per code, so the last reading says nothing about this one.
        highest = find_highest(work, account.platform, account.folded_name, code, total)
        _set_baseline(account, Baseline(total, highest))
        account.campaign_code = code
        return None
    found = rules.change(Baseline(account.total, account.highest), total, allowed)
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
        reason=found.reason,
        campaign_code=code,
    )
    work.add(change)
    _set_baseline(account, found.after)
    if found.kind == "fall":
        _undo_wrong_jump(work, account)
    return change


def _set_baseline(account: AffiliateAccount, baseline: Baseline) -> None:
    account.total, account.highest = baseline.total, baseline.highest


def _undo_wrong_jump(work: Work, account: AffiliateAccount) -> None:
    """The highest total was wrong if an admin dismissed the jump to it and the platform has gone
    back since, but not below where the jump started: continue counting from there."""
    jumped = select(WagerChange).where(
        WagerChange.account_id == account.account_id,
        WagerChange.campaign_code == account.campaign_code,
        WagerChange.reason == "fast",
        WagerChange.total == account.highest,
        WagerChange.total_before <= account.total,
    )
    jump = work.scalar(jumped.order_by(WagerChange.id.desc()).limit(1))
    if jump is not None and _find_decision(work, jump) == "dismissal":
        account.highest = account.total


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
    entries = list_odd(work, platform, at - ALERT_INTERVAL, None)
    newest = {entry.number: entry for entry in entries}
    shown = [newest[change.id] for _account, change in odd[:_MAX_LINES]]
    lines = [
        {
            "username": entry.username,
            "kind": "rise" if entry.held else "fall",
            "total_before": str(entry.total_before),
            "total": str(entry.total),
            "held": str(entry.held),
            "number": entry.number,
        }
        for entry in shown
    ]
    payload = {"platform": TITLES[platform], "lines": lines, "more": len(odd) - len(lines)}
    key = f"wagers.odd:{platform}:{at.isoformat()}"
    alert_admins(work, "wagers.odd", key, payload)


# -- held amounts ---------------------------------------------------------------------------------


class Odd(NamedTuple):
    """Totals of an account that fell, or rose by an amount that is held.

    Attributes:
        number: number of the newest reading; a decision about it applies to all of `held`.
        held: the amount that is held, or was until the decision; 0 for totals that fell.
        decision: the admin's decision about the held amount; None while undecided.
    """

    number: int
    account_id: int
    username: str
    at: datetime
    total_before: Decimal
    total: Decimal
    held: Decimal
    reason: HeldReason | None
    decision: Kind | None


# A decision covers everything that was held for the same reason up to a row, so that a total which
# returns in many steps is one entry. Going back from the newest row, the last decision found covers
# a row.
_LIST_ODD = text("""
    WITH change AS (
        SELECT c.*, min(c.releases) OVER (
                   PARTITION BY c.account_id, c.reason
                   ORDER BY COALESCE(c.releases, c.id) DESC, c.releases NULLS LAST) AS decided_by
          FROM wagers_changes AS c
         WHERE c.guild_id = :guild_id AND (c.kind <> 'rise' OR c.held > 0)
    ), entry AS (
        SELECT account_id, reason, decided_by, max(id) AS number, sum(held) AS held,
               (array_agg(total_before ORDER BY id))[1] AS total_before
          FROM change
         WHERE kind IN ('rise', 'fall')
         GROUP BY account_id, reason, decided_by
    )
    SELECT entry.number, entry.account_id, a.username, newest.at,
           CASE WHEN entry.reason IS NULL THEN newest.total_before ELSE entry.total_before END,
           newest.total, entry.held, entry.reason, decision.kind AS decision
      FROM entry
      JOIN wagers_changes AS newest ON newest.guild_id = :guild_id AND newest.id = entry.number
      JOIN wagers_accounts AS a
           ON a.guild_id = :guild_id AND a.account_id = entry.account_id
          AND a.platform = :platform
      LEFT JOIN wagers_changes AS decision
           ON decision.guild_id = :guild_id AND decision.releases = entry.decided_by
     WHERE newest.at > :after OR entry.held > 0 AND entry.decided_by IS NULL
     ORDER BY entry.held > 0 AND entry.decided_by IS NULL DESC, entry.number DESC
     LIMIT :maximum
""")


def list_odd(work: Work, platform: str, after: datetime, maximum: int | None = 10) -> list[Odd]:
    """Undecided entries, then other unusual ones since then; newest first. Everything held for an
    account for one reason is one entry, and so is everything that fell."""
    work.flush()
    which = {"guild_id": work.guild_id, "platform": platform, "after": after, "maximum": maximum}
    return [Odd(*row) for row in work.tx.execute(_LIST_ODD, which)]


def decide(work: Work, number: int, decision: Decision) -> Decimal:
    """Count a held amount because it was really wagered, or dismiss it because the platform was
    wrong, together with everything held before for the same reason; returns how much. Amounts held
    later need another decision. Raises Refusal if nothing is held under this number, or it was
    decided before."""
    work.lock(Lock.WAGERS)
    newest = work.find(WagerChange, number)
    if newest is None or newest.reason is None or not newest.held:
        raise Refusal(
            _("Nothing is held under #{number}.").format(number=number),
            _("See held amounts with `/shuffle status`."),
        )
    decided = _find_decision(work, newest)
    if decided is not None:
        already = {
            "release": _("#{number} was already counted."),
            "dismissal": _("#{number} was already dismissed."),
        }
        raise Refusal(already[decided].format(number=number))
    held = _sum_held(work, newest)
    account = work.find(AffiliateAccount, newest.account_id)
    assert account is not None, "a change belongs to an account"
    change = WagerChange(
        account_id=newest.account_id,
        viewer_id=newest.viewer_id,
        kind=decision,
        since=newest.at,
        at=work.now,
        total_before=newest.total,
        total=newest.total,
        amount=held if decision == "release" else Decimal(0),
        held=Decimal(0),
        reason=newest.reason,
        campaign_code=newest.campaign_code,
        releases=number,
    )
    work.add(change)
    work.flush()
    action = "wagers.release" if decision == "release" else "wagers.dismiss"
    audit(work, action, f"viewer:{newest.viewer_id}", after=str(held))
    if decision == "release":
        _publish(work, account, f"release:{number}", change)
    elif account.total is not None and account.total != account.highest:
        _undo_wrong_jump(work, account)
    return held


def _decisions(held: WagerChange) -> tuple[ColumnElement[bool], ...]:
    return (
        WagerChange.account_id == held.account_id,
        WagerChange.reason == held.reason,
        WagerChange.releases.is_not(None),
    )


def _find_decision(work: Work, held: WagerChange) -> Decision | None:
    about = select(WagerChange.kind).where(*_decisions(held), WagerChange.releases >= held.id)
    return cast("Decision | None", work.scalar(about.order_by(WagerChange.releases).limit(1)))


def _sum_held(work: Work, newest: WagerChange) -> Decimal:
    """The amount held since the last decision, up to this row."""
    last = work.scalar(select(func.max(WagerChange.releases)).where(*_decisions(newest)))
    together = select(func.sum(WagerChange.held)).where(
        WagerChange.account_id == newest.account_id,
        WagerChange.reason == newest.reason,
        WagerChange.id > (last or 0),
        WagerChange.id <= newest.id,
    )
    return Decimal(work.scalars(together).one())


# -- for the raffle --------------------------------------------------------------------------------


def list_wagered_between(
    tx: Connection, guild_id: int, start: datetime, end: datetime
) -> dict[int, Decimal]:
    """Viewer -> what was counted for them from `start` until before `end`, on all platforms.

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
    """Whether the guild has a verified account."""
    verified = (AffiliateAccount.verified_at.is_not(None), AffiliateAccount.ended_at.is_(None))
    found = select(AffiliateAccount.account_id).where(AffiliateAccount.guild_id == guild_id)
    return tx.execute(found.where(*verified).limit(1)).first() is not None
