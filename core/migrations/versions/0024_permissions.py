"""Permissions: which roles may use a group of commands"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guild_permissions",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "command_group", sa.Text(), nullable=False, comment="a package, such as slot_calls"
        ),
        sa.Column("role_id", sa.BigInteger(), nullable=False, comment="Discord id of the role"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_permissions_guild"),
        sa.PrimaryKeyConstraint(
            "guild_id", "command_group", "role_id", name="guild_permissions_once"
        ),
    )
