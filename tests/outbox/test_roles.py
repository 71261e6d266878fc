"""Changes of members' roles: in order, idempotent, and reported to the feature that requested
them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import grant
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.outbox import actions, discord_transport
from core.outbox.actions import RoleChange
from core.outbox.records import Outgoing
from core.outbox.sender import Sender
from core.outbox.transport import Receipt
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import PEOPLE
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.outbox.conftest import Post
from tests.outbox.test_discord_transport import Rig, outgoing, rig
from tests.patience import until_async

__all__ = ["rig"]

REGULAR, VIP, BOT_ROLE, MODERATOR = (NORAS_CORNER_ID + place for place in (1, 2, 3, 4))
MIA = next(person.discord_id for person in PEOPLE if person.handle == "mia")


def change(key: str, act: Any = "give", discord_id: int = 7) -> RoleChange:
    return RoleChange(key, discord_id, 5, act, "Watched 10 h", {"number": 1})


def ask(database: Database, *changes: RoleChange, guild_id: int = GUILD) -> None:
    with database.begin() as tx:
        act(tx, guild_id, actions.post_role_changes, "test.change", changes)


# -- in the outbox ------------------------------------------------------------------------------


async def test_changes_are_sent_once_and_in_order(post: Post) -> None:
    ask(post.database, change("a"), change("b", "take"), change("c"))
    ask(post.database, change("a"), change("d"))
    await post.settles()
    assert post.transport.delivered == ["a", "b", "c", "d"]
    assert post.transport.most_on_its_way == 1
    assert post.row("b")["target"] == {
        "member_id": 7,
        "role_id": 5,
        "act": "take",
        "reason": "Watched 10 h",
    }


async def test_servers_do_not_block_each_other(post: Post) -> None:
    post.transport.fails["a"] = Outage("Discord")
    ask(post.database, change("a"))
    ask(post.database, change("b"), guild_id=OTHER_GUILD)
    await post.settles()
    assert post.transport.delivered == ["a", "b"]
    assert post.states() == {"a": "waiting", "b": "sent"}


def test_waiting_change_can_be_withdrawn(post: Post) -> None:
    ask(post.database, change("a"), change("b"), change("c"))
    ask(post.database, change("c"), guild_id=OTHER_GUILD)
    (on_its_way, *_) = post.claim(maximum=1)
    with post.database.begin() as tx:
        assert act(tx, GUILD, actions.withdraw, {"a", "c", "unknown"}) == {"c"}
        assert act(tx, GUILD, actions.withdraw, {"c"}) == set()
        assert act(tx, GUILD, actions.withdraw, ()) == set()
    assert on_its_way.key == "a"
    assert (post.row("a")["state"], post.row("b")["state"]) == ("sending", "waiting")
    assert post.row("c")["receipt"] == {"skipped": "withdrawn"}
    assert post.row("c", OTHER_GUILD)["state"] == "waiting"


async def test_attempted_change_cannot_be_withdrawn(post: Post) -> None:
    post.transport.fails["a"] = Outage("Discord")
    ask(post.database, change("a"))
    await post.settles()
    with post.database.begin() as tx:
        assert act(tx, GUILD, actions.withdraw, {"a"}) == set()
    assert post.row("a")["state"] == "sent"


# -- the feature that asked ------------------------------------------------------------------------


class Requester:
    """Records receipts, and fails on demand."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Receipt, datetime]] = []
        self.breaks = False

    def settle(self, tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
        tx.exec_driver_sql("UPDATE guilds SET name = %s WHERE guild_id = %s", ("told", GUILD))
        self.told.append((message.key, receipt, now))
        if self.breaks:
            raise KeyError("a bug")


@pytest.fixture
def named(database: Database) -> Iterator[None]:
    """The server has its name back afterwards."""
    yield
    with database.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE guilds SET name = %s WHERE guild_id = %s", ("Nora's Corner", GUILD)
        )


def name(database: Database) -> str:
    with database.begin() as tx:
        return str(tx.exec_driver_sql(f"SELECT name FROM guilds WHERE guild_id={GUILD}").scalar())


@pytest.mark.parametrize("breaks", [False, True])
async def test_requesting_feature_receives_the_receipt(
    post: Post, named: None, breaks: bool
) -> None:
    """And if it breaks, that is undone alone: what was sent is not sent again."""
    requester = Requester()
    requester.breaks = breaks
    ask(post.database, change("a"), change("b"))
    settlers = {"test.change": requester.settle}
    sender = Sender(post.database, {"discord": post.transport}, post.clock, settlers)
    post.sender = lambda **_transports: sender  # type: ignore[method-assign]
    async with post.sending():
        await until_async(lambda: post.states() == {"a": "sent", "b": "sent"})
    assert requester.told == [
        ("a", {"message_id": 1}, post.now),
        ("b", {"message_id": 2}, post.now),
    ]
    assert (name(post.database) == "told") is not breaks


async def test_failed_change_is_not_settled(post: Post) -> None:
    requester = Requester()
    post.transport.fails["a"] = Outage("Discord")
    ask(post.database, change("a"))
    sender = Sender(
        post.database, {"discord": post.transport}, post.clock, {"test.change": requester.settle}
    )
    post.sender = lambda **_transports: sender  # type: ignore[method-assign]
    await post.settles()
    assert requester.told == []


# -- at Discord ---------------------------------------------------------------------------------


def at_discord(role_id: int, act: str = "give", member_id: int = 0) -> Outgoing:
    return outgoing(
        target={"member_id": member_id, "role_id": role_id, "act": act, "reason": "Watched ♥"},
    )


async def test_role_is_given_and_removed_repeatedly(rig: Rig) -> None:
    for _time in range(2):
        assert await rig.transport.deliver(at_discord(REGULAR, "give", MIA)) == {"done": True}
        assert await rig.hands.roles_of("mia") == ["Regular"]
    for _time in range(2):
        assert await rig.transport.deliver(at_discord(REGULAR, "take", MIA)) == {"done": True}
        assert await rig.hands.roles_of("mia") == []


@pytest.mark.parametrize(
    ("role_id", "why"),
    [(4_000, "role"), (MODERATOR, "powers"), (BOT_ROLE, "powers")],
)
async def test_impossible_change_is_skipped_with_a_reason(rig: Rig, role_id: int, why: str) -> None:
    receipt = await rig.transport.deliver(at_discord(role_id, "give", MIA))
    assert receipt["skipped"] == why


async def test_role_with_a_command_group_is_not_given(rig: Rig) -> None:
    """Whatever feature asked, and though the group was granted after the role was chosen."""
    with rig.database.begin() as tx:
        guilds.add_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
        act(tx, NORAS_CORNER_ID, grant, "raffle", REGULAR)
    receipt = await rig.transport.deliver(at_discord(REGULAR, "give", MIA))
    assert receipt["skipped"] == "powers"
    taken = await rig.transport.deliver(at_discord(REGULAR, "take", MIA))
    assert taken == {"done": True}, "it can still be taken"


async def test_change_for_a_former_member_is_skipped(rig: Rig) -> None:
    await rig.hands.member("mia", leave=True)
    assert (await rig.transport.deliver(at_discord(REGULAR, "give", MIA)))["skipped"] == "member"


async def test_rate_limit_is_waited_for(rig: Rig) -> None:
    await rig.hands.fault(rest_429=1)
    assert await rig.transport.deliver(at_discord(REGULAR, "give", MIA)) == {"done": True}


async def test_unsure_change_is_simply_repeated(rig: Rig) -> None:
    assert await rig.transport.confirm(at_discord(REGULAR)) is None


async def test_timeout_is_an_outage(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_transport, "TIMEOUT_SECONDS", 0.2)
    await rig.hands.fault(rest_slow_ms=400)
    with pytest.raises(Outage):
        await rig.transport.deliver(at_discord(REGULAR, "give", MIA))


async def test_optional_dm_is_skipped_when_dms_are_closed(rig: Rig) -> None:
    await rig.hands.member("mia", dms_open=False)
    wish = outgoing(target={"user_id": MIA, "if_possible": True})
    assert await rig.transport.deliver(wish) == {"skipped": "closed"}
    with pytest.raises(Refusal, match="direct messages"):
        await rig.transport.deliver(outgoing(target={"user_id": MIA}))
    await rig.hands.member("mia", dms_open=True)
    assert "message_id" in await rig.transport.deliver(wish)
