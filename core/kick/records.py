"""What is known about Kick itself, for all servers: its signing keys and our own chat accounts."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from core.kit.records import PlatformUserId, Record


class PublicKey(Record, kw_only=True):
    """Kick's signing key; kept so that a restart can verify while Kick's API is away."""

    __tablename__ = "kick_public_keys"

    pem: Mapped[str] = mapped_column(primary_key=True)
    fetched_at: Mapped[datetime]


class OwnAccount(Record, kw_only=True):
    """One of our own accounts, whose lines in chat earn nothing and command nothing."""

    __tablename__ = "kick_bots"

    kick_user_id: Mapped[PlatformUserId] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
