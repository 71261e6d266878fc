"""What the tests of wagers share: members with accounts, and a platform that reports what a test
wants."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from core.guilds.actions import change_setting, change_settings
from core.guilds.records import AuditEntry
from core.guilds.settings import ADMIN_CHANNEL
from core.inbox.records import deliveries
from core.kit.affiliate import Standing, Standings, standings_of
from core.kit.database.connection import cache_of
from core.kit.database.personal import Subject
from core.kit.database.work import Work, run_in_guild
from core.outbox.records import messages
from core.people import store as people
from core.people.store import list_accounts
from core.wagers import actions, counting, verified_role
from core.wagers.actions import Verified
from core.wagers.counting import Odd, changes, count, list_odd
from core.wagers.feature import FEATURE
from core.wagers.records import AffiliateAccount
from core.wagers.rules import SHUFFLE, WagerSettings
from tests.acting import act
from tests.kick.rig import NOON

P = ParamSpec("P")
T = TypeVar("T")

ADMIN, MIA, LEO = 900, 7, 8
ADMIN_CHANNEL_ID = 55


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def reported(minutes: float, campaign: str = "NORA", **totals: str) -> Standings:
    """The platform was asked then, and reported these totals."""
    lines = [Standing(name, campaign, Decimal(total)) for name, total in totals.items()]
    return standings_of(at(minutes), lines)


@dataclass(frozen=True)
class Guild:
    """A guild inside one transaction. Times are minutes after noon."""

    tx: Connection
    id: int

    def do(
        self,
        minutes: float,
        actor: int,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, actor, at(minutes), action, *args, **kwargs)

    def set(self, **values: Any) -> None:
        self.do(0, ADMIN, change_settings, WagerSettings, **values)

    def choose_admin_channel(self) -> None:
        act(self.tx, self.id, change_setting, ADMIN_CHANNEL, ADMIN_CHANNEL_ID, actor=ADMIN)

    def member(self, discord_id: int) -> int:
        """A member with an account on Kick; the viewer's id. Their name there is `viewer7`."""
        viewer_id = people.set_viewer(
            self.tx, self.id, "kick", discord_id, f"viewer{discord_id}", NOON
        )
        people.add_link(self.tx, self.id, discord_id, "kick", viewer_id, NOON)
        return viewer_id

    def unlink_kick(self, discord_id: int) -> None:
        link = act(self.tx, self.id, people.find_link, discord_id)
        assert link is not None
        people.end_link(self.tx, link)

    def link(self, discord_id: int, name: str, minutes: float = 0) -> AffiliateAccount:
        return self.do(minutes, discord_id, actions.link, SHUFFLE, name)

    def unlink(self, actor: int, person: str | None = None, minutes: float = 0) -> None:
        self.do(minutes, actor, actions.unlink, person, SHUFFLE)

    def verify(self, discord_id: int, standings: Standings, name: str | None = None) -> Verified:
        """As `/verifyshuffle` does it."""
        minutes = (standings.asked_at - NOON).total_seconds() / 60
        person = f"<@{discord_id}>"
        found = self.do(minutes, ADMIN, actions.get_candidate, person, SHUFFLE, name)
        return self.do(minutes, ADMIN, actions.verify, found, standings)

    def verify_mia(self, total: str = "1000") -> int:
        """Mia is verified as MiaSpins at noon, with so much wagered before; her viewer id."""
        viewer_id = self.member(MIA)
        self.set(shuffle_code="NORA")
        self.verify(MIA, reported(0, MiaSpins=total), "MiaSpins")
        return viewer_id

    def poll(self, minutes: float, campaign: str = "NORA", **totals: str) -> int:
        return self.do(minutes, 0, count, SHUFFLE, reported(minutes, campaign, **totals))

    def reconcile(self, minutes: float) -> None:
        self.do(minutes, 0, verified_role.reconcile)

    def linked(self) -> list[AffiliateAccount]:
        return list(self.do(0, 0, actions.list_accounts, SHUFFLE))

    def odd(self, minutes: float = 0) -> list[Odd]:
        return self.do(0, 0, list_odd, SHUFFLE, at(minutes))

    def rows(self) -> list[tuple[str, str, str]]:
        """(kind, amount, held) of everything that was counted, in order."""
        found = self.tx.execute(
            select(changes.c.kind, changes.c.amount, changes.c.held)
            .where(changes.c.guild_id == self.id)
            .order_by(changes.c.id)
        )
        return [(kind, str(amount), str(held)) for kind, amount, held in found]

    def wagered(self, viewer_id: int, start: float = 0, end: float = 100) -> Decimal:
        """What counts for a viewer between these minutes."""
        found = counting.list_wagered_between(self.tx, self.id, at(start), at(end))
        return found.get(viewer_id, Decimal(0))

    def published(self) -> list[str]:
        """The amounts of the events for the features above."""
        found = self.tx.execute(
            select(deliveries.c.body)
            .where(deliveries.c.kind == "WagerCounted", deliveries.c.lane == f"own:{self.id}")
            .order_by(deliveries.c.id)
        )
        return [body["amount"] for body in found.scalars()]

    def _outbox(self, column: Any, kind: str) -> list[dict[str, Any]]:
        mine = (messages.c.guild_id == self.id) & (messages.c.kind == kind)
        return list(self.tx.execute(select(column).where(mine).order_by(messages.c.id)).scalars())

    def posted(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of messages of this kind."""
        return self._outbox(messages.c.payload, kind)

    def role_changes(self) -> list[str]:
        """What Discord was asked for: `give 10 to 7`, in order."""
        targets = self._outbox(messages.c.target, verified_role.KIND)
        return [f"{t['act']} {t['role_id']} to {t['member_id']}" for t in targets]

    def audited(self) -> list[tuple[str, int]]:
        """(action, actor), without settings, which have no target."""
        found = self.tx.execute(
            select(AuditEntry).where(AuditEntry.guild_id == self.id).order_by(AuditEntry.id)
        )
        return [(row.action, row.actor) for row in found if row.target]

    def subject(self, discord_id: int = MIA) -> Subject:
        linked = list_accounts(self.tx, self.id, discord_id)
        return Subject(self.id, discord_id, at(60), ("Mia",), linked)

    def collect(self, discord_id: int = MIA) -> dict[str, Any]:
        """`/mydata`."""
        assert FEATURE.personal is not None
        return FEATURE.personal.collect(self.tx, self.subject(discord_id))

    def forget(self, discord_id: int = MIA) -> None:
        """`/forgetme`."""
        assert FEATURE.personal is not None
        FEATURE.personal.forget(self.tx, self.subject(discord_id))
