"""Being told by Kick"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kick_authorities",
        sa.Column("broadcaster_user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("authority IN ('webhook', 'feed')", name="kick_authorities_authority"),
        sa.PrimaryKeyConstraint("broadcaster_user_id", "kind", name="kick_authorities_one_a_kind"),
        comment="about a channel, whichever servers follow it",
    )
    op.create_table(
        "kick_looks",
        sa.Column("broadcaster_user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), nullable=False, comment="of the newest look"
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the stream; empty when offline",
        ),
        sa.Column(
            "watched_since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="since when we have looked without a gap",
        ),
        sa.PrimaryKeyConstraint("broadcaster_user_id", name=op.f("kick_looks_key")),
        comment="about a channel, whichever servers follow it",
    )
    op.create_table(
        "kick_nobodys_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it arrived"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False, comment="many in one line"),
        sa.PrimaryKeyConstraint("id", name=op.f("kick_nobodys_deliveries_key")),
        comment="came to our address, and it is not known whose they were",
    )
    op.create_index("kick_nobodys_deliveries_at", "kick_nobodys_deliveries", ["at"], unique=False)
    op.create_table(
        "kick_recent_subs",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kick_user_id", sa.BigInteger(), nullable=False, comment="who has the subscription"
        ),
        sa.Column("gifted", sa.Boolean(), nullable=False, comment="received, not bought"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the event"),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the event"
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "kick_user_id", "gifted", "key", name="kick_recent_subs_once"
        ),
        comment="kept for a day, to recognise the echo of a gift",
    )
    op.create_index("kick_recent_subs_at", "kick_recent_subs", ["at"], unique=False)
    op.create_table(
        "kick_subscriptions",
        sa.Column("broadcaster_user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="Kick's name of the event type"),
        sa.Column(
            "subscription_id",
            sa.Text(),
            nullable=True,
            comment="Kick's id; empty while it is not subscribed",
        ),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "trouble", sa.Text(), nullable=True, comment="why it is not subscribed, in plain words"
        ),
        sa.PrimaryKeyConstraint(
            "broadcaster_user_id", "kind", name="kick_subscriptions_one_of_each"
        ),
        comment="about a channel, whichever servers follow it",
    )
    op.create_table(
        "kick_webhook_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it arrived"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True, comment="as signed"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False, comment="not signed"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("kick_webhook_log_key")),
        comment="never holds a body",
    )
    op.create_index(
        "kick_webhook_log_newest",
        "kick_webhook_log",
        ["guild_id", sa.literal_column("at DESC")],
        unique=False,
    )
    op.create_index(
        "kick_webhook_log_newest_of_kind",
        "kick_webhook_log",
        ["guild_id", "kind", sa.literal_column("at DESC")],
        unique=False,
    )
    op.create_table(
        "kick_deafness",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), nullable=False, comment="of the stream"
        ),
        sa.Column("episode", sa.Integer(), nullable=False, comment="counts within the stream"),
        sa.Column(
            "since", sa.DateTime(timezone=True), nullable=False, comment="nothing was heard since"
        ),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_deafness_guild"),
        sa.PrimaryKeyConstraint("guild_id", "started_at", "episode", name="kick_deafness_episode"),
    )
    op.create_index(
        "kick_deafness_open",
        "kick_deafness",
        ["guild_id"],
        unique=True,
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "kick_parked",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="class name"),
        sa.Column("key", sa.Text(), nullable=False, comment="of the event"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "counted", sa.Boolean(), nullable=False, comment="it was counted before it looked odd"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it happened"),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the event"
        ),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("reason IN ('suspect_gift_echo')", name="kick_parked_reason"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_parked_guild"),
        sa.PrimaryKeyConstraint("guild_id", "event", "key", name="kick_parked_once"),
    )
    op.create_index(
        "inbox_deliveries_by_age", "inbox_deliveries", ["kind", "received_at"], unique=False
    )
    op.create_index("inbox_facts_by_age", "inbox_facts", ["event", "at"], unique=False)
