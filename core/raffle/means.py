"""What raffles need of the installation: the vault, the beacon's chain, the public address."""

from dataclasses import dataclass

from core.drand.chain import Chain
from core.drand.client import chain_of
from core.kit.crypto import SealBroken, Vault, vault_of
from core.kit.errors import Refusal
from core.kit.settings import Settings
from core.kit.words import _

PATH = "/draws"


@dataclass(frozen=True, slots=True)
class Means:
    """Handed to the actions, so that they read no settings."""

    vault: Vault
    chain: Chain
    public_url: str

    def page_of(self, public_id: str) -> str:
        """The address of a draw's public page."""
        return f"{self.public_url}{PATH}/{public_id}"

    def open(self, sealed: str) -> bytes:
        """A secret of a period.

        Raises:
            Refusal: the key with which it was sealed is not among ours any more.
        """
        try:
            return bytes.fromhex(self.vault.open(sealed))
        except SealBroken as broken:
            raise Refusal(
                _("The raffle's seed cannot be opened: it was sealed with another key."),
                _("Add the key of that time to TOKEN_ENCRYPTION_KEYS."),
            ) from broken


def means_of(settings: Settings) -> Means:
    """What this installation draws with."""
    return Means(vault_of(settings), chain_of(settings), settings.public_url)
