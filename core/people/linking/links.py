"""The signed links that members get."""

from core.kit.signed_links import SignedLinks
from core.people.linking.rules import LINK_LASTS

LINKS = SignedLinks("people.link", "/link/kick", LINK_LASTS)
