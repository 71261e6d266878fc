"""The overlays feature, which receives the other features."""

from collections.abc import Collection
from heapq import nlargest
from typing import Any

from core.kit.database.work import Work
from core.kit.feature import Feature
from core.kit.text.words import _
from core.kit.web.overlays import Latest, Overlay
from core.overlays.pages import make_pages
from core.overlays.rules import OverlaySettings
from core.overlays.show import OverlayPages, title_setting

MAX_LATEST = 5


def make_feature(others: Collection[Feature]) -> Feature:
    """The feature, with the overlays of the others, and one of their latest events."""
    latest = [other for other in others if other.latest is not None]

    def list_latest(work: Work) -> dict[str, Any]:
        found: list[Latest] = []
        for source in latest:
            assert source.latest is not None, "selected by it"
            found += source.latest(work)
        return {"latest": nlargest(MAX_LATEST, found, key=lambda event: event.at)}

    overlays = [overlay for feature in others for overlay in feature.overlays]
    overlays.append(
        Overlay(
            "events",
            lambda: _("Latest events"),
            "activity",
            "overlays/events.html",
            data=list_latest,
            follows=tuple(source.name for source in latest),
        )
    )
    titles = {overlay.kind: overlay.title for overlay in overlays}
    return Feature(
        "overlays",
        settings=(*OverlaySettings.declared.values(), *map(title_setting, overlays)),
        dashboard=make_pages(overlays),
        pages=(lambda services: OverlayPages(services, overlays).blueprint(),),
        audit={
            "overlays.rotate": lambda _before, after: _(
                "gave the overlay “{title}” a new address"
            ).format(title=titles.get(str(after), lambda: "{target}")())
        },
    )
