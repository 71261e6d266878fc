"""The health feature, which receives the other features."""

from collections.abc import Iterable

from core.health.actions import Reports
from core.health.discord import Health
from core.health.pages import HealthSettings, health_api, health_pages, pages, status_page
from core.kit.feature import Feature


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the health checks of the others."""
    checks = tuple(check for feature in others for check in feature.checks)
    reports = Reports(checks)
    return Feature(
        "health",
        cogs=(lambda services: Health(services, checks),),
        pages=(lambda services: pages(services, reports),),
        settings=tuple(HealthSettings.declared.values()),
        dashboard=health_pages(checks),
        public=(status_page(reports),),
        api=health_api(checks),
    )
