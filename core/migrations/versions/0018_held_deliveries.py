"""Kick: keep deliveries that cannot be verified yet"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kick_held",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.Text(), nullable=False, comment="as signed"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="as signed, byte for byte"),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="not signed"),
        sa.Column("subscription_id", sa.Text(), nullable=False, comment="not signed"),
        sa.Column("checked_with", sa.Text(), comment="hash of the newest key that it does not fit"),
        sa.PrimaryKeyConstraint("id", name=op.f("kick_held_key")),
        comment="deliveries that cannot be verified yet, kept for a day; most of them are forged",
    )
