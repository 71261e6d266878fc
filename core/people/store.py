"""The statements about viewers, and about whose they are on Discord."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, text

from core.people.forgetting.store import list_forgotten, revive
from core.people.records import GuildAccount
from core.people.tables import links, viewers


@dataclass(frozen=True, slots=True)
class Viewer:
    """A platform account in one server. `viewer_id` is ours, `platform_user_id` the platform's."""

    guild_id: int
    viewer_id: int
    platform: str
    platform_user_id: int
    name: str


def fold(name: str) -> str:
    """The form under which names are compared: `@MadCats ` and `madcats` are the same."""
    return name.strip().removeprefix("@").casefold()


# Most lines of chat change nothing, so it looks before it writes; both in one trip to the server.
# Somebody may be quicker after the look, and with a newer name: hence the CASEs.
_SET_VIEWERS = text("""
    WITH seen AS (
        SELECT * FROM unnest(CAST(:guild_ids AS bigint[]), CAST(:platforms AS text[]),
                             CAST(:user_ids AS bigint[]), CAST(:names AS text[]),
                             CAST(:folded_names AS text[]), CAST(:ats AS timestamptz[]))
                   AS seen (guild_id, platform, platform_user_id, name, folded_name, named_at)
    ), known AS (
        SELECT v.* FROM seen JOIN people_viewers v USING (guild_id, platform, platform_user_id)
    ), written AS (
        INSERT INTO people_viewers AS v
               (guild_id, platform, platform_user_id, name, folded_name, named_at)
        SELECT guild_id, platform, platform_user_id, seen.name, seen.folded_name, seen.named_at
          FROM seen LEFT JOIN known USING (guild_id, platform, platform_user_id)
         WHERE known.viewer_id IS NULL
            OR (known.name <> seen.name AND known.named_at < seen.named_at)
         ORDER BY guild_id, platform, platform_user_id
            ON CONFLICT ON CONSTRAINT people_viewers_one_an_account DO UPDATE
           SET name = CASE WHEN excluded.named_at > v.named_at
                           THEN excluded.name ELSE v.name END,
               folded_name = CASE WHEN excluded.named_at > v.named_at
                                  THEN excluded.folded_name ELSE v.folded_name END,
               named_at = GREATEST(excluded.named_at, v.named_at)
        RETURNING guild_id, platform, platform_user_id, viewer_id, (xmax = 0) AS is_new
    )
    SELECT guild_id, platform, platform_user_id, viewer_id, is_new FROM written
     UNION ALL
    SELECT guild_id, platform, platform_user_id, viewer_id, false FROM known
""")


def set_viewers(
    tx: Connection, seen: Sequence[tuple[GuildAccount, str, datetime]]
) -> dict[GuildAccount, int]:
    """Make sure that these accounts are known, each under the newest name seen, and when it was;
    returns their viewer ids. A late event must not bring an old name back. Who was forgotten and
    comes back is the same viewer."""
    newest = {account: (name, at) for account, name, at in sorted(seen, key=lambda one: one[2])}
    values = {
        "guild_ids": [account.guild_id for account in newest],
        "platforms": [account.platform for account in newest],
        "user_ids": [account.user_id for account in newest],
        "names": [name for name, _at in newest.values()],
        "folded_names": [fold(name) for name, _at in newest.values()],
        "ats": [at for _name, at in newest.values()],
    }
    found = [(GuildAccount(*row[:3]), *row[3:]) for row in tx.execute(_SET_VIEWERS, values)]
    viewer_ids = {account: viewer_id for account, viewer_id, _is_new in found}
    new = [account for account, _viewer_id, is_new in found if is_new]
    for account, forgotten in list_forgotten(tx, new).items():
        revive(tx, account.guild_id, forgotten, viewer_ids[account])
        viewer_ids[account] = forgotten
    return viewer_ids


def set_viewer(
    tx: Connection, guild_id: int, platform: str, platform_user_id: int, name: str, at: datetime
) -> int:
    """The same for one."""
    account = GuildAccount(guild_id, platform, platform_user_id)
    return set_viewers(tx, [(account, name, at)])[account]


_COLUMNS = (
    viewers.c.guild_id,
    viewers.c.viewer_id,
    viewers.c.platform,
    viewers.c.platform_user_id,
    viewers.c.name,
)


def find_by_name(tx: Connection, guild_id: int, name: str) -> Viewer | None:
    """The viewer who carries this name now; of several, the one who was seen with it last."""
    row = (
        tx.execute(
            select(*_COLUMNS)
            .where(viewers.c.guild_id == guild_id, viewers.c.folded_name == fold(name))
            .order_by(viewers.c.named_at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return Viewer(**row) if row else None


def get_viewer(tx: Connection, guild_id: int, viewer_id: int) -> Viewer:
    """The viewer with this id. Raises `NoResultFound` when the server has none such."""
    row = (
        tx.execute(
            select(*_COLUMNS).where(
                viewers.c.guild_id == guild_id, viewers.c.viewer_id == viewer_id
            )
        )
        .mappings()
        .one()
    )
    return Viewer(**row)


# -- whose they are on Discord ------------------------------------------------------------------

KICK = "kick"


@dataclass(frozen=True, slots=True)
class Link:
    """A member of the server and the account that is theirs. `name` is the account's of today."""

    guild_id: int
    discord_id: int
    platform: str
    viewer_id: int
    linked_at: datetime
    name: str


_LINKS = select(
    links.c.guild_id,
    links.c.discord_id,
    links.c.platform,
    links.c.viewer_id,
    links.c.linked_at,
    viewers.c.name,
).join(
    viewers, (viewers.c.guild_id == links.c.guild_id) & (viewers.c.viewer_id == links.c.viewer_id)
)


def find_link(tx: Connection, guild_id: int, discord_id: int, platform: str = KICK) -> Link | None:
    """The member's account on this platform."""
    found = _LINKS.where(
        links.c.guild_id == guild_id,
        links.c.discord_id == discord_id,
        links.c.platform == platform,
    )
    row = tx.execute(found).mappings().first()
    return Link(**row) if row else None


def find_link_of_viewer(tx: Connection, guild_id: int, viewer_id: int) -> Link | None:
    """Whose account this is."""
    found = _LINKS.where(links.c.guild_id == guild_id, links.c.viewer_id == viewer_id)
    row = tx.execute(found).mappings().first()
    return Link(**row) if row else None


def add_link(
    tx: Connection, guild_id: int, discord_id: int, platform: str, viewer_id: int, now: datetime
) -> None:
    """From now on the account is the member's. Raises `IntegrityError`, naming
    `people_links_one_a_member` or `people_links_one_an_account`, when one of them is taken."""
    tx.execute(
        insert(links).values(
            guild_id=guild_id,
            discord_id=discord_id,
            platform=platform,
            viewer_id=viewer_id,
            linked_at=now,
        )
    )


def end_link(tx: Connection, link: Link) -> bool:
    """They are separate again; False when they were by then, or when it is another link."""
    ended = tx.execute(
        delete(links).where(
            links.c.guild_id == link.guild_id,
            links.c.discord_id == link.discord_id,
            links.c.viewer_id == link.viewer_id,
            links.c.linked_at == link.linked_at,
        )
    )
    return ended.rowcount == 1
