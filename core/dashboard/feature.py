"""The dashboard feature, which is given the other features."""

from collections.abc import Collection

from core.dashboard.discord import DashboardLink, DiscordChanges
from core.dashboard.pages import Dashboard
from core.dashboard.people import people_pages
from core.kit import assets
from core.kit.feature import Feature


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
    )
