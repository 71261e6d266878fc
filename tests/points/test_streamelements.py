"""StreamElements as the provider: every operation is one bulk change there."""

import pytest
from sqlalchemy import Connection, select

from core.events import PointsMoved, StreamElementsSettled
from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import store as people
from core.points.providers import Round, balance_of, find_moved, pay, take
from core.points.streamelements import on_settled
from core.streamelements.records import BulkLine, BulkOperation, StreamElementsAccount
from tests.points.scene import PointsGuild
from tests.slot_calls.scene import MODERATOR, NOON

HEIST = Round("heist", 7)


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> PointsGuild:
    guild = PointsGuild(tx, guild_id)
    guild.set()

    def connect(work: Work) -> None:
        account = StreamElementsAccount(
            guild_id=work.guild_id,
            channel_id="5f",
            name="NoraPlays",
            platform="twitch",
            state="connected",
            token="sealed",
            connected_by=MemberId(MODERATOR),
            connected_at=NOON,
        )
        work.add(account)

    with pytest.raises(Refusal, match="No StreamElements account") as refused:
        guild.set(provider="streamelements")
    assert "/connect_streamelements" in refused.value.remedy
    guild.do(connect)
    guild.set(provider="streamelements")
    return guild


def lines(guild: PointsGuild) -> list[tuple[str, int, list[int]]]:
    """Login, delta and viewers of all queued changes."""

    def read(work: Work) -> list[tuple[str, int, list[int]]]:
        rows = work.scalars(select(BulkLine).order_by(BulkLine.number, BulkLine.login))
        return [(row.login, row.delta, list(row.references)) for row in rows]

    return guild.do(read)


def settled(guild: PointsGuild, key: str, **given: tuple[int, ...]) -> None:
    event = StreamElementsSettled(
        key=key,
        guild_id=guild.id,
        at=NOON,
        operation=f"points:{key}",
        **({"applied": (), "refused": ()} | given),
    )
    guild.do(on_settled, event)


def test_stakes_are_pending_until_streamelements_has_answered(guild: PointsGuild) -> None:
    mia, tom, pia = guild.viewer(71, "twitch"), guild.viewer(72, "twitch"), guild.viewer(73)
    assert guild.do(balance_of, mia) is None
    stakes = {mia: 100, tom: 50, pia: 10}
    assert guild.do(take, HEIST, "heist:7:stakes", stakes) is None
    assert guild.do(take, HEIST, "heist:7:stakes", stakes) is None
    assert lines(guild) == [("mia", -100, [mia]), ("tom", -50, [tom])]
    settled(guild, "heist:7:stakes", refused=(tom,), too_little=(tom,))
    assert guild.do(take, HEIST, "heist:7:stakes", stakes) is None, "mia still waits"
    settled(guild, "heist:7:stakes", applied=(mia,))
    parts = [event.viewer_ids for event in guild.published(PointsMoved)]
    assert parts == [(pia,), (tom,), (mia,)]
    assert guild.do(find_moved, "heist:7:stakes", (mia,)).confirmed == {mia: 100}
    moved = guild.do(find_moved, "heist:7:stakes")
    assert moved == guild.do(take, HEIST, "heist:7:stakes", stakes)
    assert moved.confirmed == {mia: 100}
    assert moved.refused == {tom: "balance", pia: "provider"}  # pia has no account at Twitch
    settled(guild, "heist:7:stakes", applied=(mia, tom))  # a second answer changes nothing
    assert guild.do(find_moved, "heist:7:stakes") == moved
    assert guild.do(pay, HEIST, "heist:7:payout", {mia: 130}) is None
    settled(guild, "heist:7:payout", applied=(mia,))
    paid = guild.do(find_moved, "heist:7:payout")
    assert paid.confirmed == {mia: 130}


def test_without_a_usable_account_stakes_are_refused_but_payouts_wait(guild: PointsGuild) -> None:
    mia = guild.viewer(71, "twitch")

    def break_it(work: Work) -> None:
        account = work.find(StreamElementsAccount)
        assert account is not None
        account.state = "reconnect"

    guild.do(break_it)
    moved = guild.do(take, HEIST, "heist:7:stakes", {mia: 100})
    assert moved is not None
    assert moved.refused == {mia: "provider"}
    assert guild.do(pay, HEIST, "heist:7:payout", {mia: 100}) is None
    assert guild.do(lambda work: work.count(BulkOperation.state == "waiting")) == 1


def test_name_in_another_script_is_no_login(guild: PointsGuild) -> None:
    yuki = people.set_viewer(guild.tx, guild.id, "twitch", 75, "雪Yuki", NOON)
    moved = guild.do(take, HEIST, "heist:7:stakes", {yuki: 100})
    assert moved is not None
    assert moved.refused == {yuki: "provider"}
