"""Heartbeats of the parts of each process."""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import Record
from core.kit.health_item import State


class Heartbeat(Record, kw_only=True):
    """A process's last report about one of its components."""

    __tablename__ = "health_heartbeats"

    process: Mapped[str] = mapped_column(
        comment="machine and process id, as a lease names its holder"
    )
    part: Mapped[str]
    state: Mapped[State] = mapped_column(Text)
    reason: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (PrimaryKeyConstraint("process", "part", name="health_heartbeats_newest"),)
