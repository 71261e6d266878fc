"""The signed link that an admin gets: who asked, for which server, and when."""

from dataclasses import dataclass, field
from datetime import datetime

from core.kick.accounts.rules import LINK_LASTS
from core.kit.settings import Settings
from core.kit.signed_links import SignedLinks

PATH = "/connect/kick"

_LINKS = SignedLinks("kick.connect", PATH, LINK_LASTS)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says."""

    link_id: str = field(repr=False)
    guild_id: int
    asked_by: int


def make_link(settings: Settings, link: Link) -> str:
    """The address to hand out."""
    return _LINKS.make(settings, link.link_id, link.guild_id, link.asked_by)


def read_link(settings: Settings, token: str, now: datetime) -> Link:
    """What a link says.

    Raises:
        LinkBroken, LinkExpired: it says nothing that counts.
    """
    link_id, guild_id, asked_by = _LINKS.read(settings, token, now)
    return Link(link_id, int(guild_id), int(asked_by))
