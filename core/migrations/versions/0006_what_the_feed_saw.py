"""What the feed saw"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kick_told",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the event"),
        sa.Column("subject", sa.Text(), nullable=False, comment="equal to that of its witness"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_told_kind"),
        sa.PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_told_once"),
        comment="facts that came by webhook; kept as long as a witness may still come",
    )
    op.create_index(
        "kick_told_subject", "kick_told", ["guild_id", "kind", "subject", "at"], unique=False
    )
    op.create_table(
        "kick_witnesses",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the FeedWitnessed event"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("drop", sa.Text(), nullable=False, comment="what is credited together"),
        sa.Column("channel_id", sa.BigInteger(), nullable=False, comment="the owner's user id"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the FeedWitnessed event",
        ),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column(
            "fact_key",
            sa.Text(),
            nullable=True,
            comment="of the fact that it is, once that was told by webhook",
        ),
        sa.Column("number", sa.Integer(), nullable=True, comment="by which admins name the drop"),
        sa.Column(
            "settled_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; 0: the feed is the authority",
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_witnesses_kind"),
        sa.CheckConstraint(
            "state <> 'matched' OR fact_key IS NOT NULL", name="kick_witnesses_matched_with"
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'matched', 'suspected', 'credited', 'dismissed')",
            name="kick_witnesses_state",
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_witnesses_guild"),
        sa.PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_witnesses_once"),
    )
    op.create_index(
        "kick_witnesses_numbers",
        "kick_witnesses",
        ["guild_id", "number"],
        unique=False,
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(
        "kick_witnesses_subject",
        "kick_witnesses",
        ["guild_id", "kind", "subject", "at"],
        unique=False,
    )
    op.create_index(
        "kick_witnesses_waiting",
        "kick_witnesses",
        ["guild_id", "at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
