"""The bot's settings that raffles use: encryption keys, the beacon, the public address."""

from dataclasses import dataclass

from core.drand.chain import Chain
from core.drand.client import chain_of
from core.kit.crypto import SealBroken, Vault, vault_of
from core.kit.errors import Refusal
from core.kit.settings import Settings
from core.kit.words import _

PATH = "/draws"


@dataclass(frozen=True, slots=True)
class Config:
    """Passed to the actions, so that they read no settings."""

    vault: Vault
    chain: Chain
    public_url: str

    def page_of(self, public_id: str) -> str:
        """The address of a draw's public page."""
        return f"{self.public_url}{PATH}/{public_id}"

    def decrypt(self, sealed: str) -> bytes:
        """A raffle's seed or salt; raises Refusal if the key that encrypted it was removed."""
        try:
            return bytes.fromhex(self.vault.open(sealed))
        except SealBroken as broken:
            raise Refusal(
                _("The raffle's seed cannot be decrypted: it was encrypted with another key."),
                _("Add that key to TOKEN_ENCRYPTION_KEYS."),
            ) from broken


def config_of(settings: Settings) -> Config:
    return Config(vault_of(settings), chain_of(settings), settings.public_url)
