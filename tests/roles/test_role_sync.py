"""When members are checked, and that checks continue after failures."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from structlog.testing import capture_logs

from core.kit.database.connection import Database
from core.kit.errors import Outage
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.roles import actions, role_sync
from core.roles.role_sync import RoleSync
from core.watchtime.store import CREDITED
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.patience import until_async
from tests.roles.scene import BRONZE, NOON
from tests.roles.scene import Guild as Scene


class Member:
    """As much of a member as is looked at."""

    bot = False

    def __init__(self, discord_id: int, *roles: int) -> None:
        self.id = discord_id
        self.roles = set(roles)

    def get_role(self, role_id: int) -> int | None:
        return role_id if role_id in self.roles else None


class Role:
    """A role that the bot can give."""

    managed = False
    permissions = discord.Permissions.none()

    def __init__(self, role_id: int) -> None:
        self.id = role_id
        self.name = str(role_id)

    def is_default(self) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return False


class Guild:
    """A server in the bot's cache."""

    unavailable = False
    chunked = True
    owner_id = 1
    me = SimpleNamespace(
        id=2, guild_permissions=discord.Permissions(manage_roles=True), top_role=object()
    )

    def __init__(self, guild_id: int, *members: Member) -> None:
        self.id = guild_id
        self.members = list(members)

    def get_member(self, discord_id: int) -> Member | None:
        return next((m for m in self.members if m.id == discord_id), None)

    def get_role(self, role_id: int) -> Role:
        return Role(role_id)

    async def chunk(self) -> None:
        raise AssertionError("it is complete")


@pytest.fixture
def gate(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Database]:
    """Two servers with a role for an hour, which member 7 has earned in both."""
    with cleaned(database), capture_logs():
        with database.begin() as tx:
            for one in (guild_id, other_guild_id):
                Scene(tx, one).add(BRONZE, 60)
                Scene(tx, one).link(7, 61)
        yield database


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(role_sync, "DEBOUNCE_SECONDS", 0.01)
    monkeypatch.setattr(role_sync, "RETRY_SECONDS", 0.05)


@asynccontextmanager
async def keeping(
    gate: Database, *guilds: Guild, every: float = 3600, bus: LocalBus | None = None
) -> AsyncIterator[tuple[RoleSync, LocalBus]]:
    """It knows these servers and was not asked to check them."""
    bus = bus or LocalBus()
    given = settings().model_copy(update={"role_update_interval_seconds": every})
    one = RoleSync(Services(given, gate, bus, lambda: NOON))
    one.start()
    for guild in guilds:
        one._guilds[guild.id] = cast(discord.Guild, guild)
    try:
        yield one, bus
    finally:
        one.stop()


def asked(gate: Database, guild_id: int) -> list[str]:
    with gate.begin() as tx:
        return Scene(tx, guild_id).waiting()


async def test_added_server_is_checked(gate: Database, guild_id: int) -> None:
    async with keeping(gate) as (one, _bus):
        one.add_guild(cast(discord.Guild, Guild(guild_id, Member(7))))
        await until_async(lambda: asked(gate, guild_id) == [f"give {BRONZE} to 7"])


async def test_removed_server_is_not_checked(
    gate: Database, guild_id: int, other_guild_id: int
) -> None:
    guilds = (Guild(guild_id, Member(7)), Guild(other_guild_id, Member(7)))
    async with keeping(gate, *guilds) as (one, _bus):
        one.remove_guild(guild_id)
        one.check(guild_id)
        one.check(other_guild_id)
        await until_async(lambda: asked(gate, other_guild_id))
    assert asked(gate, guild_id) == []


@pytest.mark.parametrize(
    ("topic", "data"),
    [
        (actions.TOPIC, {}),
        (actions.TOPIC, {"discord_id": "7"}),
        (CREDITED, {}),
    ],
)
async def test_notification_from_any_thread_triggers_a_check(
    gate: Database, guild_id: int, topic: str, data: dict[str, str]
) -> None:
    async with keeping(gate, Guild(guild_id, Member(7))) as (_one, bus):
        publisher = threading.Thread(
            target=bus.publish, args=(topic,), kwargs={"guild_id": str(guild_id), **data}
        )
        publisher.start()
        await until_async(lambda: asked(gate, guild_id) == [f"give {BRONZE} to 7"])
        publisher.join()


async def test_every_member_is_checked_periodically(gate: Database, guild_id: int) -> None:
    async with keeping(gate, Guild(guild_id, Member(7)), every=0.05):
        await until_async(lambda: asked(gate, guild_id) == [f"give {BRONZE} to 7"])


async def test_notifications_after_the_end_are_ignored(
    gate: Database, guild_id: int, other_guild_id: int
) -> None:
    async with keeping(gate, Guild(guild_id, Member(7))) as (_one, bus):
        pass
    async with keeping(gate, Guild(other_guild_id, Member(7)), bus=bus):
        bus.publish(actions.TOPIC, guild_id=str(guild_id))
        bus.publish(actions.TOPIC, guild_id=str(other_guild_id))
        await until_async(lambda: asked(gate, other_guild_id))
    assert asked(gate, guild_id) == []


@pytest.mark.parametrize("failure", [Outage("the database"), KeyError("a bug")])
async def test_failed_check_is_retried(
    gate: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    failures = [failure, failure]
    real = role_sync.see

    async def see(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*args)

    monkeypatch.setattr(role_sync, "see", see)
    async with keeping(gate, Guild(guild_id, Member(7))) as (one, _bus):
        one.check(guild_id, 7)
        await until_async(lambda: asked(gate, guild_id) == [f"give {BRONZE} to 7"])
    assert failures == []


async def test_unknown_members_are_fetched_first(
    gate: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is missing would pass for somebody who left."""
    guild = Guild(guild_id)
    fetched = []

    async def chunk() -> None:
        fetched.append(True)
        guild.members = [Member(7)]

    monkeypatch.setattr(guild, "chunked", False)
    monkeypatch.setattr(guild, "chunk", chunk)
    async with keeping(gate, guild) as (one, _bus):
        one.check(guild_id)
        await until_async(lambda: asked(gate, guild_id) == [f"give {BRONZE} to 7"])
    assert fetched == [True]


async def test_simultaneous_requests_are_checked_together(
    gate: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    real = role_sync.see

    async def see(guild: Any, role_ids: Any, only: Any = None) -> Any:
        looks.append(only)
        return await real(guild, role_ids, only)

    monkeypatch.setattr(role_sync, "see", see)
    async with keeping(gate, Guild(guild_id, Member(7), Member(8))) as (one, _bus):
        for _time in range(50):
            one.check(guild_id, 7)
            one.check(guild_id, 8)
        await until_async(lambda: looks)
        assert looks == [{7, 8}]
        one.check(guild_id, 7)
        one.check(guild_id)
        one.check(guild_id, 8)
        await until_async(lambda: len(looks) > 1)
    assert looks == [{7, 8}, None]


async def test_check_of_ten_thousand_members_does_not_block_the_event_loop() -> None:
    """The event loop breathes while it is looked at."""
    guild = cast(discord.Guild, Guild(1, *(Member(n, BRONZE) for n in range(10_000))))
    breaths = 0

    async def breathe() -> None:
        nonlocal breaths
        while True:
            breaths += 1
            await asyncio.sleep(0)

    breathing = asyncio.create_task(breathe())
    seen = await role_sync.see(guild, list(range(10, 20)))
    breathing.cancel()
    assert len(seen.held) == 10_000
    assert seen.held[9_999] == frozenset({BRONZE})
    assert breaths >= 10_000 // role_sync.MEMBERS_PER_SLICE
