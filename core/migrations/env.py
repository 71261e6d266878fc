"""What Alembic runs: the connection is handed in, so that the upgrade is one transaction under one
lock, whichever process comes first."""

from alembic import context

from core.kit.database import METADATA
from core.rooms import open_rooms

open_rooms()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
