"""What is kept about a viewer's accounts on affiliate platforms, and about who verified them."""

from typing import Any

from sqlalchemy import Connection, func, select, update

from core.kit.personal import Personal, Subject
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
    """Amounts stay under the pseudonym, for tickets stand on them; the account goes."""
    gone = subject.at
    theirs = (accounts.c.guild_id == subject.guild_id) & accounts.c.viewer_id.in_(
        subject.viewer_ids
    )
    tx.execute(
        update(accounts)
        .where(theirs)
        .values(
            username=subject.pseudonym,
            folded_name=subject.pseudonym,
            discord_id=0,
            ended_at=func.coalesce(accounts.c.ended_at, gone),
            ended_by=0,
        )
    )


PERSONAL = Personal(("wagers_accounts", "wagers_changes"), collect, forget)
