"""The privacy feature, which is given the other features."""

from collections.abc import Iterable

from core.kit.feature import Feature
from core.kit.words import N_
from core.privacy.buttons import data_button, forget_button
from core.privacy.commands import Privacy
from core.privacy.pages import pages
from core.privacy.tasks import sweeping


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with what the others keep about people."""
    kept = tuple(feature.personal for feature in others if feature.personal is not None)
    data, forget = data_button(kept), forget_button(kept)
    return Feature(
        "privacy",
        cogs=(lambda services: Privacy(services, data, forget),),
        pages=(lambda _services: pages(),),
        tasks=(sweeping(kept),),
        buttons=(data, forget),
        audit={"privacy.forget": N_("deleted the data of {target}, as they asked")},
    )
