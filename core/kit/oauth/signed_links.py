"""Personal links: signed (HMAC-SHA256) and valid for a limited time. Data that works only once is
stored in a row for the link (`core/kit/oauth/flow.py`).
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, TimestampSigner

from core.kit.runtime.crypto import signing_key
from core.kit.runtime.settings import Settings

CLOCKS_DIFFER = timedelta(minutes=1)
"""A link dated further in the future was signed with a wrong clock, and would be valid for too
long.
"""


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """The content of a link.

    Attributes:
        link_id: id of the link's row.
        discord_id: id of the member who requested it.
    """

    link_id: str = field(repr=False)
    guild_id: int
    discord_id: int


class LinkBroken(Exception):
    """We did not make this link, or it was changed."""


class LinkExpired(Exception):
    """The link is too old, or its date is in the future."""

    def __init__(self, link: PersonalLink) -> None:
        super().__init__("the link is too old")
        self.link = link


@dataclass(frozen=True)
class SignedLinks:
    """One kind of link.

    Attributes:
        purpose: salt of the key, so that links of another kind are rejected.
        path: the page's path, before the token.
        last: lifetime of a link.
    """

    purpose: str
    path: str
    last: timedelta

    def make(self, settings: Settings, link: PersonalLink) -> str:
        content = f"{link.link_id}~{link.guild_id}~{link.discord_id}"
        token = self._signer(settings).sign(content).decode()
        return f"{settings.public_url}{self.path}/{token}"

    def read(self, settings: Settings, token: str, now: datetime) -> PersonalLink:
        """The content of a link. Raises LinkBroken or LinkExpired if the link is not valid."""
        try:
            # The age is checked below, by our own clock.
            signed, signed_at = self._signer(settings).unsign(token, return_timestamp=True)
        except BadData:
            raise LinkBroken from None
        link_id, guild_id, discord_id = signed.decode().split("~")
        link = PersonalLink(link_id, int(guild_id), int(discord_id))
        age = now - signed_at.astimezone(UTC)
        if not -CLOCKS_DIFFER <= age <= self.last:
            raise LinkExpired(link)
        return link

    def _signer(self, settings: Settings) -> TimestampSigner:
        return TimestampSigner(
            signing_key(settings),
            salt=self.purpose,
            key_derivation="hmac",
            digest_method=hashlib.sha256,  # the library's default is SHA-1
        )
