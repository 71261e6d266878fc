"""What the tests of roles share: people with accounts and minutes, what the bot saw, and what it
asked for."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select, text

from core.guilds.actions import change_setting
from core.kit.feature import GuildSetting
from core.outbox.records import messages
from core.outbox.store import Outgoing, claim_due, set_sent
from core.people import store as people
from core.roles import actions, updates
from core.roles.rules import Role
from core.roles.tables import grants
from core.roles.updates import Plan, Seen

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN = 900
LINKED, BRONZE, SILVER = 1, 10, 20
NAMES = {LINKED: "Linked", BRONZE: "Bronze", SILVER: "Silver"}


def link(tx: Connection, guild_id: int, discord_id: int, minutes: float = 0) -> int:
    """A member with an account that has watched so long; the viewer's id."""
    viewer_id = people.set_viewer(tx, guild_id, "kick", discord_id, f"viewer{discord_id}", NOON)
    people.add_link(tx, guild_id, discord_id, "kick", viewer_id, NOON)
    watch(tx, guild_id, viewer_id, minutes)
    return viewer_id


def watch(tx: Connection, guild_id: int, viewer_id: int, minutes: float) -> None:
    """So much has been credited to this viewer in all."""
    tx.execute(
        text(
            "INSERT INTO watchtime_totals (guild_id, viewer_id, credited) VALUES (:g, :v, :w)"
            " ON CONFLICT (guild_id, viewer_id) DO UPDATE SET credited = excluded.credited"
        ),
        {"g": guild_id, "v": viewer_id, "w": timedelta(minutes=minutes)},
    )


def unlink(tx: Connection, guild_id: int, discord_id: int) -> None:
    found = people.find_link(tx, guild_id, discord_id)
    assert found is not None
    assert people.end_link(tx, found)


def reward(tx: Connection, guild_id: int, role_id: int, minutes: int | None) -> None:
    """An admin adds it."""
    actions.add_reward(tx, guild_id, role_id, NAMES[role_id], minutes, ADMIN, NOON)


def choose(tx: Connection, guild_id: int, setting: GuildSetting[object], value: object) -> None:
    change_setting(tx, guild_id, setting, value, ADMIN)


def seen(
    held: dict[int, Iterable[int]] | None = None,
    *,
    roles: dict[int, Role] | None = None,
    only: dict[int, Iterable[int] | None] | None = None,
) -> Seen:
    """What the bot saw: everybody, or `only` some. Roles are in order unless told otherwise."""
    known = {role_id: Role(name) for role_id, name in NAMES.items()} | (roles or {})
    found = only if only is not None else held or {}
    return Seen(
        known,
        {who: None if has is None else frozenset(has) for who, has in found.items()},
        everybody=only is None,
    )


def look(tx: Connection, guild_id: int, what: Seen, now: datetime = NOON) -> Plan:
    return updates.update(tx, guild_id, what, now)


def waiting(tx: Connection, guild_id: int) -> list[str]:
    """What was asked of Discord and is not done: `give 10 to 7`, in order."""
    found = tx.execute(
        select(messages.c.target)
        .where(
            messages.c.guild_id == guild_id,
            messages.c.kind == "roles.change",
            messages.c.state == "waiting",
        )
        .order_by(messages.c.id)
    )
    targets = found.scalars()
    return [f"{t['act']} {t['role_id']} to {t['member_id']}" for t in targets]


def answer(tx: Connection, guild_id: int, now: datetime = NOON, **receipt: str) -> list[str]:
    """Discord carries out everything that waits, or answers each with this; what it was."""
    done: list[str] = []
    while due := [m for m in claim(tx) if m.kind == "roles.change"]:
        for message in due:
            assert message.guild_id == guild_id
            target = message.target
            done.append(f"{target['act']} {target['role_id']} to {target['member_id']}")
            updates.settle(tx, message, dict(receipt) or {"done": True}, now)
            set_sent(tx, message, now, dict(receipt) or {"done": True})
    return done


def claim(tx: Connection) -> list[Outgoing]:
    return claim_due(tx, datetime.now(UTC) + timedelta(days=1), 16)


def posted(tx: Connection, guild_id: int, kind: str) -> list[dict[str, object]]:
    """The payloads of what was posted of this kind."""
    found = tx.execute(
        select(messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == kind)
        .order_by(messages.c.id)
    )
    return list(found.scalars())


def states(tx: Connection, guild_id: int) -> dict[tuple[int, int], str]:
    """(member, role) -> state."""
    found = tx.execute(
        select(grants.c.discord_id, grants.c.role_id, grants.c.state).where(
            grants.c.guild_id == guild_id
        )
    )
    return {(discord_id, role_id): state for discord_id, role_id, state in found}
