"""Shared by the tests of roles: people with accounts and watchtime, the members the bot saw, and
the changes it requested.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select, text, update

from core.guilds.actions import change_settings
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, run_in_guild
from core.outbox.records import Outgoing, messages
from core.outbox.store import claim_due, set_sent
from core.people import store as people
from core.roles import actions, reconcile, store
from core.roles.feature import FEATURE
from core.roles.reconcile import KIND, Plan, Seen
from core.roles.records import RoleReward
from core.roles.rules import Role, RoleSettings
from core.roles.store import grants
from tests.acting import act

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN = 900
LINKED, BRONZE, SILVER = 1, 10, 20
NAMES = {LINKED: "Linked", BRONZE: "Bronze", SILVER: "Silver"}


def seen(
    held: dict[int, Any] | None = None,
    *,
    roles: dict[int, Role] | None = None,
    only: dict[int, Any] | None = None,
) -> Seen:
    """The members the bot saw: all, or `only` some. Roles are in order by default."""
    known = {role_id: Role(name) for role_id, name in NAMES.items()} | (roles or {})
    found: dict[int, Iterable[int] | None] = only if only is not None else held or {}
    return Seen(
        known,
        {who: None if has is None else frozenset(has) for who, has in found.items()},
        everybody=only is None,
    )


def change_of(message: Outgoing) -> str:
    target = message.target
    return f"{target['act']} {target['role_id']} to {target['member_id']}"


def claim(tx: Connection) -> list[Outgoing]:
    """The role changes that wait for Discord, as the sender takes them."""
    due = claim_due(tx, datetime.now(UTC) + timedelta(days=1), 16)
    return [message for message in due if message.kind == KIND]


def settle(tx: Connection, message: Outgoing, now: datetime = NOON, **receipt: str) -> None:
    """Discord answers to a change; the receipt is not stored."""
    cache_of(tx).clear()
    FEATURE.settles[KIND](tx, message, dict(receipt), now)


@dataclass(frozen=True)
class Guild:
    """A guild inside one transaction."""

    tx: Connection
    id: int

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """An admin does this at noon."""
        return self.do_at(NOON, action, *args, **kwargs)

    def do_at(
        self,
        now: datetime,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, ADMIN, now, action, *args, **kwargs)

    def link(self, discord_id: int, minutes: float = 0) -> int:
        """A member with an account that has watched so long; the viewer's id."""
        viewer_id = people.set_viewer(
            self.tx, self.id, "kick", discord_id, f"viewer{discord_id}", NOON
        )
        people.add_link(self.tx, self.id, discord_id, "kick", viewer_id, NOON)
        self.watch(viewer_id, minutes)
        return viewer_id

    def watch(self, viewer_id: int, minutes: float) -> None:
        """So much has been credited to this viewer in all."""
        self.tx.execute(
            text(
                "INSERT INTO watchtime_totals (guild_id, viewer_id, credited) VALUES (:g, :v, :w)"
                " ON CONFLICT (guild_id, viewer_id) DO UPDATE SET credited = excluded.credited"
            ),
            {"g": self.id, "v": viewer_id, "w": timedelta(minutes=minutes)},
        )

    def unlink(self, discord_id: int) -> None:
        found = act(self.tx, self.id, people.find_link, discord_id)
        assert found is not None
        assert people.end_link(self.tx, found)

    def add(self, role_id: int, minutes: int | None) -> None:
        """An admin adds a reward."""
        self.do(actions.add_reward, role_id, NAMES[role_id], minutes)

    def set(self, **values: Any) -> None:
        self.do(change_settings, RoleSettings, **values)

    def rewards(self) -> list[RoleReward]:
        return list(self.do(store.list_rewards))

    def find(self, role_id: int) -> RoleReward | None:
        return self.do(Work.find, RoleReward, role_id)

    def change(self, role_id: int, **values: Any) -> None:
        """Set columns of a reward."""
        self.do(
            lambda work: work.execute(
                update(RoleReward).where(RoleReward.role_id == role_id).values(**values)
            )
        )

    def check(self, what: Seen, now: datetime = NOON) -> Plan:
        return self.do_at(now, reconcile.reconcile, what)

    def due(self) -> list[int]:
        return self.do(store.list_due)

    def waiting(self) -> list[str]:
        """What was asked of Discord and is not done: `give 10 to 7`, in order."""
        found = self.tx.execute(
            select(messages)
            .where(
                messages.c.guild_id == self.id,
                messages.c.kind == KIND,
                messages.c.state == "waiting",
            )
            .order_by(messages.c.id)
        )
        return [change_of(message) for message in found]  # type: ignore[arg-type]

    def answer(self, now: datetime = NOON, **receipt: str) -> list[str]:
        """Discord carries out everything that waits, or answers each with this; what it was."""
        done: list[str] = []
        while due := claim(self.tx):
            for message in due:
                assert message.guild_id == self.id
                done.append(change_of(message))
                settle(self.tx, message, now, **receipt)
                set_sent(self.tx, message, now, dict(receipt) or {"done": True})
        return done

    def posted(self, kind: str) -> list[dict[str, object]]:
        """The payloads of messages of this kind."""
        mine = (messages.c.guild_id == self.id) & (messages.c.kind == kind)
        found = self.tx.execute(select(messages.c.payload).where(mine).order_by(messages.c.id))
        return list(found.scalars())

    def states(self) -> dict[tuple[int, int], str]:
        """(member, role) -> state."""
        columns = (grants.c.discord_id, grants.c.role_id, grants.c.state)
        found = self.tx.execute(select(*columns).where(grants.c.guild_id == self.id))
        return {(discord_id, role_id): state for discord_id, role_id, state in found}
