"""Wagers: accounts on affiliate platforms and what was counted with them"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


CHANGES_FOR_GOOD = """
    CREATE OR REPLACE FUNCTION wagers_changes_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was counted is neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wagers_changes_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER wagers_changes_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON wagers_changes
    FOR EACH STATEMENT EXECUTE FUNCTION wagers_changes_for_good();
"""


def upgrade() -> None:
    op.create_table(
        "wagers_accounts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False, comment="where it is, such as shuffle"),
        sa.Column(
            "viewer_id",
            sa.BigInteger(),
            nullable=False,
            comment="whose account on Kick it belongs to",
        ),
        sa.Column(
            "discord_id", sa.BigInteger(), nullable=False, comment="the member who linked it"
        ),
        sa.Column("username", sa.Text(), nullable=False, comment="as written by whoever linked it"),
        sa.Column("folded_name", sa.Text(), nullable=False, comment="for comparing"),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "verified_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from then on it counts",
        ),
        sa.Column("verified_by", sa.BigInteger(), nullable=True, comment="Discord id of the admin"),
        sa.Column(
            "campaign_code",
            sa.Text(),
            nullable=True,
            comment="folded; under which the total was read",
        ),
        sa.Column(
            "total", sa.Numeric(), nullable=True, comment="all ever wagered, by the newest reading"
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), nullable=True, comment="of the newest reading"
        ),
        sa.Column(
            "fell_from",
            sa.Numeric(),
            nullable=True,
            comment="the total before it fell, until it rises again",
        ),
        sa.Column(
            "role_id",
            sa.BigInteger(),
            nullable=True,
            comment="the role that was asked for, while they have it",
        ),
        sa.Column(
            "role_holder",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of the member who has it",
        ),
        sa.Column(
            "role_refused_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="it could not be given",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ended_by", sa.BigInteger(), nullable=True, comment="Discord id of who unlinked it"
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name="wagers_accounts_ended_by_somebody"
        ),
        sa.CheckConstraint("num_nulls(role_id, role_holder) <> 1", name="wagers_accounts_role"),
        sa.CheckConstraint(
            "num_nulls(verified_at, verified_by, campaign_code, total, seen_at) IN (0, 5)",
            name="wagers_accounts_verified_by_a_reading",
        ),
        sa.CheckConstraint("total >= 0", name="wagers_accounts_total"),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="wagers_accounts_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "account_id", name="wagers_accounts_key"),
    )
    op.create_index(
        "wagers_accounts_of_viewer", "wagers_accounts", ["guild_id", "viewer_id"], unique=False
    )
    op.create_index(
        "wagers_accounts_one_a_name",
        "wagers_accounts",
        ["guild_id", "platform", "folded_name"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "wagers_accounts_one_a_viewer",
        "wagers_accounts",
        ["guild_id", "platform", "viewer_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "wagers_changes",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "viewer_id", sa.BigInteger(), nullable=False, comment="whose it was when it was counted"
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), nullable=False, comment="of the reading before"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was seen"),
        sa.Column("total_before", sa.Numeric(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False, comment="which the platform told"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="what counts as wagered"),
        sa.Column("held", sa.Numeric(), nullable=False, comment="waits for an admin's word"),
        sa.Column(
            "releases",
            sa.BigInteger(),
            nullable=True,
            comment="id of the row whose held amount an admin counted",
        ),
        sa.CheckConstraint(
            "(kind = 'release') = (releases IS NOT NULL)", name="wagers_changes_release_of_a_row"
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'rise' THEN total > total_before AND amount + held = total - total_before WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0 WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0 ELSE false END",
            name="wagers_changes_exact",
        ),
        sa.CheckConstraint("amount >= 0 AND held >= 0", name="wagers_changes_never_negative"),
        sa.ForeignKeyConstraint(
            ["guild_id", "account_id"],
            ["wagers_accounts.guild_id", "wagers_accounts.account_id"],
            name="wagers_changes_account",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="wagers_changes_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "id", name="wagers_changes_key"),
        sa.UniqueConstraint("guild_id", "releases", name="wagers_changes_released_once"),
    )
    op.create_index(
        "wagers_changes_odd",
        "wagers_changes",
        ["guild_id", "id"],
        unique=False,
        postgresql_where=sa.text("kind <> 'rise' OR held > 0"),
    )
    op.create_index(
        "wagers_changes_of_viewer", "wagers_changes", ["guild_id", "viewer_id", "at"], unique=False
    )
    op.create_index(
        "wagers_changes_once",
        "wagers_changes",
        ["guild_id", "account_id", "at"],
        unique=True,
        postgresql_where=sa.text("releases IS NULL"),
    )
    op.create_table(
        "wagers_polls",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it failed"),
        sa.Column("accounts", sa.Integer(), nullable=False, comment="in the answer"),
        sa.Column("unreadable", sa.Integer(), nullable=False, comment="lines that make no sense"),
        sa.Column(
            "repeated",
            sa.Integer(),
            nullable=False,
            comment="lines of a name that was there before",
        ),
        sa.Column(
            "next_at", sa.DateTime(timezone=True), nullable=False, comment="not asked again before"
        ),
        sa.CheckConstraint("outcome IN ('ok', 'busy', 'failed')", name="wagers_polls_outcome"),
        sa.PrimaryKeyConstraint("platform", "asked_at", name="wagers_polls_key"),
        comment="of the installation, whichever servers have accounts there",
    )
    op.execute(CHANGES_FOR_GOOD)
