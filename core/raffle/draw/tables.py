"""The frozen list of tickets, what was fixed with it, who was drawn, and who may not win."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    func,
)

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, PENALTY, holds

_PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]
_DRAW = ["raffle_draws.guild_id", "raffle_draws.period"]
_VIEWER = ["people_viewers.guild_id", "people_viewers.viewer_id"]

draws = Table(
    "raffle_draws",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("snapshot", Text, nullable=False, comment="the list, as it was published"),
    Column("snapshot_hash", Text, nullable=False, comment="SHA-256 of the snapshot, in hex"),
    Column("entrants", Integer, nullable=False),
    Column("tickets", BigInteger, nullable=False),
    Column("left_out", Integer, nullable=False, comment="holders who were not allowed to win"),
    Column("frozen_at", DateTime(timezone=True), nullable=False),
    Column(
        "frozen_by",
        BigInteger,
        comment="Discord id; empty when it froze by itself",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("channel_id", BigInteger, nullable=False, comment="Discord channel of its posts"),
    Column("claim_minutes", Integer, nullable=False, comment="how long a winner has, as told"),
    Column("chain", Text, comment="name of the beacon's chain; empty without beacon"),
    Column("round", BigInteger, comment="of the beacon; empty without beacon"),
    Column("round_at", DateTime(timezone=True), comment="when the round is published"),
    Column("randomness", Text, comment="the round's, in hex, once it is known"),
    Column("signature", Text, comment="the round's, in hex"),
    Column(
        "given_up_by",
        BigInteger,
        comment="Discord id of who drew without waiting for it",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("given_up_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "period", name="raffle_draws_once"),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_draws_period"),
)

picks = Table(
    "raffle_picks",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("k", Integer, nullable=False, comment="counts the winners up, from 1"),
    Column("viewer_id", BigInteger, comment="empty for who was forgotten before the draw"),
    Column("pseudonym", Text, nullable=False),
    Column("claimant", Text, comment="pseudonym of the Discord member who won; empty if skipped"),
    Column("state", Text, nullable=False),
    Column("reason", Text, comment="why skipped"),
    Column(
        "discord_id",
        BigInteger,
        comment="whose the account was when it was drawn",
        info=holds("number"),
    ),
    Column("drawn_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="the last instant to claim"),
    Column(
        "claimable_since",
        DateTime(timezone=True),
        comment="when the winner could claim for the first time; empty while nothing reached them",
    ),
    Column(
        "claimable_at",
        DateTime(timezone=True),
        comment="the newest instant at which the winner is known to have been able to claim",
    ),
    Column("channel_id", BigInteger, comment="Discord channel of the winner's newest post"),
    Column("posts", Integer, nullable=False, server_default="1", comment="how often it was posted"),
    Column(
        "post_gone",
        Boolean,
        nullable=False,
        server_default="false",
        comment="that post was deleted, alone or with its channel",
    ),
    Column("claimed_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    Column(
        "delivered_by",
        BigInteger,
        comment="Discord id of the admin",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    PrimaryKeyConstraint("guild_id", "period", "k", name="raffle_picks_numbered"),
    UniqueConstraint("guild_id", "period", "viewer_id", name="raffle_picks_never_twice"),
    ForeignKeyConstraint(["guild_id", "period"], _DRAW, name="raffle_picks_draw"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_picks_viewer"),
    CheckConstraint(
        "state IN ('drawn', 'claimed', 'delivered', 'expired', 'skipped')",
        name="raffle_picks_state",
    ),
    CheckConstraint(
        "(state = 'skipped') = (reason IS NOT NULL)", name="raffle_picks_skipped_for_a_reason"
    ),
)

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
event.listen(draws, "after_create", DDL(DRAWS_KEPT))  # type: ignore[no-untyped-call]
event.listen(picks, "after_create", DDL(PICKS_KEPT))  # type: ignore[no-untyped-call]

exclusions = Table(
    "raffle_exclusions",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default="", info=holds("text", stays=PENALTY)),
    Column(
        "excluded_by",
        BigInteger,
        comment="Discord id; empty when it came with a ban",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("excluded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("until", DateTime(timezone=True), comment="the end of a time-out"),
    PrimaryKeyConstraint("guild_id", "viewer_id", "cause", name="raffle_exclusions_once"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_exclusions_viewer"),
    CheckConstraint(
        "cause IN ('admin', 'kick_ban', 'discord_ban')", name="raffle_exclusions_cause"
    ),
)
