"""The role of members whose account was verified: asked for, taken back, looked after."""

from datetime import datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy import Connection

from core.guilds.actions import language_of, setting
from core.guilds.channels import tell_admins
from core.kit.words import _, speak
from core.outbox import actions as outbox
from core.outbox.actions import RoleChange
from core.outbox.store import Outgoing
from core.outbox.transport import Receipt
from core.wagers import store
from core.wagers.settings import VERIFIED_ROLE
from core.wagers.store import Account

KIND = "wagers.role"

REFUSED_FOR = timedelta(days=1)
"""How long nothing is asked of Discord that it has refused, unless an admin verifies again."""

_log = structlog.get_logger(__name__)


def settle_all(tx: Connection, guild_id: int, now: datetime) -> None:
    """Everybody has the role who is to have it, and nobody else by us."""
    store.lock(tx, guild_id)
    live = store.list_accounts(tx, guild_id)
    ended = [one for one in store.list_with_role(tx, guild_id) if one.ended_at is not None]
    for account in (*ended, *live):
        settle(tx, account, now)


def retry_refused(tx: Connection, guild_id: int, now: datetime) -> None:
    """Ask again for what Discord refused, because something has changed or an admin wants it."""
    store.lock(tx, guild_id)
    for account in store.list_accounts(tx, guild_id):
        if account.role_refused_at is not None:
            settle(tx, account, now, anew=True)


def settle_viewer(tx: Connection, guild_id: int, viewer_id: int, now: datetime) -> None:
    """The same for one viewer, who has just linked or unlinked their account on Kick."""
    store.lock(tx, guild_id)
    for account in store.list_of_viewer(tx, guild_id, viewer_id):
        settle(tx, account, now, anew=True)


def settle(tx: Connection, account: Account, now: datetime, *, anew: bool = False) -> None:
    """Ask for what has to change for one account. Doing it again asks for nothing more; with `anew`
    it asks for what Discord refused not long ago, too. Hold `store.lock`."""
    has = _held(account)
    wanted = _wanted(tx, account)
    if has == wanted:
        return
    refused = account.role_refused_at
    if wanted and not has and not anew and refused and now - refused < REFUSED_FOR:
        return
    role_id, holder = wanted or (None, None)
    store.set_account(
        tx,
        account.guild_id,
        account.account_id,
        role_id=role_id,
        role_holder=holder,
        role_refused_at=None,
    )
    with speak(language_of(tx, account.guild_id)):
        asked = [
            *([_change(account, "take", *has, now)] if has else []),
            *([_change(account, "give", *wanted, now)] if wanted else []),
        ]
    outbox.post_role_changes(tx, account.guild_id, KIND, asked)


def take_back(tx: Connection, account: Account, now: datetime) -> None:
    """Take the role, whoever has it for this account."""
    has = _held(account)
    if has is not None:
        with speak(language_of(tx, account.guild_id)):
            asked = [_change(account, "take", *has, now)]
        outbox.post_role_changes(tx, account.guild_id, KIND, asked)
        store.set_account(tx, account.guild_id, account.account_id, role_id=None, role_holder=None)


def _change(
    account: Account, act: Literal["give", "take"], role_id: int, member: int, now: datetime
) -> RoleChange:
    reasons = {
        "give": _("An admin verified the account"),
        "take": _("The account is not verified any more"),
    }
    return RoleChange(
        f"{KIND}:{account.account_id}:{act}:{role_id}:{member}:{now.isoformat()}",
        member,
        role_id,
        act,
        reasons[act],
        {"account_id": account.account_id},
    )


def _held(account: Account) -> tuple[int, int] | None:
    if account.role_id is None or account.role_holder is None:
        return None
    return account.role_id, account.role_holder


def _wanted(tx: Connection, account: Account) -> tuple[int, int] | None:
    role_id = setting(tx, account.guild_id, VERIFIED_ROLE)
    is_theirs = account.ended_at is None and account.verified_at is not None
    return (role_id, account.owner) if is_theirs and role_id and account.owner else None


def on_settled(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """Discord has answered to a change."""
    target, guild_id = message.target, message.guild_id
    skipped = receipt.get("skipped")
    if skipped is None or target["act"] == "take":
        return
    store.lock(tx, guild_id)
    account = store.find_account(tx, guild_id, message.payload["account_id"])
    asked = (target["role_id"], target["member_id"])
    if account is None or _held(account) != asked:
        return
    store.set_account(
        tx, guild_id, account.account_id, role_id=None, role_holder=None, role_refused_at=now
    )
    if skipped != "member":
        _log.warning("A role cannot be given", guild_id=guild_id, reason=receipt.get("error"))
        tell_admins(
            tx,
            guild_id,
            "wagers.role_refused",
            f"wagers.role_refused:{target['role_id']}:{now.date().isoformat()}",
            {"role_id": target["role_id"], "deleted": skipped == "role"},
        )
