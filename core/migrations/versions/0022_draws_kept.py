"""The draw: announcements and freezes are noted, and what was published cannot be changed"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KEPT = """
    CREATE OR REPLACE FUNCTION raffle_kept() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NOT EXISTS (
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
"""
PERIODS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_periods_kept
    BEFORE UPDATE OR DELETE ON raffle_periods FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id number sealed_seed sealed_salt commitment public_id opened_at', '', '');
    CREATE OR REPLACE TRIGGER raffle_periods_kept_once_frozen
    BEFORE UPDATE ON raffle_periods FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION raffle_kept(
        'starts_at ends_at prize winners_wanted frozen_at', 'drawn_at', '');
    CREATE OR REPLACE TRIGGER raffle_periods_never_back
    BEFORE UPDATE ON raffle_periods FOR EACH ROW
    WHEN (OLD.state <> 'open' AND NEW.state = 'open'
          OR OLD.state IN ('drawn', 'closed') AND NEW.state = 'frozen'
          OR OLD.state = 'closed' AND NEW.state = 'drawn')
    EXECUTE FUNCTION raffle_kept('state', '', '');
    CREATE OR REPLACE TRIGGER raffle_periods_never_emptied
    BEFORE TRUNCATE ON raffle_periods FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
ANNOUNCEMENTS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_announcements_kept
    BEFORE UPDATE OR DELETE ON raffle_announcements FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id id period kind at planned_at chain round round_at snapshot_hash', '', '');
    CREATE OR REPLACE TRIGGER raffle_announcements_never_emptied
    BEFORE TRUNCATE ON raffle_announcements FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
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


def upgrade() -> None:
    op.create_table(
        "raffle_announcements",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "planned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the freeze; empty of a freeze",
        ),
        sa.Column(
            "chain",
            sa.Text(),
            nullable=True,
            comment="name of the beacon's chain; empty without beacon",
        ),
        sa.Column(
            "round", sa.BigInteger(), nullable=True, comment="of the beacon; empty without beacon"
        ),
        sa.Column(
            "round_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the round is published",
        ),
        sa.Column("snapshot_hash", sa.Text(), nullable=True, comment="of a frozen list, in hex"),
        sa.CheckConstraint(
            "kind IN ('opened', 'planned', 'frozen')", name="raffle_announcements_kind"
        ),
        sa.CheckConstraint(
            "(kind = 'frozen') = (snapshot_hash IS NOT NULL) "
            "AND (kind = 'frozen') = (planned_at IS NULL)",
            name="raffle_announcements_whole",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_announcements_period",
        ),
        sa.PrimaryKeyConstraint("guild_id", "id", name="raffle_announcements_key"),
    )
    op.create_index(
        "raffle_announcements_of_period",
        "raffle_announcements",
        ["guild_id", "period", "id"],
        unique=False,
    )
    op.add_column(
        "raffle_picks",
        sa.Column(
            "claimant",
            sa.Text(),
            nullable=True,
            comment="pseudonym of the Discord member who won; empty if skipped",
        ),
    )
    for table, column, comment in (
        ("raffle_draws", "chain", "name of the beacon's chain; empty without beacon"),
        ("raffle_draws", "round_at", "when the round is published"),
    ):
        op.alter_column(table, column, comment=comment)
    for kept in (KEPT, PERIODS_KEPT, ANNOUNCEMENTS_KEPT, DRAWS_KEPT, PICKS_KEPT):
        op.execute(kept)
