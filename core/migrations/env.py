"""Run by Alembic: the connection is passed in, so that the upgrade is one transaction under one
lock, whichever process comes first."""

from alembic import context

from core.features import load_features
from core.kit.database.connection import METADATA

load_features()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
