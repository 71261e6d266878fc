"""Who is who on Discord"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_links",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("discord_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False, comment="of the viewer"),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="people_links_viewer",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "discord_id", "platform", name="people_links_one_a_member"
        ),
        sa.UniqueConstraint("guild_id", "viewer_id", name="people_links_one_an_account"),
    )
    op.create_table(
        "people_link_attempts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("discord_id", sa.BigInteger(), nullable=False, comment="of the member who asked"),
        sa.Column(
            "discord_name",
            sa.Text(),
            nullable=False,
            comment="as shown in the server, at asking",
        ),
        sa.Column("discord_handle", sa.Text(), nullable=False, comment="which nobody else has"),
        sa.Column("avatar_url", sa.Text(), nullable=False),
        sa.Column(
            "by_dm",
            sa.Boolean(),
            nullable=False,
            comment="the member takes direct messages from us",
        ),
        sa.Column("link_id", sa.Text(), nullable=False, comment="random, inside the signed link"),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "state_hash",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of the state, once the link was followed",
        ),
        sa.Column("verifier", sa.Text(), nullable=True, comment="PKCE, sealed"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the link was followed to Kick",
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="somebody came back with the state",
        ),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=True,
            comment="linked, or why not; empty while it is open",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="people_link_attempts_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "link_id", name="people_link_attempts_link"),
        sa.UniqueConstraint("state_hash", name="people_link_attempts_state"),
    )
    op.create_index(
        "people_link_attempts_of_member",
        "people_link_attempts",
        ["guild_id", "discord_id", "asked_at"],
        unique=False,
    )
    op.create_index(
        "people_link_attempts_unsettled",
        "people_link_attempts",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL AND outcome IS NULL"),
    )
