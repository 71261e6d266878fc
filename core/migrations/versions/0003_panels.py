"""Link panels, and what is left of viewers who were forgotten"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_panels",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="of Discord"),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_name", sa.Text(), nullable=False, comment="when it was posted"),
        sa.Column(
            "emoji",
            sa.Text(),
            nullable=False,
            comment="of the reaction, as it is written in a message",
        ),
        sa.Column("posted_by", sa.BigInteger(), nullable=False, comment="Discord id of the admin"),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="posted", nullable=False),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was withdrawn, or found gone",
        ),
        sa.Column(
            "trouble", sa.Text(), nullable=True, comment="what it cannot do, in words for an admin"
        ),
        sa.CheckConstraint("state IN ('posted', 'withdrawn', 'gone')", name="people_panels_state"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_panels_guild"),
        sa.PrimaryKeyConstraint("guild_id", "message_id", name="people_panels_message"),
        comment="withdrawn: the message is still to be deleted; gone: somebody else deleted it",
    )
    op.create_index(
        "people_panels_one_a_channel",
        "people_panels",
        ["guild_id", "channel_id"],
        unique=True,
        postgresql_where=sa.text("state = 'posted'"),
    )
    op.create_table(
        "people_tombstones",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the platform's user id, keyed"),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="people_tombstones_viewer",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "platform", "digest", name="people_tombstones_one_an_account"
        ),
        sa.UniqueConstraint("guild_id", "viewer_id", name="people_tombstones_one_a_viewer"),
    )
    op.create_table(
        "privacy_wishes",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("wish_id", sa.Text(), nullable=False, comment="random"),
        sa.Column("subject", sa.Text(), nullable=False, comment="who it was, sealed"),
        sa.Column("sweep_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="privacy_wishes_guild"),
        sa.PrimaryKeyConstraint("guild_id", "wish_id", name="privacy_wishes_wish"),
        comment="a row goes with the sweep, and with it the last trace",
    )
    op.create_index("privacy_wishes_due", "privacy_wishes", ["sweep_at"])
