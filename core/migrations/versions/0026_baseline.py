"""The schema of 0.2.0. Earlier versions are squashed into it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = None
branch_labels = None
depends_on = None

# What was published or counted is neither changed nor deleted.
TRIGGERS = """
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

    CREATE OR REPLACE TRIGGER raffle_announcements_kept
    BEFORE UPDATE OR DELETE ON raffle_announcements FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id id period kind at planned_at chain round round_at snapshot_hash', '', '');
    CREATE OR REPLACE TRIGGER raffle_announcements_never_emptied
    BEFORE TRUNCATE ON raffle_announcements FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();

    CREATE OR REPLACE TRIGGER raffle_draws_kept
    BEFORE UPDATE OR DELETE ON raffle_draws FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period snapshot snapshot_hash entrants tickets left_out frozen_at claim_minutes'
        ' chain round round_at', 'randomness signature given_up_at', '');
    CREATE OR REPLACE TRIGGER raffle_draws_never_emptied
    BEFORE TRUNCATE ON raffle_draws FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();

    CREATE OR REPLACE FUNCTION raffle_entries_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = NEW.guild_id AND number = NEW.period AND state = 'open'
            FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this period takes no more tickets'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_only_while_open';
        END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_only_while_open
    BEFORE INSERT ON raffle_entries
    FOR EACH ROW EXECUTE FUNCTION raffle_entries_only_while_open();

    CREATE OR REPLACE FUNCTION raffle_entries_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'entries are neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_entries
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_entries_for_good();

    CREATE OR REPLACE TRIGGER raffle_picks_kept
    BEFORE UPDATE OR DELETE ON raffle_picks FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id period k viewer_id pseudonym claimant drawn_at', 'reason', 'discord_id');
    CREATE OR REPLACE TRIGGER raffle_picks_kept_once_over
    BEFORE UPDATE ON raffle_picks FOR EACH ROW
    WHEN (OLD.state IN ('delivered', 'expired', 'skipped'))
    EXECUTE FUNCTION raffle_kept('state', '', '');
    CREATE OR REPLACE TRIGGER raffle_picks_never_emptied
    BEFORE TRUNCATE ON raffle_picks FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();

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
        sa.Column(
            "reachable_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the bot was last connected to Discord and saw this server",
        ),
        sa.PrimaryKeyConstraint("guild_id", name="guilds_key"),
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
        sa.Column("source", sa.Text(), nullable=False, comment="such as kick.webhook"),
        sa.Column(
            "delivery_id", sa.Text(), nullable=False, comment="the sender's own id of this delivery"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="the sender's name of the event"),
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
        sa.Column(
            "subscription_id", sa.Text(), nullable=True, comment="as the sender says; not signed"
        ),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True, comment="why it is a dead letter"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'dead')", name="inbox_deliveries_state"),
        sa.PrimaryKeyConstraint("id", name="inbox_deliveries_key"),
        sa.UniqueConstraint("source", "delivery_id", name="inbox_deliveries_once"),
    )
    op.create_index(
        "inbox_deliveries_by_age", "inbox_deliveries", ["kind", "received_at"], unique=False
    )
    op.create_index(
        "inbox_deliveries_dead",
        "inbox_deliveries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "inbox_deliveries_newest",
        "inbox_deliveries",
        ["source", "lane", sa.literal_column("received_at DESC")],
        unique=False,
    )
    op.create_index(
        "inbox_deliveries_waiting",
        "inbox_deliveries",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "inbox_events",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="class name of the event"),
        sa.Column("key", sa.Text(), nullable=False, comment="natural key from the body"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "delivery",
            sa.BigInteger(),
            nullable=False,
            comment="the delivery that contained it first",
        ),
        sa.PrimaryKeyConstraint("guild_id", "event", "key", name="inbox_events_once"),
    )
    op.create_index("inbox_events_by_age", "inbox_events", ["event", "at"], unique=False)
    op.create_table(
        "inbox_retries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False, comment="name of the handler that failed"),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the event"
        ),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'dead')", name="inbox_retries_state"),
        sa.PrimaryKeyConstraint("id", name="inbox_retries_key"),
        sa.UniqueConstraint("guild_id", "event", "key", "handler", name="inbox_retries_once"),
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
        sa.PrimaryKeyConstraint("kick_user_id", name="kick_bots_key"),
        comment="our own accounts, whose lines in chat earn nothing and command nothing",
    )
    op.create_table(
        "kick_confirmations",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the event"),
        sa.Column("subject", sa.Text(), nullable=False, comment="equal to the unconfirmed event's"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_confirmations_kind"),
        sa.PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_confirmations_once"),
        comment="events that came by webhook, kept while the feed may still report them",
    )
    op.create_index(
        "kick_confirmations_subject",
        "kick_confirmations",
        ["guild_id", "subject", "kind", "at"],
        unique=False,
    )
    op.create_table(
        "kick_feed_states",
        sa.Column("broadcaster_user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_ok", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="one sentence"),
        sa.Column("transport", sa.Text(), nullable=True, comment="empty while it is not connected"),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the newest event of any kind",
        ),
        sa.Column(
            "chatroom_id",
            sa.BigInteger(),
            nullable=True,
            comment="whose chat is compared with the webhooks",
        ),
        sa.Column(
            "missing_on_feed",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="chat lines by webhook of which the feed showed none",
        ),
        sa.Column(
            "webhooks_missing_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="first chat line on the feed that no webhook followed",
        ),
        sa.Column(
            "checked_at", sa.DateTime(timezone=True), nullable=False, comment="by the listener"
        ),
        sa.PrimaryKeyConstraint("broadcaster_user_id", name="kick_feed_states_key"),
        comment="about a channel, whichever servers follow it",
    )
    op.create_table(
        "kick_public_keys",
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pem", name="kick_public_keys_key"),
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
        comment="kept for a month to recognise duplicates",
    )
    op.create_index("kick_recent_subs_at", "kick_recent_subs", ["at"], unique=False)
    op.create_table(
        "kick_status_checks",
        sa.Column("broadcaster_user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "checked_at", sa.DateTime(timezone=True), nullable=False, comment="of the newest check"
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
            comment="start of the checks without a gap",
        ),
        sa.PrimaryKeyConstraint("broadcaster_user_id", name="kick_status_checks_key"),
        comment="about a channel, whichever servers follow it",
    )
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
        sa.Column("trouble", sa.Text(), nullable=True, comment="why it is not subscribed"),
        sa.PrimaryKeyConstraint(
            "broadcaster_user_id", "kind", name="kick_subscriptions_one_of_each"
        ),
        comment="about a channel, whichever servers follow it",
    )
    op.create_table(
        "kick_unattributed_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it arrived"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False, comment="deliveries in this row"),
        sa.PrimaryKeyConstraint("id", name="kick_unattributed_deliveries_key"),
        comment="deliveries that cannot be attributed to a server",
    )
    op.create_index(
        "kick_unattributed_deliveries_at", "kick_unattributed_deliveries", ["at"], unique=False
    )
    op.create_table(
        "kick_unverified_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.Text(), nullable=False, comment="as signed"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="as signed, byte for byte"),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="not signed"),
        sa.Column("subscription_id", sa.Text(), nullable=False, comment="not signed"),
        sa.Column(
            "checked_with",
            sa.Text(),
            nullable=True,
            comment="hash of the newest key that did not match",
        ),
        sa.PrimaryKeyConstraint("id", name="kick_unverified_deliveries_key"),
        comment="deliveries that cannot be verified yet, kept for a day; most of them are forged",
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
        sa.PrimaryKeyConstraint("id", name="kick_webhook_log_key"),
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
        sa.Column(
            "service", sa.Text(), nullable=False, comment="names the transport: discord, kick"
        ),
        sa.Column(
            "lane", sa.Text(), nullable=False, comment="messages of one lane go out in order"
        ),
        sa.Column(
            "target",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="where to, in the transport's terms",
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
            comment="the earlier message of its lane that includes this one",
        ),
        sa.Column("first_sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "sending_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when its lease was taken or renewed, by the database's clock",
        ),
        sa.Column(
            "lease",
            sa.Text(),
            nullable=True,
            comment="the claim that is sending it; only that may store the outcome",
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "receipt",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the service's ids of what was created",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'dead')", name="outbox_messages_state"
        ),
        sa.PrimaryKeyConstraint("id", name="outbox_messages_key"),
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
        "outbox_messages_dead",
        "outbox_messages",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "outbox_messages_due",
        "outbox_messages",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
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
        sa.PrimaryKeyConstraint("id", name="guild_audit_log_key"),
    )
    op.create_index(
        "guild_audit_log_newest",
        "guild_audit_log",
        ["guild_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "guild_channel_troubles",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "channel_id", sa.BigInteger(), nullable=False, comment="of Discord; features post there"
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="why the bot cannot"),
        sa.Column(
            "missing", sa.Text(), nullable=False, comment="permissions, as far as known, by commas"
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IN ('deleted', 'forbidden')", name="guild_channel_troubles_reason"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="guild_channel_troubles_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "channel_id", name="guild_channel_troubles_once"),
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
            "named",
            sa.Text(),
            nullable=True,
            comment="KICK_CHANNEL when it was looked up; empty if an admin chose",
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
            "checked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the website was last asked",
        ),
        sa.Column(
            "confirmed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="a line of chat came by webhook and on the feed of this chatroom",
        ),
        sa.Column(
            "reported_chatroom_id",
            sa.BigInteger(),
            nullable=True,
            comment="chatroom of which admins were told that it is wrong",
        ),
        sa.Column(
            "followed_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "primary_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="an admin made it the primary server",
        ),
        sa.CheckConstraint(
            "chatroom_from IN ('site', 'typed')", name="kick_channels_chatroom_from"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_channels_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_channels_one_a_server"),
    )
    op.create_table(
        "kick_chat_identities",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="Kick's error for the app's bot"),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="kick_chat_identities_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", name="kick_chat_identities_one_a_server"),
    )
    op.create_table(
        "kick_connect_attempts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False, comment="Discord id of the admin"),
        sa.Column("asked_by_name", sa.Text(), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="kick_connect_attempts_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "link_id", name="kick_connect_attempts_link"),
        sa.UniqueConstraint("state_hash", name="kick_connect_attempts_state"),
    )
    op.create_table(
        "kick_duplicates",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="class name"),
        sa.Column("key", sa.Text(), nullable=False, comment="of the event"),
        sa.Column(
            "counted", sa.Boolean(), nullable=False, comment="it was counted before the gift came"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it happened"),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the event"
        ),
        sa.Column(
            "added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("drop", sa.Text(), nullable=False, comment="of the gifts that it duplicates"),
        sa.Column(
            "giver", sa.Text(), nullable=False, comment="name of the gifter; empty if anonymous"
        ),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=True,
            comment="in the review queue, shared with kick_unconfirmed_events",
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("settled_by", sa.BigInteger(), nullable=True, comment="Discord id"),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> CASE WHEN counted THEN 'credited' ELSE 'taken_back' END",
            name="kick_duplicates_state_fits_counted",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'credited', 'taken_back', 'dismissed')", name="kick_duplicates_state"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_duplicates_guild"),
        sa.PrimaryKeyConstraint("guild_id", "event", "key", name="kick_duplicates_once"),
        comment="decided ones stay, so that nothing is asked or counted twice",
    )
    op.create_index(
        "kick_duplicates_numbers", "kick_duplicates", ["guild_id", "number"], unique=False
    )
    op.create_table(
        "kick_no_event_alerts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), nullable=False, comment="of the stream"
        ),
        sa.Column("episode", sa.Integer(), nullable=False, comment="counts within the stream"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, comment="no chat since"),
        sa.Column(
            "evidence",
            sa.Text(),
            server_default="chat",
            nullable=False,
            comment="why it is not just a quiet chat",
        ),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="kick_no_event_alerts_guild"
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "started_at", "episode", name="kick_no_event_alerts_episode"
        ),
    )
    op.create_index(
        "kick_no_event_alerts_open",
        "kick_no_event_alerts",
        ["guild_id"],
        unique=True,
        postgresql_where=sa.text("over_at IS NULL"),
    )
    op.create_table(
        "kick_selftests",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the line in the outbox"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'received', 'failed', 'not_sent')", name="kick_selftests_state"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_selftests_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_selftests_one_a_server"),
        comment="the newest hourly self-test of each server",
    )
    op.create_table(
        "kick_unconfirmed_events",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the FeedReport"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("drop", sa.Text(), nullable=False, comment="what is credited together"),
        sa.Column("channel_id", sa.BigInteger(), nullable=False, comment="the owner's user id"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the FeedReport",
        ),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column(
            "webhook_key",
            sa.Text(),
            nullable=True,
            comment="key of the webhook's event that confirms it",
        ),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=True,
            comment="in the review queue; one for all of a drop",
        ),
        sa.Column(
            "settled_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; 0: the feed is the authority",
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_unconfirmed_events_kind"),
        sa.CheckConstraint(
            "state <> 'matched' OR webhook_key IS NOT NULL",
            name="kick_unconfirmed_events_confirmed_by",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'matched', 'suspected', 'credited', 'dismissed')",
            name="kick_unconfirmed_events_state",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="kick_unconfirmed_events_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_unconfirmed_events_once"),
    )
    op.create_index(
        "kick_unconfirmed_events_numbers",
        "kick_unconfirmed_events",
        ["guild_id", "number"],
        unique=False,
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(
        "kick_unconfirmed_events_subject",
        "kick_unconfirmed_events",
        ["guild_id", "subject", "kind", "at"],
        unique=False,
    )
    op.create_index(
        "kick_unconfirmed_events_waiting",
        "kick_unconfirmed_events",
        ["guild_id", "at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "kick_unsent_lines",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, and what to do"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="of the newest line"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unsent_lines_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_unsent_lines_one_a_server"),
        comment="why lines cannot be sent, until one can be again",
    )
    op.create_table(
        "people_link_attempts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("discord_id", sa.BigInteger(), nullable=False, comment="of the member who asked"),
        sa.Column(
            "discord_name", sa.Text(), nullable=False, comment="as shown in the server, at asking"
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
        "privacy_wishes",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("wish_id", sa.Text(), nullable=False, comment="random"),
        sa.Column("subject", sa.Text(), nullable=False, comment="who it was, sealed"),
        sa.Column("sweep_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="privacy_wishes_guild"),
        sa.PrimaryKeyConstraint("guild_id", "wish_id", name="privacy_wishes_wish"),
        comment="a row goes with the sweep, and with it the last trace",
    )
    op.create_index("privacy_wishes_due", "privacy_wishes", ["sweep_at"], unique=False)
    op.create_table(
        "raffle_periods",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="counts up within the server"),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ends_at", sa.DateTime(timezone=True), nullable=False, comment="the first instant after"
        ),
        sa.Column(
            "ends_with_month",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="its end was midnight of a 1st in the server's time zone when it was chosen",
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("prize", sa.Text(), nullable=False),
        sa.Column("winners_wanted", sa.Integer(), nullable=False),
        sa.Column("sealed_seed", sa.Text(), nullable=False, comment="secret until the draw"),
        sa.Column(
            "sealed_salt",
            sa.Text(),
            nullable=False,
            comment="secret for good: makes the pseudonyms",
        ),
        sa.Column("commitment", sa.Text(), nullable=False, comment="SHA-256 of the seed, in hex"),
        sa.Column(
            "public_id", sa.Text(), nullable=False, comment="in the address of its public page"
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(guild_id, guild_id, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            using="gist",
            name="raffle_periods_apart",
        ),
        sa.CheckConstraint(
            "state IN ('open', 'frozen', 'drawn', 'closed')", name="raffle_periods_state"
        ),
        sa.CheckConstraint("starts_at <= ends_at", name="raffle_periods_in_order"),
        sa.CheckConstraint("winners_wanted > 0", name="raffle_periods_winners"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_periods_guild"),
        sa.PrimaryKeyConstraint("guild_id", "number", name="raffle_periods_numbered"),
        sa.UniqueConstraint("public_id", name="raffle_periods_public_id"),
    )
    op.create_table(
        "roles_looks",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="of the newest change in this server"
        ),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when everybody was looked at",
        ),
        sa.Column(
            "given", sa.Integer(), server_default="0", nullable=False, comment="by that look"
        ),
        sa.Column(
            "taken", sa.Integer(), server_default="0", nullable=False, comment="by that look"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_looks_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="roles_looks_once"),
    )
    op.create_table(
        "roles_rewards",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "minutes",
            sa.Integer(),
            nullable=True,
            comment="to be reached; empty for the role of who is linked",
        ),
        sa.Column("state", sa.Text(), server_default="on", nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the role's, when it was last seen"),
        sa.Column(
            "added_by", sa.BigInteger(), nullable=False, comment="Discord id of who chose it"
        ),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "obstacle",
            sa.Text(),
            nullable=True,
            comment="why the bot cannot give it; empty while it can",
        ),
        sa.Column("obstacle_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "spread",
            sa.Text(),
            nullable=True,
            comment="the terms under which everybody was looked at; under others roles come in bulk",
        ),
        sa.CheckConstraint("state IN ('on', 'off', 'ending')", name="roles_rewards_state"),
        sa.CheckConstraint("minutes > 0", name="roles_rewards_take_time"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_rewards_guild"),
        sa.PrimaryKeyConstraint("guild_id", "role_id", name="roles_rewards_once"),
    )
    op.create_index(
        "roles_rewards_one_for_linking",
        "roles_rewards",
        ["guild_id"],
        unique=True,
        postgresql_where=sa.text("minutes IS NULL AND state != 'ending'"),
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
        "watchtime_excluded_names",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False, comment="for comparing"),
        sa.Column("name", sa.Text(), nullable=False, comment="as the admin wrote it"),
        sa.Column(
            "excluded",
            sa.Boolean(),
            nullable=False,
            comment="no: this known chat bot may earn here after all",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="watchtime_excluded_names_guild"
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "folded_name", name="watchtime_excluded_names_one_a_name"
        ),
    )
    op.create_table(
        "watchtime_limits",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "holds_from", sa.DateTime(timezone=True), nullable=False, comment="until the next row's"
        ),
        sa.Column(
            "most",
            postgresql.INTERVAL(),
            nullable=True,
            comment="counted of a calendar day; empty for all of it",
        ),
        sa.Column("time_zone", sa.Text(), nullable=False, comment="whose midnights make the days"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_limits_guild"),
        sa.PrimaryKeyConstraint("guild_id", "holds_from", name="watchtime_limits_one_a_moment"),
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
            "(kind = 'frozen') = (snapshot_hash IS NOT NULL) AND (kind = 'frozen') = (planned_at IS NULL)",
            name="raffle_announcements_whole",
        ),
        sa.CheckConstraint(
            "kind IN ('opened', 'planned', 'frozen')", name="raffle_announcements_kind"
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
    op.create_table(
        "raffle_balances",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "tickets", sa.BigInteger(), nullable=False, comment="the sum of the viewer's entries"
        ),
        sa.Column(
            "left_out",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="not in the frozen list, because not allowed to win at that moment",
        ),
        sa.CheckConstraint("tickets >= 0", name="raffle_balances_never_below_zero"),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_balances_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_balances_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", "viewer_id", name="raffle_balances_once"),
    )
    op.create_table(
        "raffle_draws",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False, comment="the list, as it was published"),
        sa.Column(
            "snapshot_hash", sa.Text(), nullable=False, comment="SHA-256 of the snapshot, in hex"
        ),
        sa.Column("entrants", sa.Integer(), nullable=False),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.Column(
            "left_out", sa.Integer(), nullable=False, comment="holders who were not allowed to win"
        ),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "frozen_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it froze by itself",
        ),
        sa.Column(
            "channel_id", sa.BigInteger(), nullable=False, comment="Discord channel of its posts"
        ),
        sa.Column(
            "claim_minutes", sa.Integer(), nullable=False, comment="how long a winner has, as told"
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
        sa.Column(
            "randomness", sa.Text(), nullable=True, comment="the round's, in hex, once it is known"
        ),
        sa.Column("signature", sa.Text(), nullable=True, comment="the round's, in hex"),
        sa.Column(
            "given_up_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of who drew without waiting for it",
        ),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_draws_period",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", name="raffle_draws_once"),
    )
    op.create_table(
        "raffle_entries",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="tickets; negative takes away"
        ),
        sa.Column(
            "source_key",
            sa.Text(),
            nullable=False,
            comment="natural key of the cause, counted once",
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "actor",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of the admin, if one did it",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was earned"),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "source IN ('watchtime', 'gifted_sub', 'wager', 'bonus', 'correction')",
            name="raffle_entries_source",
        ),
        sa.CheckConstraint("amount <> 0", name="raffle_entries_amount"),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_entries_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_entries_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "id", name="raffle_entries_key"),
        sa.UniqueConstraint("guild_id", "source_key", name="raffle_entries_once"),
    )
    op.create_index(
        "raffle_entries_of_viewer",
        "raffle_entries",
        ["guild_id", "period", "viewer_id", "id"],
        unique=False,
    )
    op.create_table(
        "raffle_exclusions",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "excluded_by",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id; empty when it came with a ban",
        ),
        sa.Column(
            "excluded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "until", sa.DateTime(timezone=True), nullable=True, comment="the end of a time-out"
        ),
        sa.CheckConstraint(
            "cause IN ('admin', 'kick_ban', 'discord_ban')", name="raffle_exclusions_cause"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_exclusions_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", "cause", name="raffle_exclusions_once"),
    )
    op.create_table(
        "raffle_gifts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="hash of the natural key of one gifted sub"
        ),
        sa.Column(
            "viewer_id",
            sa.BigInteger(),
            nullable=True,
            comment="who gave it; empty for an anonymous gift",
        ),
        sa.Column(
            "drop",
            sa.Text(),
            nullable=False,
            comment="hash; the same for what was given at one instant",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "credited_in",
            sa.Integer(),
            nullable=True,
            comment="the period that took it; empty while none has",
        ),
        sa.Column("tickets", sa.BigInteger(), nullable=True, comment="what it was worth then"),
        sa.Column(
            "voided_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="it did not happen after all",
        ),
        sa.Column("announced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(credited_in IS NULL) = (tickets IS NULL)", name="raffle_gifts_credited_with_a_worth"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "credited_in"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_gifts_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_gifts_viewer",
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_gifts_guild"),
        sa.PrimaryKeyConstraint("guild_id", "key", name="raffle_gifts_once"),
    )
    op.create_index("raffle_gifts_of_drop", "raffle_gifts", ["guild_id", "drop"], unique=False)
    op.create_index(
        "raffle_gifts_of_viewer", "raffle_gifts", ["guild_id", "viewer_id", "at"], unique=False
    )
    op.create_index(
        "raffle_gifts_unannounced",
        "raffle_gifts",
        ["at"],
        unique=False,
        postgresql_where=sa.text("NOT announced"),
    )
    op.create_index(
        "raffle_gifts_waiting",
        "raffle_gifts",
        ["guild_id", "at"],
        unique=False,
        postgresql_where=sa.text("credited_in IS NULL"),
    )
    op.create_table(
        "raffle_rates",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "holds_from", sa.DateTime(timezone=True), nullable=False, comment="until the next row's"
        ),
        sa.Column(
            "tickets",
            sa.BigInteger(),
            nullable=False,
            comment="for an hour, or whatever the unit is",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_rates_period",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "period", "source", "holds_from", name="raffle_rates_one_a_moment"
        ),
    )
    op.create_table(
        "raffle_reached",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "tickets", sa.BigInteger(), nullable=False, comment="sum of the entries of this source"
        ),
        sa.Column(
            "step", sa.Integer(), nullable=False, comment="counts those entries; part of their keys"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_reached_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_reached_viewer",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "period", "source", "viewer_id", name="raffle_reached_once"
        ),
    )
    op.create_table(
        "roles_grants",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("discord_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="of the newest change"),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="of the newest change; 0 without one"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "number > 0 OR state NOT IN ('giving', 'given', 'taking')", name="roles_grants_numbered"
        ),
        sa.CheckConstraint(
            "state IN ('giving', 'given', 'taking', 'taken', 'found', 'away')",
            name="roles_grants_state",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "role_id"],
            ["roles_rewards.guild_id", "roles_rewards.role_id"],
            name="roles_grants_reward",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("guild_id", "discord_id", "role_id", name="roles_grants_once"),
    )
    op.create_index(
        "roles_grants_by_number",
        "roles_grants",
        ["guild_id", "number"],
        unique=True,
        postgresql_where=sa.text("number > 0"),
    )
    op.create_index(
        "roles_grants_by_role", "roles_grants", ["guild_id", "role_id", "state"], unique=False
    )
    op.create_table(
        "slot_calls",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="counts up within the server"),
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
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
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
        sa.Column(
            "blocked_by", sa.BigInteger(), nullable=False, comment="Discord id of the moderator"
        ),
        sa.Column(
            "blocked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="slot_calls_blocks_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="slot_calls_blocks_once"),
    )
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
            comment="the total before it fell, until it reaches that again",
        ),
        sa.Column(
            "fell_to", sa.Numeric(), nullable=True, comment="the total right after that fall"
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
        sa.CheckConstraint(
            "num_nulls(fell_from, fell_to) <> 1 AND fell_to < fell_from",
            name="wagers_accounts_fell",
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
        "watchtime_adjustments",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="of the cause, so that it is counted once"
        ),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", postgresql.INTERVAL(), nullable=False, comment="negative takes away"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=False, comment="Discord id of who did it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount <> INTERVAL '0'", name="watchtime_adjustments_change_something"),
        sa.CheckConstraint("reason <> ''", name="watchtime_adjustments_have_a_reason"),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_adjustments_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "key", name="watchtime_adjustments_once_a_cause"),
    )
    op.create_index(
        "watchtime_adjustments_by_time", "watchtime_adjustments", ["guild_id", "at"], unique=False
    )
    op.create_index(
        "watchtime_adjustments_of_a_viewer",
        "watchtime_adjustments",
        ["guild_id", "viewer_id", "at"],
        unique=False,
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
            "counted",
            postgresql.TSTZMULTIRANGE(),
            nullable=True,
            comment="the part of present * live that a daily limit left; empty where nothing was cut",
        ),
        sa.Column(
            "watched",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="length of what counts, to the microsecond; always computed whole, never added",
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
    op.create_table(
        "watchtime_exclusions",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "actor",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of who did it; empty for a known chat bot",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_exclusions_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_exclusions_one_a_viewer"),
    )
    op.create_table(
        "watchtime_totals",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "credited",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="sum of the days' watched",
        ),
        sa.Column(
            "adjusted",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="sum of the adjustments",
        ),
        sa.Column(
            "watched",
            postgresql.INTERVAL(),
            sa.Computed("GREATEST((credited + adjusted), '00:00:00'::interval)", persisted=True),
            nullable=False,
            comment="never below zero, also when a stream turns out shorter after time was taken away",
        ),
        sa.Column(
            "step",
            sa.Integer(),
            sa.Computed(
                "ceil(sqrt((date_part('epoch'::text, GREATEST((credited + adjusted), '00:00:00'::interval)) / (15)::double precision)))::integer",
                persisted=True,
            ),
            nullable=False,
            comment="a coarse measure of watched that never falls while it rises; 0 where that is 0",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_totals_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_totals_one_a_viewer"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        "watchtime_totals_by_step", "watchtime_totals", ["guild_id", "step"], unique=False
    )
    op.create_table(
        "raffle_picks",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False, comment="counts the winners up, from 1"),
        sa.Column(
            "viewer_id",
            sa.BigInteger(),
            nullable=True,
            comment="empty for who was forgotten before the draw",
        ),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column(
            "claimant",
            sa.Text(),
            nullable=True,
            comment="pseudonym of the Discord member who won; empty if skipped",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why skipped"),
        sa.Column(
            "discord_id",
            sa.BigInteger(),
            nullable=True,
            comment="whose the account was when it was drawn",
        ),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the last instant to claim",
        ),
        sa.Column(
            "claimable_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the winner could claim for the first time; empty while nothing reached them",
        ),
        sa.Column(
            "claimable_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the newest instant at which the winner is known to have been able to claim",
        ),
        sa.Column(
            "channel_id",
            sa.BigInteger(),
            nullable=True,
            comment="Discord channel of the winner's newest post",
        ),
        sa.Column(
            "posts",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="how often it was posted",
        ),
        sa.Column(
            "post_gone",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="that post was deleted, alone or with its channel",
        ),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "delivered_by", sa.BigInteger(), nullable=True, comment="Discord id of the admin"
        ),
        sa.CheckConstraint(
            "(state = 'skipped') = (reason IS NOT NULL)", name="raffle_picks_skipped_for_a_reason"
        ),
        sa.CheckConstraint(
            "state IN ('drawn', 'claimed', 'delivered', 'expired', 'skipped')",
            name="raffle_picks_state",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_draws.guild_id", "raffle_draws.period"],
            name="raffle_picks_draw",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_picks_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "period", "k", name="raffle_picks_numbered"),
        sa.UniqueConstraint("guild_id", "period", "viewer_id", name="raffle_picks_never_twice"),
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
        sa.Column("held", sa.Numeric(), nullable=False, comment="implausible; an admin decides"),
        sa.Column(
            "releases",
            sa.BigInteger(),
            nullable=True,
            comment="id of the row whose held amount an admin decided on",
        ),
        sa.CheckConstraint(
            "(kind IN ('release', 'dismissal')) = (releases IS NOT NULL)",
            name="wagers_changes_release_of_a_row",
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'rise' THEN total > total_before AND amount + held = total - total_before WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0 WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0 WHEN 'dismissal' THEN total = total_before AND amount = 0 AND held = 0 ELSE false END",
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
    op.execute(TRIGGERS)
