"""Statements about viewers and their links.

They take a connection, because most run for each line of chat or for many rows. The returned
records are read-only: changes are not written.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, aliased

from core.events import Person
from core.kit.database.connection import (
    UNTIL_LOCKED,
    as_json,
    cache_of,
    cached_until_locked,
    key_of,
)
from core.kit.database.personal import Account, Subject, pseudonym_of
from core.kit.database.records import GuildRecord, ViewerId
from core.kit.database.work import Work
from core.kit.runtime.crypto import fingerprint
from core.people.records import (
    FormerName,
    GuildAccount,
    Link,
    Tombstone,
    Viewer,
    ViewerRecord,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of an account with an unknown name."""

R = TypeVar("R", bound=GuildRecord)


def _first(tx: Connection, statement: Select[R]) -> R | None:
    with Session(tx, join_transaction_mode="rollback_only") as session:
        return session.scalar(statement)


# -- viewers --------------------------------------------------------------------------------------


def fold(name: str) -> str:
    """The normalized form for comparing names: `@MadCats ` and `madcats` are the same."""
    return name.strip().removeprefix("@").casefold()


# Most chat messages change nothing, so this reads before it writes, in one round trip. Another
# transaction may write in between, perhaps a newer name: hence the CASEs.
_LOGIN = "COALESCE(NULLIF(seen.login, ''), known.login)"
_SET_VIEWERS = text(
    f"""
    WITH seen AS (
        SELECT * FROM jsonb_to_recordset(CAST(:seen AS jsonb))
                   AS seen (guild_id bigint, platform text, platform_user_id bigint, name text,
                            folded_name text, login text, named_at timestamptz)
    ), known AS (
        SELECT v.*
          FROM seen
          JOIN people_viewers v ON v.guild_id = seen.guild_id
                               AND v.platform = seen.platform
                               AND v.platform_user_id = seen.platform_user_id
    ), written AS (
        INSERT INTO people_viewers AS v
               (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
        SELECT guild_id, platform, platform_user_id, seen.name, seen.folded_name, seen.login,
               seen.named_at
          FROM seen LEFT JOIN known USING (guild_id, platform, platform_user_id)
         WHERE known.viewer_id IS NULL
            OR (known.named_at < seen.named_at
                AND (known.name <> seen.name OR known.login <> {_LOGIN}))
         ORDER BY guild_id, platform, platform_user_id
            ON CONFLICT ON CONSTRAINT people_viewers_one_per_account DO UPDATE
           SET name = CASE WHEN excluded.named_at > v.named_at
                           THEN excluded.name ELSE v.name END,
               folded_name = CASE WHEN excluded.named_at > v.named_at
                                  THEN excluded.folded_name ELSE v.folded_name END,
               login = CASE WHEN excluded.named_at > v.named_at AND excluded.login <> ''
                            THEN excluded.login ELSE v.login END,
               named_at = GREATEST(excluded.named_at, v.named_at)
        RETURNING guild_id, platform, platform_user_id, viewer_id, (xmax = 0) AS is_new
    ), former AS (
        INSERT INTO people_former_names AS f (guild_id, viewer_id, folded_name, name, until)
        SELECT DISTINCT ON (guild_id, known.viewer_id, old.folded_name)
               guild_id, known.viewer_id, old.folded_name, old.name, seen.named_at
          FROM known
          JOIN seen USING (guild_id, platform, platform_user_id),
               LATERAL (VALUES (known.folded_name, known.name), (known.login, known.login))
                    AS old (folded_name, name)
         WHERE known.named_at < seen.named_at AND known.named_at > :long_ago
           AND old.folded_name NOT IN ('', seen.folded_name, {_LOGIN})
            ON CONFLICT ON CONSTRAINT people_former_names_once DO UPDATE
           SET name = excluded.name, until = GREATEST(excluded.until, f.until)
    )
    SELECT guild_id, platform, platform_user_id, viewer_id, is_new, true FROM written
     UNION ALL
    SELECT guild_id, platform, platform_user_id, viewer_id, false, false FROM known
"""
).bindparams(long_ago=LONG_AGO)

_EXCLUDE_NAMED = text("""
    WITH named AS (
        SELECT * FROM jsonb_to_recordset(CAST(:named AS jsonb))
                   AS named (guild_id bigint, viewer_id bigint, folded_name text, at timestamptz)
    ), ended AS (
        DELETE FROM people_excluded_names AS n
         USING named
         WHERE n.guild_id = named.guild_id AND n.folded_name = named.folded_name AND n.excluded
        RETURNING n.guild_id, named.viewer_id, n.scope, named.at
    )
    INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)
    SELECT guild_id, viewer_id, scope, 'name', '', at FROM ended
        ON CONFLICT ON CONSTRAINT people_exclusions_once DO NOTHING
""")


class Seen(NamedTuple):
    """An account under its name; `login` is "" where the platform left it out."""

    account: GuildAccount
    name: str
    at: datetime
    login: str = ""


def seen_as(account: GuildAccount, person: Person, at: datetime) -> Seen:
    """An account as named in an event. If the platform left out the name, it must not replace a
    known one."""
    if person.name:
        return Seen(account, person.name, at, person.login)
    return Seen(account, person.login or str(person.user_id), LONG_AGO, person.login)


def set_viewers(tx: Connection, seen: Sequence[Seen]) -> dict[GuildAccount, int]:
    """Add new accounts, update names, and return the viewer ids.

    A late event does not restore an old name. An account whose owner was forgotten gets its former
    viewer id. A new account with an excluded name is excluded.

    Args:
        seen: accounts of any guilds.
    """
    newest = {account.account: account for account in sorted(seen, key=lambda account: account.at)}
    rows = [
        {
            "guild_id": account.guild_id,
            "platform": account.platform,
            "platform_user_id": account.user_id,
            "name": last.name,
            "folded_name": fold(last.name),
            "login": fold(last.login),
            "named_at": last.at,
        }
        for account, last in newest.items()
    ]
    written = tx.execute(_SET_VIEWERS, {"seen": as_json(rows)}).all()
    found = [(GuildAccount(*row[:3]), *row[3:]) for row in written]
    viewer_ids = {account: viewer_id for account, viewer_id, *_rest in found}
    new = [account for account, _viewer_id, is_new, _is_written in found if is_new]
    for account, former in _list_forgotten(tx, new).items():
        _restore(tx, account.guild_id, former, viewer_ids[account])
        viewer_ids[account] = former
    renamed = {account for account, _viewer_id, _is_new, is_written in found if is_written}
    _exclude_named(tx, [account for account in seen if account.account in renamed], viewer_ids)
    return viewer_ids


def _exclude_named(
    tx: Connection, seen: Sequence[Seen], viewer_ids: Mapping[GuildAccount, int]
) -> None:
    """Exclude new accounts whose name was excluded before it was seen."""
    first: dict[tuple[int, str], dict[str, object]] = {}
    for account, name, at, login in seen:
        row = {"guild_id": account.guild_id, "viewer_id": viewer_ids[account], "at": at}
        for folded in {fold(name), fold(login)} - {""}:
            first.setdefault((account.guild_id, folded), row | {"folded_name": folded})
    if first:
        tx.execute(_EXCLUDE_NAMED, {"named": as_json(first.values())})


def set_viewer(
    tx: Connection,
    guild_id: int,
    platform: str,
    platform_user_id: int,
    name: str,
    at: datetime,
    login: str = "",
) -> int:
    """Like `set_viewers`, for one account."""
    account = GuildAccount(guild_id, platform, platform_user_id)
    return set_viewers(tx, [Seen(account, name, at, login)])[account]


def is_known(tx: Connection, account: GuildAccount) -> bool:
    """Whether this account is known, and its data was not deleted since."""
    same = select(Viewer.viewer_id).where(
        Viewer.guild_id == account.guild_id,
        Viewer.platform == account.platform,
        Viewer.platform_user_id == account.user_id,
    )
    return tx.execute(same).first() is not None


def get_viewer(tx: Connection, guild_id: int, viewer_id: int) -> Viewer:
    """The viewer with this id. Raises LookupError if the guild has none."""
    same = (Viewer.guild_id == guild_id) & (Viewer.viewer_id == viewer_id)
    viewer = _first(tx, select(Viewer).where(same))
    if viewer is None:
        raise LookupError(f"no viewer {viewer_id}")
    return viewer


# -- links ----------------------------------------------------------------------------------------


def find_link(work: Work, discord_id: int, platform: str | None = None) -> Link | None:
    """The member's account on this platform; without a platform, the one that represents them."""
    theirs = select(Link).where(Link.guild_id == work.guild_id, Link.discord_id == discord_id)
    if platform is not None:
        theirs = theirs.where(Link.platform == platform)
    return _first(work.tx, theirs.order_by(Link.viewer_id).limit(1))


def find_link_of_viewer(work: Work, viewer_id: int) -> Link | None:
    """The link of this account."""
    linked = Link.viewer_id == viewer_id
    return _first(work.tx, select(Link).where(Link.guild_id == work.guild_id, linked))


def list_links_with(work: Work, viewer_id: int) -> Sequence[Link]:
    """All accounts of the member who has linked this one; empty if nobody has."""
    other = aliased(Link)
    member = select(other.discord_id).where(
        other.guild_id == work.guild_id, other.viewer_id == viewer_id
    )
    theirs = select(Link).where(Link.discord_id == member.scalar_subquery())
    return work.scalars(theirs.order_by(Link.platform)).all()


def list_links(work: Work, discord_id: int) -> Sequence[Link]:
    """The accounts that a member has linked."""
    theirs = select(Link).where(Link.discord_id == discord_id).order_by(Link.platform)
    return work.scalars(theirs).all()


def find_links(work: Work, discord_ids: Collection[int]) -> dict[int, Link]:
    """Discord id -> the account that represents that member, for those who have linked one."""
    theirs = select(Link).where(Link.discord_id.in_(discord_ids)).order_by(Link.viewer_id.desc())
    return {link.discord_id: link for link in work.scalars(theirs)}


def list_newest_links(work: Work, maximum: int) -> Sequence[tuple[Link, str]]:
    """The latest links, newest first, and the viewers' names."""
    linked = (Link.guild_id == Viewer.guild_id) & (Link.viewer_id == Viewer.viewer_id)
    found = select(Link, Viewer.name).join(Viewer, linked).order_by(Link.linked_at.desc())
    return [(link, name) for link, name in work.execute(found.limit(maximum))]


def add_link(
    tx: Connection,
    guild_id: int,
    discord_id: int,
    platform: str,
    viewer_id: int,
    now: datetime,
    handle: str = "",
) -> None:
    """Link an account with a member; both must be free. Hold `Lock.LINKS`.

    Args:
        handle: the member's unique name on Discord, if it is known.
    """
    tx.execute(
        insert(Link).values(
            guild_id=guild_id,
            discord_id=discord_id,
            platform=platform,
            viewer_id=viewer_id,
            linked_at=now,
            discord_handle=fold(handle),
        )
    )
    _set_person(tx, guild_id, discord_id, viewer_id)


def end_link(tx: Connection, link: Link) -> bool:
    """Delete this link; False if it was already deleted, even if the two were linked again since.
    Hold `Lock.LINKS`."""
    ended = tx.execute(
        delete(Link).where(
            Link.guild_id == link.guild_id,
            Link.discord_id == link.discord_id,
            Link.viewer_id == link.viewer_id,
            Link.linked_at == link.linked_at,
        )
    )
    if ended.rowcount == 1:
        _set_person(tx, link.guild_id, link.discord_id, link.viewer_id)
        return True
    return False


# -- people ---------------------------------------------------------------------------------------

# The accounts of a person are those that one member has linked. Of them the first known one
# represents the person, whatever was linked first: so a person depends only on the links.
_SET_PERSON = text("""
    UPDATE people_viewers AS v SET represented_by = NULLIF(theirs.first, v.viewer_id)
      FROM (SELECT viewer_id, min(viewer_id) OVER () AS first FROM people_links AS l
             WHERE l.guild_id = :guild_id AND discord_id = :discord_id
            UNION ALL
            SELECT :viewer_id, NULL
             WHERE NOT EXISTS (SELECT FROM people_links AS l
                                WHERE l.guild_id = :guild_id AND viewer_id = :viewer_id)) AS theirs
     WHERE v.guild_id = :guild_id AND v.viewer_id = theirs.viewer_id
       AND v.represented_by IS DISTINCT FROM NULLIF(theirs.first, v.viewer_id)
""")


def _set_person(tx: Connection, guild_id: int, discord_id: int, viewer_id: int) -> None:
    """This account was linked to the member, or unlinked."""
    cache_of(tx).pop(UNTIL_LOCKED, None)
    key = {"guild_id": guild_id, "discord_id": discord_id, "viewer_id": viewer_id}
    tx.execute(_SET_PERSON, key)


def list_accounts_of(tx: Connection, guild_id: int, viewer_id: int) -> Sequence[Viewer]:
    """All accounts of the person whose account this is; the one that represents them first.

    In a statement over many rows join `people_viewers` and group by its `person_id`.
    """
    ids = select_accounts_of(guild_id, viewer_id)
    theirs = select(Viewer).where(Viewer.guild_id == guild_id, Viewer.viewer_id.in_(ids))
    with Session(tx, join_transaction_mode="rollback_only") as session:
        return session.scalars(theirs.order_by(Viewer.viewer_id)).all()


def select_accounts_of(guild_id: int, viewer_id: int) -> Select[ViewerId]:
    """The viewer ids of all accounts of this account's person, for `viewer_id IN`."""
    v, person = aliased(Viewer), _select_person(guild_id, viewer_id).scalar_subquery()
    is_theirs = (v.viewer_id == person) | (v.represented_by == person)
    return select(v.viewer_id).where(v.guild_id == guild_id, is_theirs)


_LIST_REPRESENTED = text("""
    SELECT v.viewer_id, v.represented_by FROM people_viewers AS v
     WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL
""")


def list_represented(tx: Connection, guild_id: int) -> dict[int, int]:
    """Viewer id -> the account that represents its person, of all accounts that another one
    represents. These are few beside all viewers."""
    found = tx.execute(_LIST_REPRESENTED, {"guild_id": guild_id})
    return {row.viewer_id: row.represented_by for row in found}


_LIST_PERSONS = text("""
    WITH person AS (
        SELECT DISTINCT v.person_id
          FROM unnest(CAST(:viewer_ids AS bigint[])) AS asked (viewer_id)
          JOIN people_viewers AS v ON v.guild_id = :guild_id AND v.viewer_id = asked.viewer_id
    )
    SELECT person_id AS viewer_id, person_id FROM person
     UNION ALL
    SELECT other.viewer_id, person_id
      FROM person,
           LATERAL (SELECT v.viewer_id FROM people_viewers AS v
                     WHERE v.guild_id = :guild_id AND v.represented_by = person.person_id
                    OFFSET 0) AS other
""")


def list_persons(tx: Connection, guild_id: int, viewer_ids: Collection[int]) -> dict[int, int]:
    """Viewer id -> the account that represents its person, of these and of all other accounts of
    the same people. For a few viewers it is queried once per transaction, until a link changes."""

    def read() -> dict[int, int]:
        given = {"guild_id": guild_id, "viewer_ids": list(viewer_ids)}
        return {row.viewer_id: row.person_id for row in tx.execute(_LIST_PERSONS, given)}

    if len(viewer_ids) > MAX_REMEMBERED:
        return read()
    key = ("people.persons", guild_id, frozenset(viewer_ids))
    return dict(cached_until_locked(tx, key, read))


MAX_REMEMBERED = 10


def get_person(tx: Connection, guild_id: int, viewer_id: int) -> ViewerId:
    """The viewer id of the account that represents this account's person; itself if no other
    account of theirs is linked."""
    return tx.execute(_select_person(guild_id, viewer_id)).scalar_one()


def _select_person(guild_id: int, viewer_id: int) -> Select[ViewerId]:
    v = aliased(Viewer)
    return select(v.person_id).where(v.guild_id == guild_id, v.viewer_id == viewer_id)


# -- /forgetme ------------------------------------------------------------------------------------


def list_accounts(
    tx: Connection, guild_id: int, discord_id: int, *, lock: bool = True
) -> tuple[Account, ...]:
    """The accounts that are linked to a member.

    Args:
        lock: their names and links do not change until the transaction ends.
    """
    linked = (Link.guild_id == Viewer.guild_id) & (Link.viewer_id == Viewer.viewer_id)
    found = (
        select(
            Viewer.platform,
            Viewer.platform_user_id,
            Viewer.viewer_id,
            Viewer.name,
            Viewer.login,
        )
        .join(Link, linked)
        .where(Viewer.guild_id == guild_id, Link.discord_id == discord_id)
        .order_by(Viewer.platform)
    )
    if lock:
        found = found.with_for_update(of=Viewer.__table__, key_share=True)
    return tuple(
        Account(*row, _list_former_names(tx, guild_id, row.viewer_id)) for row in tx.execute(found)
    )


def _list_former_names(tx: Connection, guild_id: int, viewer_id: int) -> tuple[str, ...]:
    theirs = (FormerName.guild_id == guild_id, FormerName.viewer_id == viewer_id)
    return tuple(tx.scalars(select(FormerName.name).where(*theirs).order_by(FormerName.name)))


def set_forgotten(tx: Connection, subject: Subject) -> None:
    """Replace names and ids of the accounts, and keep a fingerprint of each."""
    guild_id = subject.guild_id
    for account in subject.accounts:
        viewer_id, name = account.viewer_id, pseudonym_of(account.viewer_id)
        tx.execute(
            update(Viewer)
            .where(Viewer.guild_id == guild_id, Viewer.viewer_id == viewer_id)
            # No platform has ids below zero.
            .values(
                platform_user_id=-viewer_id,
                name=name,
                folded_name=name,
                login="",
                forgotten_at=subject.at,
            )
        )
        known = GuildAccount(guild_id, account.platform, account.user_id)
        tombstone = upsert(Tombstone).values(
            guild_id=guild_id,
            viewer_id=viewer_id,
            platform=account.platform,
            digest=_digest(tx, known),
            forgotten_at=subject.at,
        )
        tx.execute(tombstone.on_conflict_do_nothing())


def is_since_forgotten(
    record: type[ViewerRecord],
    at: ColumnElement[datetime] | Mapped[datetime],
    until: datetime | None = None,
) -> ColumnElement[bool]:
    """A condition for rows about viewers: their owner did not ask to be forgotten after `at`. Older
    rows stay anonymous if they come back.

    Args:
        until: what was settled by then stays theirs if they were forgotten later.
    """
    same = (Viewer.guild_id == record.guild_id) & (Viewer.viewer_id == record.viewer_id)
    forgotten = select(Viewer.viewer_id).where(same, Viewer.forgotten_at >= at)
    if until is not None:
        forgotten = forgotten.where(Viewer.forgotten_at < until)
    return ~forgotten.correlate_except(Viewer).exists()


_LIST_FORGOTTEN = text("""
    SELECT t.guild_id, t.platform, t.digest, t.viewer_id
      FROM unnest(CAST(:guild_ids AS bigint[]), CAST(:platforms AS text[]),
                  CAST(:digests AS text[])) AS asked (guild_id, platform, digest)
      JOIN people_tombstones t ON t.guild_id = asked.guild_id
                              AND t.platform = asked.platform
                              AND t.digest = asked.digest
""")


def _list_forgotten(tx: Connection, accounts: Sequence[GuildAccount]) -> dict[GuildAccount, int]:
    """The viewer ids of those accounts whose owners were forgotten."""
    if not accounts:
        return {}
    asked = {
        (account.guild_id, account.platform, _digest(tx, account)): account for account in accounts
    }
    guild_ids, platforms, digests = map(list, zip(*asked, strict=True))
    values = {"guild_ids": guild_ids, "platforms": platforms, "digests": digests}
    found = tx.execute(_LIST_FORGOTTEN, values)
    return {asked[row.guild_id, row.platform, row.digest]: row.viewer_id for row in found}


def _restore(tx: Connection, guild_id: int, former: int, added: int) -> None:
    """Give a forgotten viewer the account for which a viewer was just added."""
    of_guild = Viewer.guild_id == guild_id
    replaced = delete(Viewer).where(of_guild, Viewer.viewer_id == added)
    columns = (Viewer.platform_user_id, Viewer.name, Viewer.folded_name, Viewer.login)
    returned = replaced.returning(*columns, Viewer.named_at)
    known = dict(tx.execute(returned).mappings().one())
    tx.execute(update(Viewer).where(of_guild, Viewer.viewer_id == former).values(known))
    tx.execute(
        delete(Tombstone).where(Tombstone.guild_id == guild_id, Tombstone.viewer_id == former)
    )


def _digest(tx: Connection, account: GuildAccount) -> str:
    guild_id, platform, user_id = account
    return fingerprint(key_of(tx), f"people.tombstone|{guild_id}|{platform}|{user_id}")
