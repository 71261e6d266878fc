"""The role of members with a verified account: assign, remove, reconcile."""

from datetime import datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy import Connection, select

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.guilds.actions import gives_roles, language_of, load_settings
from core.guilds.channels import alert_admins
from core.kit.database.records import MemberId, RoleId
from core.kit.database.work import Lock, Work
from core.kit.text.words import _, speak
from core.outbox import actions as outbox
from core.outbox.actions import RoleChange
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt, obstacle_after
from core.wagers.records import AffiliateAccount
from core.wagers.rules import WagerSettings

KIND = "wagers.role"

RETRY_AFTER = timedelta(days=1)
"""Until a role that Discord refused is assigned again, unless an admin verifies again."""

Assigned = tuple[RoleId, MemberId]

_BY_ID = select(AffiliateAccount).order_by(AffiliateAccount.account_id)
_LINKED = AffiliateAccount.ended_at.is_(None)

_log = structlog.get_logger(__name__)


@gives_roles
def list_automatic(work: Work) -> dict[int, str]:
    """The role of verified members, and earlier ones that some still have."""
    held = work.scalars(select(AffiliateAccount.role_id).distinct())
    roles = {load_settings(work, WagerSettings).verified_role, *held} - {0, None}
    return {int(role): "/settings reset wagers.verified_role" for role in roles if role}


def reconcile(work: Work) -> None:
    """Assign missing roles and remove outdated ones."""
    work.lock(Lock.WAGERS)
    outdated = _BY_ID.where(~_LINKED, AffiliateAccount.role_id.is_not(None))
    for account in (*work.scalars(outdated), *work.scalars(_BY_ID.where(_LINKED))):
        reconcile_account(work, account)


def retry_refused(work: Work, _event: RolesChanged) -> None:
    """Retry what Discord refused, because roles have changed."""
    work.lock(Lock.WAGERS)
    refused = _BY_ID.where(_LINKED, AffiliateAccount.role_refused_at.is_not(None))
    for account in work.scalars(refused).all():
        reconcile_account(work, account, retry=True)


def follow_link(work: Work, event: AccountLinked | AccountUnlinked) -> None:
    """After a Kick account was linked or unlinked, the viewer's affiliate accounts follow."""
    work.lock(Lock.WAGERS)
    theirs = _BY_ID.where(_LINKED, AffiliateAccount.viewer_id == event.viewer_id)
    for account in work.scalars(theirs).all():
        reconcile_account(work, account, retry=True)


def reconcile_account(work: Work, account: AffiliateAccount, *, retry: bool = False) -> None:
    """Post the role changes of one account, unless they were posted before. Hold the lock.

    Args:
        retry: also retry what Discord refused recently.
    """
    has, wanted = _assigned(account), _wanted(work, account)
    if has == wanted:
        return
    refused = account.role_refused_at
    if wanted and not has and not retry and refused and work.now - refused < RETRY_AFTER:
        return
    account.role_id, account.role_holder = wanted or (None, None)
    account.role_refused_at = None
    _post_changes(work, account, has, wanted)


def take_back(work: Work, account: AffiliateAccount) -> None:
    """Remove the role that was assigned for this account."""
    if has := _assigned(account):
        account.role_id, account.role_holder = None, None
        _post_changes(work, account, has, None)


def _post_changes(
    work: Work, account: AffiliateAccount, before: Assigned | None, after: Assigned | None
) -> None:
    def change(act: Literal["give", "take"], role_id: int, member: int, reason: str) -> RoleChange:
        key = f"{KIND}:{account.account_id}:{act}:{role_id}:{member}:{work.now.isoformat()}"
        return RoleChange(key, member, role_id, act, reason, {"account_id": account.account_id})

    changes: list[RoleChange] = []
    with speak(language_of(work)):
        if before:
            changes.append(change("take", *before, _("The account is no longer verified")))
        if after:
            changes.append(change("give", *after, _("An admin verified the account")))
    outbox.post_role_changes(work, KIND, changes)


def _assigned(account: AffiliateAccount) -> Assigned | None:
    if account.role_id is None or account.role_holder is None:
        return None
    return account.role_id, account.role_holder


def _wanted(work: Work, account: AffiliateAccount) -> Assigned | None:
    role_id = load_settings(work, WagerSettings).verified_role
    counts = account.ended_at is None and account.verified_at is not None
    return (RoleId(role_id), account.owner) if counts and role_id and account.owner else None


def note_outcome(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """Handle Discord's answer to a change: see `Feature.settles`."""
    skipped = receipt.get("skipped")
    if skipped is not None and message.target["act"] == "give":
        with Work(tx, message.guild_id, now=now) as work:
            _note_refused(work, message, skipped, receipt.get("error"))


def _note_refused(work: Work, message: Outgoing, skipped: str, error: str | None) -> None:
    work.lock(Lock.WAGERS)
    account = work.find(AffiliateAccount, message.payload["account_id"])
    role_id = message.target["role_id"]
    if account is None or _assigned(account) != (role_id, message.target["member_id"]):
        return
    account.role_id, account.role_holder, account.role_refused_at = None, None, work.now
    if skipped != "member":
        _log.warning("Assigning the verified role failed", guild_id=work.guild_id, reason=error)
        alert_admins(
            work,
            "wagers.role_refused",
            f"wagers.role_refused:{role_id}:{work.now.date().isoformat()}",
            {"role_id": role_id, "obstacle": obstacle_after(skipped)},
        )
