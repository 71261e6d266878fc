"""What is kept about a viewer's accounts on affiliate platforms, and about who verified them."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, case, select, update

from core.kit.personal import Personal, Subject
from core.outbox import personal as outbox
from core.wagers import role, store
from core.wagers.tables import accounts, changes


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Accounts, each amount that was counted, and what they did as an admin."""
    mine = select(
        accounts.c.platform,
        accounts.c.username,
        accounts.c.linked_at,
        accounts.c.verified_at,
        accounts.c.total.label("wagered_in_all_by_the_newest_look"),
        accounts.c.seen_at.label("looked_at"),
        accounts.c.ended_at.label("unlinked_at"),
    ).where(accounts.c.guild_id == subject.guild_id, accounts.c.viewer_id.in_(subject.viewer_ids))
    counted = select(
        changes.c.kind, changes.c.since, changes.c.at, changes.c.amount, changes.c.held
    ).where(changes.c.guild_id == subject.guild_id, changes.c.viewer_id.in_(subject.viewer_ids))
    verified = select(accounts.c.verified_at).where(
        accounts.c.guild_id == subject.guild_id, accounts.c.verified_by == subject.discord_id
    )
    return {
        "affiliate_accounts": _rows(tx, mine.order_by(accounts.c.account_id)),
        "wagers_counted": _rows(tx, counted.order_by(changes.c.id)),
        "affiliate_accounts_you_verified_at": list(tx.execute(verified).scalars()),
    }


def _rows(tx: Connection, wanted: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in tx.execute(wanted).mappings()]


def forget(tx: Connection, subject: Subject) -> None:
    """Amounts stay under the pseudonym, for tickets stand on them. The accounts go, with the role;
    that one was unlinked stays, so that nobody hops between accounts by being forgotten."""
    theirs = [
        account
        for viewer_id in subject.viewer_ids
        for account in store.list_all_of_viewer(tx, subject.guild_id, viewer_id)
    ]
    for account in theirs:
        store.end_account(tx, account, subject.discord_id, subject.at)
        role.take_back(tx, account, subject.at)
        store.set_account(
            tx,
            subject.guild_id,
            account.account_id,
            username=subject.pseudonym,
            folded_name=subject.pseudonym,
        )
    _cut_loose(tx, subject)
    _forget_messages(tx, subject, {account.username for account in theirs})


def _cut_loose(tx: Connection, subject: Subject) -> None:
    # Both in one statement: whoever unlinked their own account is still seen to have done so.
    tx.execute(
        update(accounts)
        .where(accounts.c.guild_id == subject.guild_id, accounts.c.discord_id == subject.discord_id)
        .values(
            discord_id=0,
            ended_by=case(
                (accounts.c.ended_by == subject.discord_id, 0), else_=accounts.c.ended_by
            ),
        )
    )
    for column in (accounts.c.verified_by, accounts.c.ended_by):
        tx.execute(
            update(accounts)
            .where(accounts.c.guild_id == subject.guild_id, column == subject.discord_id)
            .values({column: 0})
        )


def _forget_messages(tx: Connection, subject: Subject, names: Collection[str]) -> None:
    """The outbox does not know these names to be theirs."""
    if names:
        outbox.forget(tx, replace(subject, discord_names=(*subject.discord_names, *names)))


PERSONAL = Personal(("wagers_accounts", "wagers_changes"), collect, forget)
