"""The table of leases."""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import Record


class Lease(Record, kw_only=True):
    """The process that holds a lease, and when the lease expires; see `core.kit.runtime.leases`."""

    __tablename__ = "kit_leases"

    name: Mapped[str]
    holder: Mapped[str] = mapped_column(comment="machine, process id and a random suffix")
    until: Mapped[datetime] = mapped_column(comment="by the database's clock")

    __table_args__ = (PrimaryKeyConstraint("name", name="kit_leases_one_holder"),)
