"""What is known about Kick itself, for all servers: its signing key and our own chat accounts."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text

from core.kit.database import METADATA

public_keys = Table(
    "kick_public_keys",
    METADATA,
    Column("pem", Text, primary_key=True),
    Column("fetched_at", DateTime(timezone=True), nullable=False),
    comment="Kick's one signing key; kept so that a restart can verify while Kick's API is away",
)

bots = Table(
    "kick_bots",
    METADATA,
    Column("kick_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    comment="our own accounts, whose lines in chat earn nothing and command nothing",
)
