"""The first version"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guilds",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "left_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the bot was removed from the server",
        ),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("guilds_key")),
    )
    op.create_table(
        "health_heartbeats",
        sa.Column("process", sa.Text(), nullable=False, comment="host and process id"),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", "part", name="health_heartbeats_newest"),
        comment="about processes, not about servers",
    )
    op.create_table(
        "inbox_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="who told us, such as kick.webhook"),
        sa.Column(
            "delivery_id", sa.Text(), nullable=False, comment="the sender's own id of this delivery"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="the sender's name for what it tells"),
        sa.Column(
            "lane", sa.Text(), nullable=False, comment="deliveries of one lane are handled in order"
        ),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True, comment="why it lies on the shelf"),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'shelved')", name="inbox_deliveries_state"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_deliveries_key")),
        sa.UniqueConstraint("source", "delivery_id", name="inbox_deliveries_once"),
    )
    op.create_index(
        "inbox_deliveries_by_age", "inbox_deliveries", ["kind", "received_at"], unique=False
    )
    op.create_index(
        "inbox_deliveries_newest",
        "inbox_deliveries",
        ["source", sa.literal_column("received_at DESC")],
        unique=False,
    )
    op.create_index(
        "inbox_deliveries_shelved",
        "inbox_deliveries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'shelved'"),
    )
    op.create_index(
        "inbox_deliveries_waiting",
        "inbox_deliveries",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "inbox_facts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="class name of the event"),
        sa.Column("key", sa.Text(), nullable=False, comment="natural key from the body"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "delivery", sa.BigInteger(), nullable=False, comment="the delivery that told it first"
        ),
        sa.PrimaryKeyConstraint("guild_id", "event", "key", name="inbox_facts_once"),
    )
    op.create_index("inbox_facts_by_age", "inbox_facts", ["event", "at"], unique=False)
    op.create_table(
        "inbox_retries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hearer", sa.Text(), nullable=False, comment="who failed on the event"),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the event"
        ),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'shelved')", name="inbox_retries_state"),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_retries_key")),
        sa.UniqueConstraint("guild_id", "event", "key", "hearer", name="inbox_retries_once"),
    )
    op.create_index(
        "inbox_retries_due",
        "inbox_retries",
        ["try_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
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
        "kick_bots",
        sa.Column("kick_user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kick_user_id", name=op.f("kick_bots_key")),
        comment="our own accounts, whose lines in chat earn nothing and command nothing",
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
        "kick_public_keys",
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pem", name=op.f("kick_public_keys_key")),
        comment="Kick's one signing key; kept so that a restart can verify while Kick's API is away",
    )
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
        "outbox_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="natural key of the effect"),
        sa.Column("service", sa.Text(), nullable=False, comment="names the courier: discord, kick"),
        sa.Column(
            "lane", sa.Text(), nullable=False, comment="messages of one lane go out in order"
        ),
        sa.Column(
            "target",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="where to, in the courier's terms",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="names the renderer of the payload"),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column(
            "posted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "unsure",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="an earlier attempt may have gone through",
        ),
        sa.Column(
            "carried_by",
            sa.BigInteger(),
            nullable=True,
            comment="the earlier message of its lane that says this one too",
        ),
        sa.Column("first_sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "receipt",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the other side's ids of what was made",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'shelved')", name="outbox_messages_state"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_messages_key")),
        sa.UniqueConstraint("guild_id", "key", name="outbox_messages_once"),
    )
    op.create_index(
        "outbox_messages_carried",
        "outbox_messages",
        ["carried_by"],
        unique=False,
        postgresql_where=sa.text("carried_by IS NOT NULL"),
    )
    op.create_index(
        "outbox_messages_due",
        "outbox_messages",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )
    op.create_index(
        "outbox_messages_shelved",
        "outbox_messages",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'shelved'"),
    )
    op.create_table(
        "guild_audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor", sa.BigInteger(), nullable=False, comment="Discord id of who did it"),
        sa.Column(
            "action", sa.Text(), nullable=False, comment="feature first, such as slot_calls.on"
        ),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_audit_log_guild"),
        sa.PrimaryKeyConstraint("id", name=op.f("guild_audit_log_key")),
    )
    op.create_index(
        "guild_audit_log_newest",
        "guild_audit_log",
        ["guild_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "guild_channels",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False, comment="kick, later twitch"),
        sa.Column(
            "channel_id", sa.BigInteger(), nullable=False, comment="user id of the channel's owner"
        ),
        sa.Column("slug", sa.Text(), nullable=False, comment="as in the channel's address"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_channels_guild"),
        sa.PrimaryKeyConstraint("guild_id", "platform", name="guild_channels_one_a_platform"),
    )
    op.create_index(
        "guild_channels_by_channel", "guild_channels", ["platform", "channel_id"], unique=False
    )
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "set_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it comes from the environment",
        ),
        sa.Column(
            "set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_settings_guild"),
        sa.PrimaryKeyConstraint("guild_id", "key", name="guild_settings_one_value"),
    )
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
    op.create_table(
        "kick_voices",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="what Kick said to the app's bot"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_voices_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_voices_one_a_server"),
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
    op.create_table(
        "people_viewers",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("platform_user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="as written by its owner, today"),
        sa.Column("folded_name", sa.Text(), nullable=False, comment="for looking up"),
        sa.Column(
            "named_at", sa.DateTime(timezone=True), nullable=False, comment="when the name was seen"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_viewers_guild"),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="people_viewers_key"),
        sa.UniqueConstraint(
            "guild_id", "platform", "platform_user_id", name="people_viewers_one_an_account"
        ),
    )
    op.create_index(
        "people_viewers_by_name", "people_viewers", ["guild_id", "folded_name"], unique=False
    )
    op.create_table(
        "watchtime_channels",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column(
            "seen_offline_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the last time we looked and the channel was not live",
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_channels_guild"),
        sa.PrimaryKeyConstraint("guild_id", "platform", name="watchtime_channels_one_a_platform"),
    )
    op.create_table(
        "watchtime_streams",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the last moment at which the platform itself said that it is live",
        ),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the platform said that it ended",
        ),
        sa.Column(
            "until",
            sa.DateTime(timezone=True),
            sa.Computed("GREATEST(started_at, COALESCE(ended_at, seen_at))", persisted=True),
            nullable=False,
            comment="it is confirmed to have been live from started_at until here",
        ),
        sa.Column(
            "stale_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from here on credits need another look; empty when all is credited",
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_streams_guild"),
        sa.PrimaryKeyConstraint(
            "guild_id", "platform", "started_at", name="watchtime_streams_one_a_start"
        ),
    )
    op.create_index(
        "watchtime_streams_by_end",
        "watchtime_streams",
        ["guild_id", "platform", "until"],
        unique=False,
    )
    op.create_index(
        "watchtime_streams_stale",
        "watchtime_streams",
        ["guild_id"],
        unique=False,
        postgresql_where=sa.text("stale_from IS NOT NULL"),
    )
    op.create_table(
        "slot_calls",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="counts up within the server"),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column(
            "message_id", sa.Text(), nullable=False, comment="chat message that made the call"
        ),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "channel_id", sa.BigInteger(), nullable=False, comment="Discord channel of the post"
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "closed_by", sa.BigInteger(), nullable=True, comment="Discord id of the moderator"
        ),
        sa.CheckConstraint("state IN ('open', 'done', 'skipped')", name="slot_calls_state"),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="slot_calls_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "number", name="slot_calls_numbered"),
        sa.UniqueConstraint("guild_id", "platform", "message_id", name="slot_calls_once"),
    )
    op.create_index(
        "slot_calls_by_viewer",
        "slot_calls",
        ["guild_id", "viewer_id", sa.literal_column("called_at DESC")],
        unique=False,
    )
    op.create_index(
        "slot_calls_open",
        "slot_calls",
        ["guild_id", "number"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "slot_calls_blocks",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "blocked_by", sa.BigInteger(), nullable=False, comment="Discord id of the moderator"
        ),
        sa.Column(
            "blocked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="slot_calls_blocks_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="slot_calls_blocks_once"),
    )
    op.create_table(
        "watchtime_days",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="in UTC"),
        sa.Column("platform", sa.Text(), nullable=False, comment="where the viewer chats"),
        sa.Column(
            "present",
            postgresql.TSTZMULTIRANGE(),
            nullable=False,
            comment="union of the windows of this day",
        ),
        sa.Column(
            "spoke_at", sa.DateTime(timezone=True), nullable=False, comment="the newest message"
        ),
        sa.Column(
            "watched",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="length of present * live, to the microsecond; always computed whole, never added",
        ),
        sa.CheckConstraint(
            "watched BETWEEN INTERVAL '0' AND INTERVAL '24 hours'",
            name="watchtime_days_fit_in_a_day",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_days_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", "day", name="watchtime_days_one_a_viewer"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("watchtime_days_by_day", "watchtime_days", ["guild_id", "day"], unique=False)
