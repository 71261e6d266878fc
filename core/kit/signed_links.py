"""Addresses that say whose they are: signed (HMAC-SHA256), dated, and read by nobody but us. What
may happen once only is kept in a row beside them (`core/kit/attempts.py`)."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, TimestampSigner

from core.kit.crypto import signing_key
from core.kit.settings import Settings

CLOCKS_DIFFER = timedelta(minutes=1)
"""What comes from further in the future was signed by a clock that was wrong, and would live on for
as long as it was ahead."""


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """What a link says.

    Attributes:
        link_id: of the row beside it.
        discord_id: of whoever asked for it.
    """

    link_id: str = field(repr=False)
    guild_id: int
    discord_id: int


class LinkBroken(Exception):
    """This link was not made by us, or was changed."""


class LinkExpired(Exception):
    """This link is not good at this time: too old, but for a clock that went wrong.

    Attributes:
        link: what it says nevertheless.
    """

    def __init__(self, link: PersonalLink) -> None:
        super().__init__("the link is too old")
        self.link = link


@dataclass(frozen=True)
class SignedLinks:
    """One kind of link.

    Attributes:
        purpose: the key's salt, so that a link of another kind does not pass for one of these.
        path: what stands before the token.
        last: how long one is good for.
    """

    purpose: str
    path: str
    last: timedelta

    def make(self, settings: Settings, link: PersonalLink) -> str:
        """The address to hand out."""
        content = f"{link.link_id}~{link.guild_id}~{link.discord_id}"
        token = self._signer(settings).sign(content).decode()
        return f"{settings.public_url}{self.path}/{token}"

    def read(self, settings: Settings, token: str, now: datetime) -> PersonalLink:
        """What a link says.

        Raises:
            LinkBroken, LinkExpired: it says nothing that counts.
        """
        try:
            # The age is told by our own clock, and not by the library's.
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
            digest_method=hashlib.sha256,  # the library's own choice is SHA-1
        )
