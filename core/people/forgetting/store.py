"""The statements about viewers who were forgotten.

What is left of such a viewer is a row under a pseudonym, on which anonymous sums and penalties
hang, and a keyed fingerprint of the account. When the account is met again, the row is theirs
again: so nobody gets rid of a block by being forgotten.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kit.crypto import fingerprint
from core.kit.database import key_of
from core.kit.personal import Account, Subject, pseudonym_of
from core.people.forgetting.tables import tombstones
from core.people.records import GuildAccount
from core.people.tables import links, viewers


def list_accounts(tx: Connection, guild_id: int, discord_id: int) -> tuple[Account, ...]:
    """The accounts that are linked to a member. Their names and links do not change until the
    transaction ends; rows may still be hung on them."""
    found = tx.execute(
        select(viewers.c.platform, viewers.c.platform_user_id, viewers.c.viewer_id, viewers.c.name)
        .join(
            links,
            (links.c.guild_id == viewers.c.guild_id) & (links.c.viewer_id == viewers.c.viewer_id),
        )
        .where(links.c.guild_id == guild_id, links.c.discord_id == discord_id)
        .order_by(viewers.c.platform)
        .with_for_update(of=viewers, key_share=True)
    )
    return tuple(Account(*row) for row in found)


def set_forgotten(tx: Connection, subject: Subject) -> None:
    """Put the pseudonym in the place of each account, and keep its fingerprint."""
    for account in subject.accounts:
        name = pseudonym_of(account.viewer_id)
        tx.execute(
            update(viewers)
            .where(viewers.c.guild_id == subject.guild_id, viewers.c.viewer_id == account.viewer_id)
            # No platform numbers accounts below zero.
            .values(platform_user_id=-account.viewer_id, name=name, folded_name=name)
        )
        tx.execute(
            upsert(tombstones)
            .values(
                guild_id=subject.guild_id,
                viewer_id=account.viewer_id,
                platform=account.platform,
                digest=_digest(tx, subject.guild_id, account.platform, account.user_id),
                forgotten_at=subject.at,
            )
            .on_conflict_do_nothing()
        )


_LIST_FORGOTTEN = text("""
    SELECT t.guild_id, t.platform, t.digest, t.viewer_id
      FROM unnest(CAST(:guild_ids AS bigint[]), CAST(:platforms AS text[]),
                  CAST(:digests AS text[])) AS asked (guild_id, platform, digest)
      JOIN people_tombstones t USING (guild_id, platform, digest)
""")


def list_forgotten(tx: Connection, accounts: Sequence[GuildAccount]) -> dict[GuildAccount, int]:
    """The viewer ids that these accounts had before they were forgotten."""
    if not accounts:
        return {}
    asked = {(one.guild_id, one.platform, _digest(tx, *one)): one for one in accounts}
    guild_ids, platforms, digests = map(list, zip(*asked, strict=True))
    values = {"guild_ids": guild_ids, "platforms": platforms, "digests": digests}
    found = tx.execute(_LIST_FORGOTTEN, values)
    return {asked[row.guild_id, row.platform, row.digest]: row.viewer_id for row in found}


def revive(tx: Connection, guild_id: int, viewer_id: int, new: int) -> None:
    """The forgotten viewer is the account again for which a new row was made just now."""
    made = (
        tx.execute(
            delete(viewers)
            .where(viewers.c.guild_id == guild_id, viewers.c.viewer_id == new)
            .returning(
                viewers.c.platform_user_id,
                viewers.c.name,
                viewers.c.folded_name,
                viewers.c.named_at,
            )
        )
        .mappings()
        .one()
    )
    tx.execute(
        update(viewers)
        .where(viewers.c.guild_id == guild_id, viewers.c.viewer_id == viewer_id)
        .values(**made)
    )
    tx.execute(
        delete(tombstones).where(
            tombstones.c.guild_id == guild_id, tombstones.c.viewer_id == viewer_id
        )
    )


def _digest(tx: Connection, guild_id: int, platform: str, user_id: int) -> str:
    return fingerprint(key_of(tx), f"people.tombstone|{guild_id}|{platform}|{user_id}")
