"""Connected Kick accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kick_accounts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kick_user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False, comment="as granted, separated by spaces"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="connected, or reconnect: Kick ended the grant",
        ),
        sa.Column("access_token", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("refresh_token", sa.Text(), nullable=False, comment="sealed"),
        sa.Column(
            "expires_at", sa.DateTime(timezone=True), nullable=False, comment="of the access token"
        ),
        sa.Column(
            "connected_by", sa.BigInteger(), nullable=False, comment="Discord id of the admin"
        ),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('connected', 'reconnect')", name="kick_accounts_state"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_accounts_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_accounts_one_a_server"),
    )
    op.create_table(
        "kick_channels",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "broadcaster_user_id", sa.BigInteger(), nullable=False, comment="whose ids these are"
        ),
        sa.Column(
            "chosen_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it came from the environment",
        ),
        sa.Column(
            "site_channel_id",
            sa.BigInteger(),
            nullable=True,
            comment="Kick's third number, only on its website",
        ),
        sa.Column("chatroom_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "chatroom_from", sa.Text(), nullable=True, comment="site, or typed in by an admin"
        ),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the website was last asked",
        ),
        sa.CheckConstraint(
            "chatroom_from IN ('site', 'typed')", name="kick_channels_chatroom_from"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_channels_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_channels_one_a_server"),
    )
    op.create_table(
        "kick_connect_attempts",
        sa.Column("link_id", sa.Text(), nullable=False, comment="random, inside the signed link"),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False, comment="Discord id of the admin"),
        sa.Column("asked_by_name", sa.Text(), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="kick_connect_attempts_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "link_id", name="kick_connect_attempts_link"),
        sa.UniqueConstraint("state_hash", name="kick_connect_attempts_state"),
    )
