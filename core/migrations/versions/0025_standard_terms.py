"""Standard terms: dead letters, event handlers, keys of handled events"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATES = {
    "inbox_deliveries": "'waiting', 'done', 'dead'",
    "inbox_retries": "'waiting', 'dead'",
    "outbox_messages": "'waiting', 'sending', 'sent', 'dead'",
}

COMMENTS = {
    "inbox_deliveries.source": "such as kick.webhook",
    "inbox_deliveries.kind": "the sender's name of the event",
    "inbox_deliveries.subscription_id": "as the sender says; not signed",
    "inbox_deliveries.error": "why it is a dead letter",
    "inbox_events.delivery": "the delivery that contained it first",
    "inbox_retries.handler": "name of the handler that failed",
    "outbox_messages.service": "names the transport: discord, kick",
    "outbox_messages.target": "where to, in the transport's terms",
    "outbox_messages.carried_by": "the earlier message of its lane that includes this one",
    "outbox_messages.lease": "the claim that is sending it; only that may store the outcome",
    "outbox_messages.receipt": "the service's ids of what was created",
}


def upgrade() -> None:
    for table, states in STATES.items():
        op.drop_constraint(f"{table}_state", table)
        op.execute(f"UPDATE {table} SET state = 'dead' WHERE state = 'shelved'")
        op.create_check_constraint(f"{table}_state", table, f"state IN ({states})")
    for table in ("inbox_deliveries", "outbox_messages"):
        op.drop_index(f"{table}_shelved", table)
        op.execute(f"CREATE INDEX {table}_dead ON {table} (id) WHERE state = 'dead'")
    op.execute("UPDATE inbox_deliveries SET source = 'inbox.events' WHERE source = 'inbox.told'")
    op.rename_table("inbox_facts", "inbox_events")
    op.execute("ALTER TABLE inbox_events RENAME CONSTRAINT inbox_facts_once TO inbox_events_once")
    op.execute("ALTER INDEX inbox_facts_by_age RENAME TO inbox_events_by_age")
    op.alter_column("inbox_retries", "hearer", new_column_name="handler")
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
