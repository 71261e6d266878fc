"""Declares the logins package."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from core.kit.database.personal import Personal, Subject
from core.kit.feature import Feature
from core.kit.services import Services
from core.kit.tasks import Task
from core.logins.actions import forget_expired
from core.logins.records import WebSession


def _forget_expired(services: Services) -> None:
    with services.database.begin() as tx:
        forget_expired(tx, services.clock())


def _theirs(subject: Subject) -> ColumnElement[bool]:
    twitch_ids = [account.user_id for account in subject.accounts if account.platform == "twitch"]
    return or_(
        WebSession.discord_id == subject.discord_id, WebSession.twitch_user_id.in_(twitch_ids)
    )


def _collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    shown = select(WebSession.name, WebSession.began_at, WebSession.seen_at)
    found = tx.execute(shown.where(_theirs(subject)))
    return {"dashboard_logins": [dict(row) for row in found.mappings()]}


def _forget(tx: Connection, subject: Subject) -> None:
    tx.execute(delete(WebSession).where(_theirs(subject)))


FEATURE = Feature(
    "logins",
    tasks=(Task("logins.forget_expired", lambda _settings: 3600.0, _forget_expired),),
    personal=Personal((WebSession.__tablename__,), _collect, _forget),
)
