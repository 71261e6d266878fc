"""The statements about accounts, and what the raffle asks: how much counts in a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, func, insert, or_, select, text, update

from core.kit.database import among
from core.people.tables import links, viewers
from core.wagers.tables import accounts, changes


@dataclass(frozen=True, slots=True)
class Account:
    """A viewer's account on an affiliate platform.

    Attributes:
        discord_id: the member who linked it.
        username: as they wrote it.
        verified_at: from then on it counts; None while no admin has verified it.
        campaign_code: folded, under which the total was read.
        total: all that was ever wagered, by the newest reading.
        fell_from: the total before it fell, until it reaches that again; `fell_to`: right after.
        role_id: the role that was asked for, while they have it, and `role_holder` has it.
        name: the viewer's on Kick.
        owner: Discord id of whose the account on Kick is now.
    """

    guild_id: int
    account_id: int
    platform: str
    viewer_id: int
    discord_id: int
    username: str
    folded_name: str
    linked_at: datetime
    verified_at: datetime | None
    campaign_code: str | None
    total: Decimal | None
    seen_at: datetime | None
    fell_from: Decimal | None
    fell_to: Decimal | None
    role_id: int | None
    role_holder: int | None
    role_refused_at: datetime | None
    ended_at: datetime | None
    name: str
    owner: int | None


_COLUMNS = [accounts.c[name] for name in Account.__dataclass_fields__ if name in accounts.c]
_ACCOUNTS: Select[Any] = (
    select(*_COLUMNS, viewers.c.name, links.c.discord_id.label("owner"))
    .join(
        viewers,
        (viewers.c.guild_id == accounts.c.guild_id) & (viewers.c.viewer_id == accounts.c.viewer_id),
    )
    .outerjoin(
        links,
        (links.c.guild_id == accounts.c.guild_id) & (links.c.viewer_id == accounts.c.viewer_id),
    )
)
_LIVE = accounts.c.ended_at.is_(None)


def lock(tx: Connection, guild_id: int) -> None:
    """One change of a server's accounts at a time. Take it before every other lock but those of
    the calendar of raffles."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('wagers', :guild_id))"),
        {"guild_id": guild_id},
    )


def _one(tx: Connection, wanted: Select[Any]) -> Account | None:
    row = tx.execute(wanted).mappings().first()
    return Account(**row) if row else None


def _all(tx: Connection, wanted: Select[Any]) -> list[Account]:
    found = tx.execute(wanted.order_by(accounts.c.account_id))
    return [Account(**row) for row in found.mappings()]


def find_account(tx: Connection, guild_id: int, account_id: int) -> Account | None:
    """The account with this number, ended or not."""
    return _one(
        tx,
        _ACCOUNTS.where(accounts.c.guild_id == guild_id, accounts.c.account_id == account_id),
    )


def find_of_viewer(tx: Connection, guild_id: int, platform: str, viewer_id: int) -> Account | None:
    """The account that a viewer has there now."""
    return _one(
        tx,
        _ACCOUNTS.where(
            _LIVE,
            accounts.c.guild_id == guild_id,
            accounts.c.platform == platform,
            accounts.c.viewer_id == viewer_id,
        ),
    )


def find_by_name(tx: Connection, guild_id: int, platform: str, folded_name: str) -> Account | None:
    """The account of this name, if somebody has linked it."""
    return _one(
        tx,
        _ACCOUNTS.where(
            _LIVE,
            accounts.c.guild_id == guild_id,
            accounts.c.platform == platform,
            accounts.c.folded_name == folded_name,
        ),
    )


def list_accounts(tx: Connection, guild_id: int, platform: str | None = None) -> list[Account]:
    """Every account that is linked now, the oldest first."""
    wanted = _ACCOUNTS.where(_LIVE, accounts.c.guild_id == guild_id)
    if platform is not None:
        wanted = wanted.where(accounts.c.platform == platform)
    return _all(tx, wanted)


def list_of_viewer(tx: Connection, guild_id: int, viewer_id: int) -> list[Account]:
    """Every account that a viewer has now."""
    return _all(
        tx,
        _ACCOUNTS.where(_LIVE, accounts.c.guild_id == guild_id, accounts.c.viewer_id == viewer_id),
    )


def list_all_of_viewer(tx: Connection, guild_id: int, viewer_id: int) -> list[Account]:
    """The same with those that were unlinked."""
    return _all(
        tx, _ACCOUNTS.where(accounts.c.guild_id == guild_id, accounts.c.viewer_id == viewer_id)
    )


def list_with_role(tx: Connection, guild_id: int) -> list[Account]:
    """Every account, ended or not, for which somebody has a role."""
    return _all(
        tx, _ACCOUNTS.where(accounts.c.guild_id == guild_id, accounts.c.role_id.is_not(None))
    )


def list_guilds(tx: Connection, platform: str | None = None) -> list[int]:
    """The servers in which somebody has had a verified account."""
    wanted = select(accounts.c.guild_id).where(accounts.c.verified_at.is_not(None))
    if platform is not None:
        wanted = wanted.where(accounts.c.platform == platform, _LIVE)
    return list(tx.execute(wanted.distinct().order_by(accounts.c.guild_id)).scalars())


def find_last_ended_at(
    tx: Connection,
    guild_id: int,
    platform: str,
    *,
    viewer_id: int,
    discord_id: int,
    folded_name: str,
) -> datetime | None:
    """When this viewer or member last unlinked an account there, or somebody else this one after it
    was verified. What an admin unlinked does not count: it puts a mistake right."""
    verified_one = (accounts.c.folded_name == folded_name) & accounts.c.verified_at.is_not(None)
    ended: datetime | None = tx.execute(
        select(func.max(accounts.c.ended_at)).where(
            accounts.c.guild_id == guild_id,
            accounts.c.platform == platform,
            accounts.c.ended_by == accounts.c.discord_id,
            or_(
                accounts.c.viewer_id == viewer_id,
                accounts.c.discord_id == discord_id,
                verified_one,
            ),
        )
    ).scalar()
    return ended


def add_account(
    tx: Connection,
    guild_id: int,
    platform: str,
    *,
    viewer_id: int,
    discord_id: int,
    username: str,
    folded_name: str,
    now: datetime,
) -> int:
    """Link an account; returns its number. Raises `IntegrityError`, naming
    `wagers_accounts_one_a_viewer` or `wagers_accounts_one_a_name`, when one of them is taken."""
    added = tx.execute(
        insert(accounts)
        .values(
            guild_id=guild_id,
            platform=platform,
            viewer_id=viewer_id,
            discord_id=discord_id,
            username=username,
            folded_name=folded_name,
            linked_at=now,
        )
        .returning(accounts.c.account_id)
    )
    return int(added.scalar_one())


def set_account(tx: Connection, guild_id: int, account_id: int, **values: Any) -> None:
    """Change columns of an account. Hold `lock`."""
    tx.execute(
        update(accounts)
        .where(accounts.c.guild_id == guild_id, accounts.c.account_id == account_id)
        .values(**values)
    )


def set_seen(tx: Connection, guild_id: int, account_ids: Collection[int], at: datetime) -> None:
    """These accounts were in an answer of then."""
    tx.execute(
        update(accounts)
        .where(accounts.c.guild_id == guild_id, among(accounts.c.account_id, account_ids))
        .values(seen_at=at)
    )


def end_account(tx: Connection, account: Account, ended_by: int, now: datetime) -> bool:
    """It is linked no more; False when it was not by then."""
    ended = tx.execute(
        update(accounts)
        .where(
            _LIVE,
            accounts.c.guild_id == account.guild_id,
            accounts.c.account_id == account.account_id,
        )
        .values(ended_at=now, ended_by=ended_by, discord_id=account.owner or account.discord_id)
    )
    return ended.rowcount == 1


# -- what counts -------------------------------------------------------------------------------


def wagered_between(
    tx: Connection, guild_id: int, viewer_id: int, start: datetime, end: datetime
) -> Decimal:
    """What was counted for a viewer from `start` until before `end`, over all platforms. Every row
    stays as it is and what is new comes with a later `at`, so of a time that is over the answer
    does not change once its last look has been noted."""
    found = tx.execute(
        select(func.coalesce(func.sum(changes.c.amount), 0)).where(
            changes.c.guild_id == guild_id,
            changes.c.viewer_id == viewer_id,
            changes.c.at >= start,
            changes.c.at < end,
        )
    )
    return Decimal(found.scalar_one())


def list_wagered_between(
    tx: Connection, guild_id: int, start: datetime, end: datetime
) -> dict[int, Decimal]:
    """The same for everybody who has any, by viewer id."""
    found = tx.execute(
        select(changes.c.viewer_id, func.sum(changes.c.amount))
        .where(changes.c.guild_id == guild_id, changes.c.at >= start, changes.c.at < end)
        .group_by(changes.c.viewer_id)
        .having(func.sum(changes.c.amount) > 0)
        .order_by(changes.c.viewer_id)
    )
    return {viewer_id: Decimal(amount) for viewer_id, amount in found}


def has_verified(tx: Connection, guild_id: int) -> bool:
    """Whether anybody's wagers count in this server."""
    found = select(accounts.c.account_id).where(
        accounts.c.guild_id == guild_id,
        accounts.c.verified_at.is_not(None),
        accounts.c.ended_at.is_(None),
    )
    return tx.execute(found.limit(1)).first() is not None
