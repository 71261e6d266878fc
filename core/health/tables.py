"""Heartbeats: how the parts of each process are."""

from sqlalchemy import Column, DateTime, PrimaryKeyConstraint, Table, Text

from core.kit.database import METADATA

heartbeats = Table(
    "health_heartbeats",
    METADATA,
    Column("process", Text, nullable=False, comment="host and process id"),
    Column("part", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("process", "part", name="health_heartbeats_newest"),
    comment="about processes, not about servers",
)
