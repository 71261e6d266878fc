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
