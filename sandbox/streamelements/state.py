"""The fake StreamElements' channels, their tokens and balances."""

import hashlib
from collections.abc import Iterable
from typing import Any

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.people import Person
from sandbox.streamelements.astro import Astro
from sandbox.streamelements.channels import Channel
from sandbox.streamelements.faults import FAULTS

TWITCH_IDS_FROM = 1_000_000
"""Offset from a person's id on Kick to their id on the fake Twitch."""


class FakeStreamElements:
    """State shared by the API and the socket; on the sandbox's event loop only."""

    def __init__(
        self, people: Iterable[Person], changes: ChangeFeed, faults: Faults, base_url: str
    ) -> None:
        faults.declare(FAULTS)
        self.changes = changes
        self.faults = faults
        self.base_url = base_url
        self.calls: list[str] = []
        people = tuple(people)
        self.channels = {
            person.handle: _channel(person, people)
            for person in people
            if person.role == "streamer"
        }
        self.astro = Astro(self.channels, changes, faults)

    def env(self) -> dict[str, str]:
        """The product's settings for this fake."""
        socket = f"ws{self.base_url.removeprefix('http')}/streamelements/astro"
        return {
            "STREAMELEMENTS_API_URL": f"{self.base_url}/streamelements/kappa/v2",
            "STREAMELEMENTS_ASTRO_URL": socket,
        }

    def snapshot(self) -> dict[str, Any]:
        """Everything, for the control API."""
        channels = {handle: channel.payload() for handle, channel in self.channels.items()}
        return {"channels": channels, "calls": list(self.calls), "sockets": self.astro.count}

    def change(self, channel: Channel, login: str, delta: int) -> int:
        """Add to a balance; the new one."""
        amount = channel.points.get(login, 0) + delta
        if not self.faults.flag("streamelements.below_zero"):
            amount = max(0, amount)
        self.set(channel, login, amount)
        if delta > 0:
            channel.alltime[login] = channel.alltime.get(login, 0) + delta
        return amount

    def set(self, channel: Channel, login: str, amount: int) -> None:
        channel.points[login] = amount
        self.changes.publish("streamelements.points")


def _channel(owner: Person, people: Iterable[Person]) -> Channel:
    digest = hashlib.sha256(f"streamelements {owner.handle}".encode()).hexdigest()
    login = owner.kick_name.lower()
    jwt = f"eyJhbGciOiJIUzI1NiJ9.{digest[:60]}.{digest[20:63]}"
    channel = Channel(
        digest[:24], login, owner.kick_name, owner.kick_user_id + TWITCH_IDS_FROM, jwt
    )
    for number, person in enumerate(people, start=1):
        if person.role == "viewer":
            channel.points[person.kick_name.lower()] = 1000 * number
            channel.alltime[person.kick_name.lower()] = 1500 * number
    return channel
