"""Kick: plain names for tables, columns and what they hold"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = {
    "kick_witnesses": "kick_unconfirmed_events",
    "kick_told": "kick_confirmations",
    "kick_parked": "kick_duplicates",
    "kick_held": "kick_unverified_deliveries",
    "kick_looks": "kick_status_checks",
    "kick_nobodys_deliveries": "kick_unattributed_deliveries",
    "kick_deafness": "kick_no_event_alerts",
    "kick_voices": "kick_chat_identities",
    "kick_unsaid": "kick_unsent_lines",
}
COLUMNS = (
    ("kick_unconfirmed_events", "fact_key", "webhook_key"),
    ("kick_duplicates", "parked_at", "added_at"),
    ("kick_channels", "doubted_id", "reported_chatroom_id"),
    ("kick_channels", "looked_at", "checked_at"),
    ("kick_status_checks", "seen_at", "checked_at"),
    ("kick_feed_states", "is_well", "is_ok"),
    ("kick_feed_states", "heard_at", "received_at"),
    ("kick_feed_states", "unshown", "missing_on_feed"),
    ("kick_feed_states", "untold_since", "webhooks_missing_since"),
    ("kick_feed_states", "looked_at", "checked_at"),
    ("kick_selftests", "said_at", "sent_at"),
)

# Constraints, with the indexes behind them, then the other indexes, then sequences.
RENAME_PARTS = """
    DO $$
    DECLARE part record;
    BEGIN
        FOR part IN SELECT conname AS name FROM pg_constraint
                     WHERE conrelid = '{new}'::regclass AND starts_with(conname, '{old}_')
        LOOP
            EXECUTE format('ALTER TABLE {new} RENAME CONSTRAINT %I TO %I', part.name,
                           replace(part.name, '{old}_', '{new}_'));
        END LOOP;
        FOR part IN SELECT c.relname AS name, c.relkind AS kind
                      FROM pg_class c
                      LEFT JOIN pg_index i ON i.indexrelid = c.oid
                      LEFT JOIN pg_depend d ON d.objid = c.oid AND c.relkind = 'S'
                     WHERE starts_with(c.relname, '{old}_')
                       AND '{new}'::regclass IN (i.indrelid, d.refobjid)
        LOOP
            EXECUTE format('ALTER %s %I RENAME TO %I',
                           CASE part.kind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, part.name,
                           replace(part.name, '{old}_', '{new}_'));
        END LOOP;
    END $$
"""
VALUES = (
    "UPDATE kick_webhook_log SET outcome = 'unverified' WHERE outcome = 'held'",
    "UPDATE kick_unattributed_deliveries SET outcome = 'unverified' WHERE outcome = 'held'",
    "UPDATE inbox_events SET event = 'FeedReport' WHERE event = 'FeedWitnessed'",
    "UPDATE inbox_retries SET event = 'FeedReport' WHERE event = 'FeedWitnessed'",
    "UPDATE guild_settings SET key = 'kick.confirmation_minutes'"
    " WHERE key = 'kick.witness_holdoff_minutes'",
    "UPDATE guild_settings SET key = 'kick.no_events_minutes' WHERE key = 'kick.deaf_minutes'",
    "UPDATE inbox_deliveries SET body = body - 'heard_at'"
    " || jsonb_build_object('received_at', body->'heard_at')"
    " WHERE source = 'kick.feed' AND body ? 'heard_at'",
    "UPDATE outbox_messages SET kind = replace(kind, 'kick.deaf', 'kick.no_events')"
    " WHERE kind IN ('kick.deaf', 'kick.deaf_over')",
)

COMMENTS = (
    ("kick_channels", "checked_at", "when the website was last asked"),
    ("kick_chat_identities", "reason", "Kick's error for the app's bot"),
    ("kick_unsent_lines", None, "why lines cannot be sent, until one can be again"),
    ("kick_subscriptions", "trouble", "why it is not subscribed"),
    ("kick_status_checks", "checked_at", "of the newest check"),
    ("kick_status_checks", "watched_since", "start of the checks without a gap"),
    ("kick_unattributed_deliveries", None, "deliveries that cannot be attributed to a server"),
    ("kick_unattributed_deliveries", "count", "deliveries in this row"),
    ("kick_unverified_deliveries", "checked_with", "hash of the newest key that did not match"),
    ("kick_no_event_alerts", "since", "no chat since"),
    ("kick_no_event_alerts", "evidence", "why it is not just a quiet chat"),
    ("kick_feed_states", "received_at", "of the newest event of any kind"),
    ("kick_feed_states", "chatroom_id", "whose chat is compared with the webhooks"),
    ("kick_feed_states", "missing_on_feed", "chat lines by webhook of which the feed showed none"),
    (
        "kick_feed_states",
        "webhooks_missing_since",
        "first chat line on the feed that no webhook followed",
    ),
    ("kick_feed_states", "checked_at", "by the listener"),
    (
        "kick_confirmations",
        None,
        "events that came by webhook, kept while the feed may still report them",
    ),
    ("kick_confirmations", "subject", "equal to the unconfirmed event's"),
    ("kick_unconfirmed_events", "key", "of the FeedReport"),
    ("kick_unconfirmed_events", "payload", "the FeedReport"),
    ("kick_unconfirmed_events", "webhook_key", "key of the webhook's event that confirms it"),
    ("kick_unconfirmed_events", "number", "in the review queue; one for all of a drop"),
    ("kick_recent_subs", None, "kept for a month to recognise duplicates"),
    ("kick_duplicates", None, "decided ones stay, so that nothing is asked or counted twice"),
    ("kick_duplicates", "counted", "it was counted before the gift came"),
    ("kick_duplicates", "drop", "of the gifts that it duplicates"),
    ("kick_duplicates", "giver", "name of the gifter; empty if anonymous"),
    ("kick_duplicates", "number", "in the review queue, shared with kick_unconfirmed_events"),
)


def upgrade() -> None:
    for old, new in TABLES.items():
        op.rename_table(old, new)
        op.execute(RENAME_PARTS.format(old=old, new=new))
    for table, old, new in COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    op.execute(
        "ALTER TABLE kick_unconfirmed_events RENAME CONSTRAINT"
        " kick_unconfirmed_events_matched_with TO kick_unconfirmed_events_confirmed_by"
    )
    op.execute(
        "ALTER TABLE kick_duplicates RENAME CONSTRAINT"
        " kick_duplicates_has_one_way TO kick_duplicates_state_fits_counted"
    )
    op.drop_column("kick_duplicates", "reason")
    op.drop_constraint("kick_selftests_state", "kick_selftests")
    op.execute(
        "UPDATE kick_selftests SET state = CASE state WHEN 'unsaid' THEN 'not_sent'"
        " WHEN 'heard' THEN 'received' ELSE state END"
    )
    op.create_check_constraint(
        "kick_selftests_state",
        "kick_selftests",
        sa.text("state IN ('waiting', 'received', 'failed', 'not_sent')"),
    )
    for statement in VALUES:
        op.execute(statement)
    for table, column, comment in COMMENTS:
        if column is None:
            op.create_table_comment(table, comment)
        else:
            op.alter_column(table, column, comment=comment)
