"""Keep guild_id out of PostgreSQL's statistics, as new tables do; see core/kit/database.py"""

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = text("""
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
       AND a.attname = 'guild_id' AND NOT a.attisdropped
     ORDER BY 1
""")


def upgrade() -> None:
    for table in op.get_bind().scalars(TABLES).all():
        # ANALYZE leaves the statistics that are there for good. Setting the type to what it is
        # deletes them, without rewriting the table.
        op.execute(
            f"ALTER TABLE {table} ALTER COLUMN guild_id TYPE bigint,"
            " ALTER COLUMN guild_id SET STATISTICS 0"
        )
