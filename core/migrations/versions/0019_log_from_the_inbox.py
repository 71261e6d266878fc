"""The webhook log of what was stored is read from the inbox"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "inbox_deliveries",
        sa.Column(
            "subscription_id",
            sa.Text(),
            comment="by which it came, as the sender says; not signed",
        ),
    )
    op.drop_index("inbox_deliveries_newest", "inbox_deliveries")
    op.create_index(
        "inbox_deliveries_newest",
        "inbox_deliveries",
        ["source", "lane", sa.literal_column("received_at DESC")],
    )
    # Those of the last hour are looked at for subscriptions that are not ours.
    op.execute("""
        UPDATE inbox_deliveries d SET subscription_id = l.subscription_id
          FROM kick_webhook_log l
         WHERE d.source = 'kick.webhook' AND d.received_at > now() - interval '2 hours'
           AND l.delivery_id = d.delivery_id AND l.outcome = 'stored'
    """)
    op.execute("""
        DELETE FROM kick_webhook_log l
         WHERE l.outcome = 'stored'
           AND EXISTS (SELECT 1 FROM inbox_deliveries d
                        WHERE d.source = 'kick.webhook' AND d.delivery_id = l.delivery_id)
    """)
