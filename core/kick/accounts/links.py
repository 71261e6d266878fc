"""The signed links that admins get."""

from core.kick.accounts.rules import LINK_LASTS
from core.kit.signed_links import SignedLinks

LINKS = SignedLinks("kick.connect", "/connect/kick", LINK_LASTS)
