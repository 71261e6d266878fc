"""What was announced about a raffle: the planned freeze with the round that is expected to decide,
and every list that was frozen. Rows are only added, so that a second freeze stays visible."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, select

from core.drand.chain import Chain
from core.draws.rounds import Plan, plan_for
from core.raffle.tables import announcements

Kind = Literal["opened", "planned", "frozen"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """One row.

    Attributes:
        kind: opened with a plan; planned anew, for another end; or frozen.
        at: when.
        planned_at: when the list is to be frozen; None of a freeze.
        chain: name of the beacon's chain; None together with `round` for a draw without beacon.
        round: the expected round, or the one of a frozen list.
        round_at: when the round is published.
        snapshot_hash: of a frozen list.
    """

    kind: Kind
    at: datetime
    planned_at: datetime | None
    chain: str | None
    round: int | None
    round_at: datetime | None
    snapshot_hash: str | None = None

    @property
    def plan(self) -> Plan | None:
        """As the frozen list states it; None of a freeze, and of raffles of earlier versions."""
        if self.planned_at and self.chain and self.round:
            return Plan(self.planned_at, self.chain, self.round)
        return None


def plan(
    chain: Chain, kind: Kind, ends_at: datetime, grace_minutes: int, now: datetime
) -> Announcement:
    """When the list of a raffle with this end is to be frozen, and which round is expected."""
    planned_at = ends_at.replace(microsecond=0) + timedelta(minutes=grace_minutes)
    expected = plan_for(chain, planned_at).round
    return Announcement(kind, now, planned_at, chain.name, expected, chain.made_at(expected))


_ANNOUNCEMENTS: Select[Any] = select(
    *(announcements.c[name] for name in Announcement.__dataclass_fields__)
)


def add_announcement(tx: Connection, guild_id: int, period: int, new: Announcement) -> None:
    """Note it. Hold the period's lock, or have just opened it."""
    values = {name: getattr(new, name) for name in Announcement.__dataclass_fields__}
    tx.execute(insert(announcements).values(guild_id=guild_id, period=period, **values))


def list_announcements(tx: Connection, guild_id: int, period: int) -> list[Announcement]:
    """All of a raffle, in order."""
    found = tx.execute(
        _ANNOUNCEMENTS.where(
            announcements.c.guild_id == guild_id, announcements.c.period == period
        ).order_by(announcements.c.id)
    )
    return [Announcement(**row) for row in found.mappings()]


def find_plan(tx: Connection, guild_id: int, period: int) -> Announcement | None:
    """The plan that was announced last; None for a raffle of an earlier version."""
    plans = [one for one in list_announcements(tx, guild_id, period) if one.kind != "frozen"]
    return plans[-1] if plans else None


def list_freezes(tx: Connection, guild_id: int, period: int) -> list[Announcement]:
    """Every freeze of a raffle, in order. More than one means that the database was changed."""
    return [one for one in list_announcements(tx, guild_id, period) if one.kind == "frozen"]
