"""What the logins package declares."""

from typing import Any

from sqlalchemy import Connection, delete, select

from core.kit.feature import Feature, Task
from core.kit.personal import Personal, Subject
from core.kit.services import Services
from core.logins.actions import forget_expired
from core.logins.records import WebSession


def _forget_expired(services: Services) -> None:
    with services.database.begin() as tx:
        forget_expired(tx, services.clock())


def _collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    shown = select(WebSession.name, WebSession.began_at, WebSession.seen_at)
    found = tx.execute(shown.where(WebSession.discord_id == subject.discord_id))
    return {"dashboard_logins": [dict(row) for row in found.mappings()]}


def _forget(tx: Connection, subject: Subject) -> None:
    tx.execute(delete(WebSession).where(WebSession.discord_id == subject.discord_id))


FEATURE = Feature(
    "logins",
    tasks=(Task("logins.forget_expired", lambda _settings: 3600.0, _forget_expired),),
    personal=Personal((WebSession.__tablename__,), _collect, _forget),
)
