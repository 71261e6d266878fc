"""The signed link that a member gets: for which attempt, in which server, for whom."""

from dataclasses import dataclass, field
from datetime import datetime

from core.kit.settings import Settings
from core.kit.signed_links import LinkExpired, SignedLinks
from core.people.linking.rules import LINK_LASTS
from core.people.linking.store import Attempt

PATH = "/link/kick"

_LINKS = SignedLinks("people.link", PATH, LINK_LASTS)


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """What a link says."""

    link_id: str = field(repr=False)
    guild_id: int
    discord_id: int


class PersonalLinkExpired(Exception):
    """This link is too old."""

    def __init__(self, link: PersonalLink) -> None:
        super().__init__("the link is too old")
        self.link = link


def make_link(settings: Settings, attempt: Attempt) -> str:
    """The address to hand out."""
    return _LINKS.make(settings, [attempt.link_id, attempt.guild_id, attempt.discord_id])


def read_link(settings: Settings, token: str, now: datetime) -> PersonalLink:
    """What a link says.

    Raises:
        LinkBroken, PersonalLinkExpired: it says nothing that counts.
    """
    try:
        return PersonalLink(*_LINKS.read(settings, token, now))
    except LinkExpired as expired:
        raise PersonalLinkExpired(PersonalLink(*expired.content)) from None
