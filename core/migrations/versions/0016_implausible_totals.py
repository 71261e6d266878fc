"""Wagers: remember how far a total fell, and let admins dismiss a held amount"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "wagers_accounts",
        sa.Column(
            "fell_to", sa.Numeric(), nullable=True, comment="the total right after that fall"
        ),
    )
    # Until now the height was forgotten with the first rise, so nothing has risen since it fell.
    op.execute("UPDATE wagers_accounts SET fell_to = total WHERE fell_from IS NOT NULL")
    op.create_check_constraint(
        "wagers_accounts_fell",
        "wagers_accounts",
        "num_nulls(fell_from, fell_to) <> 1 AND fell_to < fell_from",
    )
    op.alter_column(
        "wagers_accounts",
        "fell_from",
        comment="the total before it fell, until it reaches that again",
    )
    op.alter_column("wagers_changes", "held", comment="implausible; an admin decides")
    op.alter_column(
        "wagers_changes",
        "releases",
        comment="id of the row whose held amount an admin decided on",
    )
    for name in ("wagers_changes_exact", "wagers_changes_release_of_a_row"):
        op.drop_constraint(name, "wagers_changes")
    op.create_check_constraint(
        "wagers_changes_exact",
        "wagers_changes",
        "CASE kind WHEN 'rise' THEN total > total_before AND amount + held = total - total_before"
        " WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0"
        " WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0"
        " WHEN 'dismissal' THEN total = total_before AND amount = 0 AND held = 0"
        " ELSE false END",
    )
    op.create_check_constraint(
        "wagers_changes_release_of_a_row",
        "wagers_changes",
        "(kind IN ('release', 'dismissal')) = (releases IS NOT NULL)",
    )
