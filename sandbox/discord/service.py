"""The fake Discord as a whole: its state, and the gateway that reports what changes."""

from collections.abc import Sequence

from sandbox.change_feed import ChangeFeed
from sandbox.discord.errors import Json
from sandbox.discord.gateway import Gateway
from sandbox.discord.snapshot import snapshot
from sandbox.discord.state import FakeDiscord
from sandbox.faults import Faults
from sandbox.people import Person


class DiscordService(FakeDiscord):
    gateway: Gateway

    def __init__(
        self, people: Sequence[Person], changes: ChangeFeed, faults: Faults, base_url: str
    ) -> None:
        super().__init__(people, changes, faults, base_url)
        self.gateway = Gateway(self)

    def snapshot(self) -> Json:
        """Everything, for the page and the control API."""
        return snapshot(self)

    async def close(self) -> None:
        """Close all gateway sockets, so that the server can stop at once."""
        await self.gateway.close()
