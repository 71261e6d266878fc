"""The statements about viewers, and about whose they are on Discord."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, text

from core.people.forgetting.store import find_forgotten, revive
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
_SET_VIEWER = text("""
    WITH known AS (
        SELECT viewer_id, name, named_at FROM people_viewers
         WHERE guild_id = :guild_id AND platform = :platform AND platform_user_id = :user_id
    ), written AS (
        INSERT INTO people_viewers AS v
               (guild_id, platform, platform_user_id, name, folded_name, named_at)
        SELECT :guild_id, :platform, :user_id, :name, :folded_name, :at
         WHERE NOT EXISTS (SELECT FROM known WHERE name = :name OR named_at >= :at)
            ON CONFLICT ON CONSTRAINT people_viewers_one_an_account DO UPDATE
           SET name = CASE WHEN excluded.named_at > v.named_at
                           THEN excluded.name ELSE v.name END,
               folded_name = CASE WHEN excluded.named_at > v.named_at
                                  THEN excluded.folded_name ELSE v.folded_name END,
               named_at = GREATEST(excluded.named_at, v.named_at)
        RETURNING viewer_id, (xmax = 0) AS is_new
    )
    SELECT viewer_id, is_new FROM written
     UNION ALL SELECT viewer_id, false FROM known LIMIT 1
""")


def set_viewer(
    tx: Connection, guild_id: int, platform: str, platform_user_id: int, name: str, at: datetime
) -> int:
    """Make sure the account is known under the newest name seen; returns the viewer id. A late
    event must not bring an old name back. Who was forgotten and comes back is the same viewer."""
    met = tx.execute(
        _SET_VIEWER,
        {
            "guild_id": guild_id,
            "platform": platform,
            "user_id": platform_user_id,
            "name": name,
            "folded_name": fold(name),
            "at": at,
        },
    ).one()
    forgotten = find_forgotten(tx, guild_id, platform, platform_user_id) if met.is_new else None
    if forgotten is None:
        return int(met.viewer_id)
    revive(tx, guild_id, forgotten, met.viewer_id)
    return forgotten


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
