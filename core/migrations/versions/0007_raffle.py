"""The raffle: periods, the ledger of tickets, the draw"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


ENTRIES_ONLY_WHILE_OPEN = """
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
ENTRIES_FOR_GOOD = """
    CREATE OR REPLACE FUNCTION raffle_entries_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'entries are neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_entries
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_entries_for_good();
"""


def upgrade() -> None:
    op.create_table(
        "raffle_periods",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="counts up within the server"),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ends_at", sa.DateTime(timezone=True), nullable=False, comment="the first instant after"
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("prize", sa.Text(), nullable=False),
        sa.Column("winners_wanted", sa.Integer(), nullable=False),
        sa.Column("sealed_seed", sa.Text(), nullable=False, comment="secret until the draw"),
        sa.Column(
            "sealed_salt",
            sa.Text(),
            nullable=False,
            comment="secret for good: makes the pseudonyms",
        ),
        sa.Column("commitment", sa.Text(), nullable=False, comment="SHA-256 of the seed, in hex"),
        sa.Column(
            "public_id", sa.Text(), nullable=False, comment="in the address of its public page"
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(guild_id, guild_id, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            using="gist",
            name="raffle_periods_apart",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'frozen', 'drawn', 'closed')", name="raffle_periods_state"
        ),
        sa.CheckConstraint("starts_at <= ends_at", name="raffle_periods_in_order"),
        sa.CheckConstraint("winners_wanted > 0", name="raffle_periods_winners"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_periods_guild"),
        sa.PrimaryKeyConstraint("guild_id", "number", name="raffle_periods_numbered"),
        sa.UniqueConstraint("public_id", name="raffle_periods_public_id"),
    )
    op.create_table(
        "raffle_balances",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "tickets", sa.BigInteger(), nullable=False, comment="the sum of the viewer's entries"
        ),
        sa.CheckConstraint("tickets >= 0", name="raffle_balances_never_below_zero"),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_balances_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_balances_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", "viewer_id", name="raffle_balances_once"),
    )
    op.create_table(
        "raffle_draws",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False, comment="the list, as it was published"),
        sa.Column(
            "snapshot_hash", sa.Text(), nullable=False, comment="SHA-256 of the snapshot, in hex"
        ),
        sa.Column("entrants", sa.Integer(), nullable=False),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.Column(
            "left_out", sa.Integer(), nullable=False, comment="holders who were not allowed to win"
        ),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "frozen_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it froze by itself",
        ),
        sa.Column(
            "channel_id", sa.BigInteger(), nullable=False, comment="Discord channel of its posts"
        ),
        sa.Column(
            "chain",
            sa.Text(),
            nullable=True,
            comment="hash of the beacon's chain; empty without beacon",
        ),
        sa.Column(
            "round", sa.BigInteger(), nullable=True, comment="of the beacon; empty without beacon"
        ),
        sa.Column(
            "round_at", sa.DateTime(timezone=True), nullable=True, comment="when the round is made"
        ),
        sa.Column(
            "randomness", sa.Text(), nullable=True, comment="the round's, in hex, once it is known"
        ),
        sa.Column("signature", sa.Text(), nullable=True, comment="the round's, in hex"),
        sa.Column(
            "given_up_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of who drew without waiting for it",
        ),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_draws_period",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", name="raffle_draws_once"),
    )
    op.create_table(
        "raffle_entries",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="tickets; negative takes away"
        ),
        sa.Column(
            "source_key",
            sa.Text(),
            nullable=False,
            comment="natural key of the cause, counted once",
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "actor",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of the admin, if one did it",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was earned"),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "source IN ('watchtime', 'gifted_sub', 'wager', 'bonus', 'correction')",
            name="raffle_entries_source",
        ),
        sa.CheckConstraint("amount <> 0", name="raffle_entries_amount"),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_entries_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_entries_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "id", name="raffle_entries_key"),
        sa.UniqueConstraint("guild_id", "source_key", name="raffle_entries_once"),
    )
    op.create_index(
        "raffle_entries_of_viewer",
        "raffle_entries",
        ["guild_id", "period", "viewer_id", "id"],
        unique=False,
    )
    op.create_table(
        "raffle_exclusions",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "excluded_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it came with a ban",
        ),
        sa.Column(
            "excluded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "until", sa.DateTime(timezone=True), nullable=True, comment="the end of a time-out"
        ),
        sa.CheckConstraint(
            "cause IN ('admin', 'kick_ban', 'discord_ban')", name="raffle_exclusions_cause"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_exclusions_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", "cause", name="raffle_exclusions_once"),
    )
    op.create_table(
        "raffle_picks",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False, comment="counts the winners up, from 1"),
        sa.Column(
            "viewer_id",
            sa.BigInteger(),
            nullable=True,
            comment="empty for who was forgotten before the draw",
        ),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why skipped"),
        sa.Column(
            "discord_id",
            sa.BigInteger(),
            nullable=True,
            comment="whose the account was when it was drawn",
        ),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the last instant to claim",
        ),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "delivered_by", sa.BigInteger(), nullable=True, comment="Discord id of the admin"
        ),
        sa.CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name="raffle_picks_skipped_for_a_reason"
        ),
        sa.CheckConstraint(
            "state IN ('drawn', 'claimed', 'delivered', 'expired', 'skipped')",
            name="raffle_picks_state",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_draws.guild_id", "raffle_draws.period"],
            name="raffle_picks_draw",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_picks_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", "k", name="raffle_picks_numbered"),
        sa.UniqueConstraint("guild_id", "period", "viewer_id", name="raffle_picks_never_twice"),
    )
    op.execute(ENTRIES_ONLY_WHILE_OPEN)
    op.execute(ENTRIES_FOR_GOOD)
