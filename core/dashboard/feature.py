"""The dashboard feature, which receives the other features."""

from collections.abc import Collection

from core.dashboard.discord import DashboardLink, DiscordChanges
from core.dashboard.pages import Dashboard
from core.dashboard.people import people_pages
from core.kit.feature import Feature
from core.kit.web import assets, live_pages


def make_feature(others: Collection[Feature]) -> Feature:
    """The feature, with the pages of the others, and its own about people, which show a part of
    every feature."""
    features = tuple(others)
    people = people_pages(features)
    return Feature(
        "dashboard",
        dashboard=people,
        cogs=(DashboardLink, DiscordChanges),
        pages=(
            lambda _services: assets.pages(),
            live_pages.pages,
            lambda services: Dashboard(services, features, people).blueprint(),
        ),
    )
