"""The affiliate platforms that are asked. One more is a vendor's package and a line here."""

from collections.abc import Mapping

from core.kit.affiliate import AffiliatePlatform
from core.kit.settings import Settings
from core.shuffle.client import client_of as shuffle_of

SHUFFLE = "shuffle"

TITLES: Mapping[str, str] = {SHUFFLE: "Shuffle"}


def platforms_of(settings: Settings) -> tuple[AffiliatePlatform, ...]:
    """Every platform, whether or not the installation can ask it."""
    return (shuffle_of(settings),)


def get_platform(settings: Settings, key: str) -> AffiliatePlatform:
    """The platform that our rows call so."""
    return next(platform for platform in platforms_of(settings) if platform.key == key)
