"""The signed link that an admin gets: who asked, for which server, and when."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from itsdangerous import BadData, BadSignature, SignatureExpired, URLSafeTimedSerializer

from core.kick.accounts.rules import LINK_LASTS
from core.kit.crypto import signing_key
from core.kit.settings import Settings

PATH = "/connect/kick"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says."""

    link_id: str = field(repr=False)
    guild_id: int
    asked_by: int


class LinkBroken(Exception):
    """This link was not made by us, or was changed."""


class LinkExpired(Exception):
    """This link is too old."""


def make_link(settings: Settings, link: Link) -> str:
    """The address to hand out."""
    token = _signer(settings).dumps([link.link_id, link.guild_id, link.asked_by])
    return f"{settings.public_url}{PATH}/{token}"


def read_link(settings: Settings, token: str, now: datetime) -> Link:
    """What a link says.

    Raises:
        LinkBroken, LinkExpired: it says nothing that counts.
    """
    try:
        # The age is told by our own clock, and not by the library's.
        content, signed_at = _signer(settings).loads(token, return_timestamp=True)
    except (BadSignature, SignatureExpired, BadData):
        raise LinkBroken from None
    if now - cast("datetime", signed_at).astimezone(UTC) > LINK_LASTS:
        raise LinkExpired
    link_id, guild_id, asked_by = content
    return Link(link_id, guild_id, asked_by)


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing_key(settings), salt="kick.connect")
