"""Exclusions from winning, and how long they last."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.events import Person, ViewerBanned
from core.kit.database.work import event_action
from core.kit.errors import Refusal
from core.people import store as people
from core.people.exclusions import actions as exclusions
from core.raffle.draw import actions
from tests.raffle.draw.rig import AFTER, audited, discord_id, do, ended, exclude, froze
from tests.raffle.scene import MIDDLE, viewer


def excluded(tx: Connection, guild_id: int) -> list[tuple[str, str]]:
    found = do(tx, guild_id, AFTER, exclusions.list_excluded, "raffle")
    return [(account.viewer_name, account.cause) for account in found.accounts]


def include(tx: Connection, guild_id: int, who: str) -> str:
    return do(tx, guild_id, AFTER, exclusions.include, who, "raffle")


def banned(
    tx: Connection, guild_id: int, name: str, *, minutes: int | None = None, named: bool = True
) -> None:
    """Kick says that this viewer was banned, or timed out."""
    known = people.get_viewer(tx, guild_id, viewer(tx, guild_id, name))
    until = None if minutes is None else AFTER + timedelta(minutes=minutes)
    event = ViewerBanned(
        key=f"{name}:{minutes}",
        guild_id=guild_id,
        at=MIDDLE,
        platform="kick",
        channel_id=1,
        viewer=Person(user_id=known.platform_user_id, name=name if named else ""),
        moderator=None,
        reason="spam",
        until=until,
    )
    event_action(actions.on_viewer_banned)(tx, event)


def test_admin_excludes_and_includes_a_viewer(tx: Connection, guild_id: int) -> None:
    ended(tx, guild_id)
    assert exclude(tx, guild_id, f"<@{discord_id('mia')}>", AFTER) == "mia"
    with pytest.raises(Refusal, match="already excluded"):
        exclude(tx, guild_id, "MIA", AFTER)
    assert excluded(tx, guild_id) == [("mia", "admin")]
    assert include(tx, guild_id, "mia") == "mia"
    with pytest.raises(Refusal, match="not excluded"):
        include(tx, guild_id, "mia")
    assert excluded(tx, guild_id) == []
    assert [line.split()[0] for line in audited(tx, guild_id)] == [
        "people.exclude",
        "people.include",
    ]


def test_unknown_viewer_cannot_be_excluded(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal):
        exclude(tx, guild_id, "nobody_here", AFTER)


def test_exclusions_are_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    number = ended(tx, guild_id)
    viewer(tx, other_guild_id, "mia")
    exclude(tx, other_guild_id, "mia", AFTER)
    assert excluded(tx, guild_id) == []
    assert froze(tx, guild_id, number).left_out == 0


def test_kick_ban_excludes_until_an_admin_includes_the_viewer(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id)
    banned(tx, guild_id, "mia")
    banned(tx, guild_id, "mia")
    assert excluded(tx, guild_id) == [("mia", "kick_ban")]
    assert froze(tx, guild_id, number).left_out == 1
    include(tx, guild_id, "mia")
    assert excluded(tx, guild_id) == []


@pytest.mark.parametrize(("minutes", "left_out"), [(1, 1), (0, 0), (-1, 0)])
def test_timeout_excludes_until_its_end(
    tx: Connection, guild_id: int, minutes: int, left_out: int
) -> None:
    number = ended(tx, guild_id)
    banned(tx, guild_id, "mia", minutes=minutes)
    assert froze(tx, guild_id, number).left_out == left_out


def test_ban_after_a_timeout_stays(tx: Connection, guild_id: int) -> None:
    ended(tx, guild_id)
    banned(tx, guild_id, "mia", minutes=-5)
    assert excluded(tx, guild_id) == []
    banned(tx, guild_id, "mia")
    banned(tx, guild_id, "mia", minutes=-5)
    assert excluded(tx, guild_id) == [("mia", "kick_ban")]


def test_ban_without_a_name_keeps_the_name(tx: Connection, guild_id: int) -> None:
    ended(tx, guild_id)
    banned(tx, guild_id, "mia", named=False)
    assert excluded(tx, guild_id) == [("mia", "kick_ban")]


def test_discord_ban_excludes_until_it_is_lifted(tx: Connection, guild_id: int) -> None:
    ended(tx, guild_id)
    banned(tx, guild_id, "mia")
    do(tx, guild_id, AFTER, actions.set_discord_ban, discord_id("mia"), True)
    do(tx, guild_id, AFTER, actions.set_discord_ban, 4711, True)
    assert excluded(tx, guild_id) == [("mia", "discord_ban"), ("mia", "kick_ban")]
    do(tx, guild_id, AFTER, actions.set_discord_ban, discord_id("mia"), False)
    assert excluded(tx, guild_id) == [("mia", "kick_ban")]
