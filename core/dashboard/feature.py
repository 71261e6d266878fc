"""The dashboard feature, which is given the other features."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, delete, select

from core.dashboard.discord import DashboardLink, DiscordChanges
from core.dashboard.pages import Dashboard
from core.dashboard.people import people_pages
from core.dashboard.records import WebSession
from core.dashboard.sessions import forget_expired
from core.kit import assets
from core.kit.feature import Feature, Task
from core.kit.personal import Personal, Subject
from core.kit.services import Services


def make_feature(others: Collection[Feature]) -> Feature:
    """The feature, with the pages of the others."""
    people = people_pages(tuple(others))
    # The pages about people belong to no feature, because they show all of them.
    features = (*others, Feature("people_pages", dashboard=people))
    return Feature(
        "dashboard",
        dashboard=people,
        cogs=(DashboardLink, DiscordChanges),
        pages=(
            lambda _services: assets.pages(),
            lambda services: Dashboard(services, features).blueprint(),
        ),
        tasks=(Task("dashboard.forget_sessions", lambda _settings: 3600.0, _forget_expired),),
        personal=Personal((WebSession.__tablename__,), _collect, _forget),
    )


def _forget_expired(services: Services) -> None:
    with services.database.begin() as tx:
        forget_expired(tx, services.clock())


def _collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    shown = select(WebSession.name, WebSession.began_at, WebSession.seen_at)
    found = tx.execute(shown.where(WebSession.discord_id == subject.discord_id))
    return {"dashboard_logins": [dict(row) for row in found.mappings()]}


def _forget(tx: Connection, subject: Subject) -> None:
    tx.execute(delete(WebSession).where(WebSession.discord_id == subject.discord_id))
