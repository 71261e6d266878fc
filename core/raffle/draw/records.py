"""A raffle's frozen list of tickets, and who was drawn from it."""

from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    event,
    func,
    select,
)
from sqlalchemy.orm import (
    InstrumentedAttribute,
    Mapped,
    MappedSQLExpression,
    column_property,
    declared_attr,
    mapped_column,
)

from core.drand.chain import QUICKNET, Round
from core.draws.picks import SkipReason
from core.draws.rounds import is_public
from core.kit.personal import ADMINS_ANSWER, holds
from core.kit.records import ChannelId, GuildRecord, MemberId, ViewerId, one_of
from core.people.records import Viewer, viewer_key
from core.raffle.draw.rules import ClaimClock

T = TypeVar("T")

_PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]
_DRAW = ["raffle_draws.guild_id", "raffle_draws.period"]

PickState = Literal["drawn", "claimed", "delivered", "expired", "skipped"]

WINNING = ("drawn", "claimed", "delivered")
"""The states of winners who have, or can still claim, a prize."""


class Draw(GuildRecord, kw_only=True):
    """A frozen list, what was fixed with it, and the beacon's round once it is known."""

    __tablename__ = "raffle_draws"

    period: Mapped[int]
    snapshot: Mapped[str] = mapped_column(
        init=False,
        repr=False,
        compare=False,
        deferred=True,
        comment="the list, as it was published",
    )
    snapshot_hash: Mapped[str] = mapped_column(
        init=False, comment="SHA-256 of the snapshot, in hex"
    )
    entrants: Mapped[int]
    tickets: Mapped[int] = mapped_column(BigInteger)
    left_out: Mapped[int] = mapped_column(comment="holders who were not allowed to win")
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[MemberId | None] = mapped_column(
        comment="Discord id; empty when it was frozen automatically",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    channel_id: Mapped[ChannelId] = mapped_column(comment="Discord channel of its posts")
    claim_minutes: Mapped[int] = mapped_column(comment="how long a winner has, as announced")
    chain: Mapped[str | None] = mapped_column(
        comment="name of the beacon's chain; empty without beacon"
    )
    round: Mapped[int | None] = mapped_column(
        BigInteger, comment="of the beacon; empty without beacon"
    )
    round_at: Mapped[datetime | None] = mapped_column(comment="when the round is published")
    randomness: Mapped[str | None] = mapped_column(
        default=None, comment="the round's, in hex, once it is known"
    )
    signature: Mapped[str | None] = mapped_column(default=None, comment="the round's, in hex")
    given_up_by: Mapped[MemberId | None] = mapped_column(
        default=None,
        comment="Discord id of who drew without waiting for the round",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    given_up_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "period", name="raffle_draws_once"),
        ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_draws_period"),
    )

    @property
    def waits_for_beacon(self) -> bool:
        return self.round is not None and self.randomness is None and self.given_up_at is None

    @property
    def is_public(self) -> bool:
        """Whether a round of the public beacon decides that nobody could know at the freeze."""
        return (
            self.round is not None
            and self.round_at == QUICKNET.made_at(self.round)
            and is_public(self.chain, self.round, self.frozen_at)
        )

    @property
    def random(self) -> Round | None:
        """The beacon's round, once it is known."""
        if self.randomness is None:
            return None
        return Round(self.chain or "", self.round or 0, self.randomness, self.signature or "")


class _AccountRecord(GuildRecord, kw_only=True):
    """About an account that may have been forgotten.

    Attributes:
        account: such as `kick:123`; empty if it was forgotten before the draw, as is `name`.
        name: the current one.
        erased: the account was forgotten, before the draw or after it.
    """

    __abstract__ = True

    viewer_id: Mapped[ViewerId | None] = mapped_column(
        comment="empty for somebody who was forgotten before the draw"
    )

    @declared_attr
    def account(cls) -> Mapped[str]:
        return _current(cls, func.concat(Viewer.platform, ":", Viewer.platform_user_id), "")

    @declared_attr
    def name(cls) -> Mapped[str]:
        return _current(cls, Viewer.name, "")

    @declared_attr
    def erased(cls) -> Mapped[bool]:
        return _current(cls, Viewer.platform_user_id < 0, True)


def _current(
    record: Any, value: ColumnElement[T] | InstrumentedAttribute[T], otherwise: T
) -> MappedSQLExpression[T]:
    same_guild = Viewer.guild_id == record.guild_id
    found = select(value).where(same_guild, Viewer.viewer_id == record.viewer_id)
    current = found.correlate_except(Viewer).scalar_subquery()
    return column_property(func.coalesce(current, otherwise))


class Pick(_AccountRecord, kw_only=True):
    """Somebody who was drawn."""

    __tablename__ = "raffle_picks"

    period: Mapped[int]
    k: Mapped[int] = mapped_column(comment="counts the draws of a raffle, from 1")
    pseudonym: Mapped[str]
    claimant: Mapped[str | None] = mapped_column(
        comment="pseudonym of the Discord member who won; empty if skipped"
    )
    state: Mapped[PickState] = mapped_column(Text)
    reason: Mapped[SkipReason | None] = mapped_column(Text, comment="why skipped")
    discord_id: Mapped[MemberId | None] = mapped_column(
        comment="whose the account was when it was drawn", info=holds("number")
    )
    drawn_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(comment="the last instant to claim")
    claimable_since: Mapped[datetime | None] = mapped_column(
        default=None,
        comment="when the winner could claim for the first time; empty while nothing reached them",
    )
    claimable_at: Mapped[datetime | None] = mapped_column(
        default=None,
        comment="the newest instant at which the winner is known to have been able to claim",
    )
    channel_id: Mapped[ChannelId | None] = mapped_column(
        comment="Discord channel of the winner's newest post"
    )
    posts: Mapped[int] = mapped_column(
        default=1, server_default="1", comment="how often it was posted"
    )
    post_gone: Mapped[bool] = mapped_column(
        default=False,
        server_default="false",
        comment="that post was deleted, alone or with its channel",
    )
    claimed_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_by: Mapped[MemberId | None] = mapped_column(
        default=None,
        comment="Discord id of the admin",
        info=holds("number", stays=ADMINS_ANSWER),
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "period", "k", name="raffle_picks_numbered"),
        UniqueConstraint("guild_id", "period", "viewer_id", name="raffle_picks_never_twice"),
        ForeignKeyConstraint(["guild_id", "period"], _DRAW, name="raffle_picks_draw"),
        viewer_key("raffle_picks_viewer"),
        one_of("state", PickState, name="raffle_picks_state"),
        CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name="raffle_picks_skipped_for_a_reason"
        ),
    )

    @property
    def clock(self) -> ClaimClock:
        """Not for somebody who was skipped."""
        assert self.expires_at is not None, "skipped"
        return ClaimClock(self.expires_at, self.claimable_since, self.claimable_at)

    @clock.setter
    def clock(self, clock: ClaimClock) -> None:
        self.expires_at, self.claimable_since = clock.expires_at, clock.since
        self.claimable_at = clock.at


DRAWS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_draws_kept
    BEFORE UPDATE OR DELETE ON raffle_draws FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period snapshot snapshot_hash entrants tickets left_out frozen_at claim_minutes'
        ' chain round round_at', 'randomness signature given_up_at', '');
    CREATE OR REPLACE TRIGGER raffle_draws_never_emptied
    BEFORE TRUNCATE ON raffle_draws FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
PICKS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_picks_kept
    BEFORE UPDATE OR DELETE ON raffle_picks FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period k viewer_id pseudonym claimant drawn_at', 'reason', 'discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_kept_once_over
    BEFORE UPDATE ON raffle_picks FOR EACH ROW
    WHEN (OLD.state IN ('delivered', 'expired', 'skipped'))
    EXECUTE FUNCTION raffle_kept('state', '', '');
    CREATE OR REPLACE TRIGGER raffle_picks_never_emptied
    BEFORE TRUNCATE ON raffle_picks FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
event.listen(Draw.__table__, "after_create", DDL(DRAWS_KEPT))  # type: ignore[no-untyped-call]
event.listen(Pick.__table__, "after_create", DDL(PICKS_KEPT))  # type: ignore[no-untyped-call]
