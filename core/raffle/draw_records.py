"""Draws and picks, and the triggers that keep the database from changing them."""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    event,
    func,
    select,
)
from sqlalchemy.orm import (
    Mapped,
    MappedSQLExpression,
    column_property,
    declared_attr,
    mapped_column,
)

from core.drand.chain import QUICKNET, Round
from core.draws.picks import SkipReason
from core.draws.snapshot import is_public
from core.kit.database.personal import ADMINS_ANSWER, PSEUDONYMOUS, holds
from core.kit.database.records import (
    ChannelId,
    GuildRecord,
    MemberId,
    ViewerId,
    flag,
    one_of,
    optional,
)
from core.people.records import Viewer, viewer_key
from core.raffle.records import PERIOD, Announcement, RoundRecord

PickState = Literal["drawn", "claimed", "delivered", "expired", "skipped"]

WINNING = ("drawn", "claimed", "delivered")
"""The states of winners who have, or can still claim, a prize."""

BEACON_TIMEOUT = timedelta(hours=1)
"""How late a round has to be before an admin may draw without it. An admin who could freely choose
between two results could choose the winner."""


class Draw(RoundRecord, kw_only=True):
    """A frozen list with its terms, and the beacon's round once it is known."""

    __tablename__ = "raffle_draws"

    period: Mapped[int]
    snapshot: Mapped[str] = mapped_column(init=False, repr=False, compare=False, deferred=True)
    snapshot_hash: Mapped[str] = mapped_column(
        init=False, comment="SHA-256 of the snapshot, in hex"
    )
    entrants: Mapped[int]
    tickets: Mapped[int] = mapped_column(BigInteger)
    left_out: Mapped[int] = mapped_column(comment="holders who were not allowed to win")
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[MemberId | None] = mapped_column(
        comment="empty when it was frozen automatically",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    channel_id: Mapped[ChannelId] = mapped_column(comment="Discord channel of its posts")
    claim_minutes: Mapped[int] = mapped_column(comment="how long a winner has, as announced")
    randomness: Mapped[str | None] = optional("the round's, in hex")
    signature: Mapped[str | None] = optional("the round's, in hex")
    given_up_by: Mapped[MemberId | None] = optional(
        "who drew without waiting for the round", info=holds("number", stays=ADMINS_ANSWER)
    )
    given_up_at: Mapped[datetime | None] = optional()

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "period", name="raffle_draws_once"),
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_draws_period"),
        CheckConstraint(
            "(randomness IS NULL) = (signature IS NULL)"
            " AND (randomness IS NULL OR round IS NOT NULL)"
            " AND num_nonnulls(randomness, given_up_at) < 2",
            name="raffle_draws_one_source_of_chance",
        ),
    )

    @property
    def claim_window(self) -> timedelta:
        return timedelta(minutes=self.claim_minutes)

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

    def is_overdue(self, now: datetime) -> bool:
        """Whether the round is so late that an admin may draw without it."""
        due = self.round_at
        return self.waits_for_beacon and due is not None and due + BEACON_TIMEOUT <= now

    @property
    def announcement(self) -> Announcement:
        """What is recorded when the list is frozen."""
        return Announcement(
            period=self.period,
            kind="frozen",
            at=self.frozen_at,
            chain=self.chain,
            round=self.round,
            round_at=self.round_at,
            snapshot_hash=self.snapshot_hash,
        )

    @property
    def random(self) -> Round | None:
        """The beacon's round, once it is known."""
        if self.randomness is None:
            return None
        return Round(self.chain or "", self.round or 0, self.randomness, self.signature or "")


class _DrawnAccount(GuildRecord, kw_only=True):
    """The account whose line of the list was drawn.

    Attributes:
        account: the account, such as `kick:123`; empty once forgotten.
        name: the current name; empty if the account was forgotten before the draw.
    """

    __abstract__ = True

    viewer_id: Mapped[ViewerId | None] = mapped_column(
        comment="empty for somebody who was forgotten before the draw",
        info=holds("viewer", stays=PSEUDONYMOUS),
    )

    @declared_attr
    def account(cls) -> Mapped[str]:
        account = func.concat(Viewer.platform, ":", Viewer.platform_user_id)
        return _of_viewer(cls, account, Viewer.platform_user_id > 0)

    @declared_attr
    def name(cls) -> Mapped[str]:
        return _of_viewer(cls, Viewer.name)


def _of_viewer(pick: Any, value: Any, *criteria: Any) -> MappedSQLExpression[Any]:
    """A current value of the drawn viewer; empty if the viewer no longer exists."""
    criteria += (Viewer.guild_id == pick.guild_id, Viewer.viewer_id == pick.viewer_id)
    found = select(value).where(*criteria).correlate_except(Viewer).scalar_subquery()
    return column_property(func.coalesce(found, ""))


class Pick(_DrawnAccount, kw_only=True):
    """A pick: a person who was drawn."""

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
        comment="whose the account was when it was drawn",
        info=holds("number", stays="removed once the prize is delivered, or somebody else's"),
    )
    drawn_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(comment="the last instant to claim")
    claimable_since: Mapped[datetime | None] = optional(
        "when the winner could claim for the first time; empty while nothing reached them"
    )
    claimable_at: Mapped[datetime | None] = optional(
        "the newest instant at which the winner is known to have been able to claim"
    )
    channel_id: Mapped[ChannelId | None] = mapped_column(
        comment="Discord channel of the winner's newest post"
    )
    posts: Mapped[int] = mapped_column(
        default=1, server_default="1", comment="how often it was posted"
    )
    post_gone: Mapped[bool] = flag("that post was deleted, alone or with its channel")
    claimed_at: Mapped[datetime | None] = optional()
    delivered_at: Mapped[datetime | None] = optional()
    delivered_by: Mapped[MemberId | None] = optional(info=holds("number", stays=ADMINS_ANSWER))

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "period", "k", name="raffle_picks_numbered"),
        UniqueConstraint("guild_id", "period", "viewer_id", name="raffle_picks_never_twice"),
        ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_draws.guild_id", "raffle_draws.period"],
            name="raffle_picks_draw",
        ),
        viewer_key("raffle_picks_viewer"),
        one_of("state", PickState, name="raffle_picks_state"),
        CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name="raffle_picks_skipped_for_a_reason"
        ),
    )


# A draw depends on these promises, so the database enforces them even if our own code has a bug.
# Nobody gets less time to claim than promised or loses a claimed prize, and nobody who
# knows the random number can cancel the raffle or draw without it.
# `raffle_kept` takes the columns that never change, those that are filled in once, and those that
# can only be emptied. The row lock makes an entry wait for a freeze in another transaction, and the
# freeze for it.
_PROMISES = """
    CREATE OR REPLACE FUNCTION raffle_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND NOT EXISTS (
            SELECT FROM jsonb_each(to_jsonb(OLD)) AS was JOIN jsonb_each(to_jsonb(NEW)) AS becomes
             USING (key)
             WHERE was.value <> becomes.value
               AND (key = ANY(string_to_array(TG_ARGV[0], ' '))
                    OR key = ANY(string_to_array(TG_ARGV[1], ' ')) AND was.value <> 'null'
                    OR key = ANY(string_to_array(TG_ARGV[2], ' ')) AND becomes.value <> 'null'))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_periods_kept BEFORE UPDATE OR DELETE ON raffle_periods
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id number sealed_seed sealed_salt commitment public_id opened_at winners_wanted');
    CREATE OR REPLACE TRIGGER raffle_periods_prize_kept BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.prize <> '') EXECUTE FUNCTION raffle_kept('prize');
    CREATE OR REPLACE TRIGGER raffle_periods_kept_once_frozen BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION raffle_kept(
        'starts_at ends_at prize winners_wanted frozen_at', 'drawn_at');
    CREATE OR REPLACE TRIGGER raffle_periods_never_back BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.state <> 'open' AND NEW.state = 'open'
                       OR OLD.state IN ('drawn', 'closed') AND NEW.state = 'frozen'
                       OR OLD.state = 'closed' AND NEW.state = 'drawn')
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE FUNCTION raffle_periods_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM raffle_draws AS d WHERE d.guild_id = NEW.guild_id AND d.period = NEW.number
               AND (NEW.drawn_at IS NOT NULL OR d.round IS NOT NULL AND d.randomness IS NULL)
               AND (NEW.drawn_at IS NULL OR d.round IS NULL OR d.randomness IS NOT NULL
                    OR d.given_up_at IS NOT NULL))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_periods_in_step BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.state = 'frozen' AND NEW.state <> 'frozen')
    EXECUTE FUNCTION raffle_periods_in_step();
    CREATE OR REPLACE TRIGGER raffle_periods_drawn_once_frozen BEFORE UPDATE ON raffle_periods
    FOR EACH ROW WHEN (OLD.drawn_at IS NULL AND NEW.drawn_at IS NOT NULL
                       AND (OLD.state <> 'frozen' OR NEW.state NOT IN ('drawn', 'closed'))
                       OR NEW.state = 'drawn' AND NEW.drawn_at IS NULL)
    EXECUTE FUNCTION raffle_kept('state drawn_at');
    CREATE OR REPLACE TRIGGER raffle_announcements_kept
    BEFORE UPDATE OR DELETE ON raffle_announcements FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id id period kind at planned_at chain round round_at snapshot_hash');
    CREATE OR REPLACE TRIGGER raffle_draws_kept BEFORE UPDATE OR DELETE ON raffle_draws
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period snapshot snapshot_hash entrants tickets left_out frozen_at claim_minutes'
        ' chain round round_at', 'randomness signature given_up_at');
    CREATE OR REPLACE TRIGGER raffle_picks_kept BEFORE UPDATE OR DELETE ON raffle_picks
    FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period k viewer_id pseudonym claimant drawn_at',
        'reason claimable_since claimed_at delivered_at', 'discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_owned_until_over BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state IN ('drawn', 'claimed') AND NEW.state = OLD.state)
    EXECUTE FUNCTION raffle_kept('discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_in_step BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state = 'claimed' AND NEW.state NOT IN ('claimed', 'delivered')
                       OR OLD.state = 'drawn' AND NEW.state = 'delivered')
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE FUNCTION raffle_picks_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE promised interval := (
        SELECT make_interval(mins => claim_minutes) FROM raffle_draws
         WHERE guild_id = NEW.guild_id AND period = NEW.period);
    BEGIN
        IF NEW.expires_at >= GREATEST(NEW.drawn_at, NEW.claimable_since) + promised
           AND (NEW.state <> 'expired' OR COALESCE(NEW.claimable_at >= NEW.expires_at, false))
           OR NEW.expires_at IS NULL AND NEW.state = 'skipped'
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_picks_in_time BEFORE INSERT OR UPDATE ON raffle_picks
    FOR EACH ROW EXECUTE FUNCTION raffle_picks_in_time();
    CREATE OR REPLACE TRIGGER raffle_picks_never_shorter BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (NEW.expires_at < OLD.expires_at OR NEW.claimable_at < OLD.claimable_at
                       OR OLD.expires_at IS NOT NULL AND NEW.expires_at IS NULL
                       OR OLD.claimable_at IS NOT NULL AND NEW.claimable_at IS NULL)
    EXECUTE FUNCTION raffle_kept('expires_at claimable_at');
    CREATE OR REPLACE TRIGGER raffle_picks_kept_once_over BEFORE UPDATE ON raffle_picks
    FOR EACH ROW WHEN (OLD.state IN ('delivered', 'expired', 'skipped'))
    EXECUTE FUNCTION raffle_kept('state');
    CREATE OR REPLACE TRIGGER raffle_entries_permanent
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_entries
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_periods_never_emptied BEFORE TRUNCATE ON raffle_periods
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_announcements_never_emptied
    BEFORE TRUNCATE ON raffle_announcements FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_draws_never_emptied BEFORE TRUNCATE ON raffle_draws
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE TRIGGER raffle_picks_never_emptied BEFORE TRUNCATE ON raffle_picks
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
    CREATE OR REPLACE FUNCTION raffle_lines_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = COALESCE(NEW.guild_id, OLD.guild_id)
            AND number = COALESCE(NEW.period, OLD.period) AND state = 'open';
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
                ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
        END IF;
        RETURN COALESCE(NEW, OLD);
    END $$;
    CREATE OR REPLACE TRIGGER raffle_balances_lines_added
    BEFORE INSERT ON raffle_balances FOR EACH ROW WHEN (NEW.listed_as IS NOT NULL)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE TRIGGER raffle_balances_lines_kept
    BEFORE UPDATE ON raffle_balances FOR EACH ROW
    WHEN (OLD.listed_as IS DISTINCT FROM NEW.listed_as)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE TRIGGER raffle_balances_lines_never_deleted
    BEFORE DELETE ON raffle_balances FOR EACH ROW WHEN (OLD.listed_as IS NOT NULL)
    EXECUTE FUNCTION raffle_lines_only_while_open();
    CREATE OR REPLACE FUNCTION raffle_entries_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = NEW.guild_id AND number = NEW.period AND state = 'open'
            FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this period takes no more tickets'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_only_while_open';
        END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_only_while_open
    BEFORE INSERT ON raffle_entries
    FOR EACH ROW EXECUTE FUNCTION raffle_entries_only_while_open();
"""
# Attached to the last of these tables that is created.
event.listen(Pick.__table__, "after_create", DDL(_PROMISES))  # type: ignore[no-untyped-call]
