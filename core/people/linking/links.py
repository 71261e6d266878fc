"""The signed link that a member gets: for which attempt, in which server, for whom."""

from dataclasses import dataclass, field
from datetime import datetime

from core.kit.settings import Settings
from core.kit.signed_links import SignedLinks
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


def make_link(settings: Settings, attempt: Attempt) -> str:
    """The address to hand out."""
    return _LINKS.make(settings, attempt.link_id, attempt.guild_id, attempt.discord_id)


def read_link(settings: Settings, token: str, now: datetime) -> PersonalLink:
    """What a link says.

    Raises:
        LinkBroken, LinkExpired: it says nothing that counts.
    """
    return link_of(_LINKS.read(settings, token, now))


def link_of(content: tuple[str, ...]) -> PersonalLink:
    """The link of what one says, expired or not."""
    link_id, guild_id, discord_id = content
    return PersonalLink(link_id, int(guild_id), int(discord_id))
