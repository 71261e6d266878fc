"""What members of the Discord server have watched, from the accounts that are theirs."""

from datetime import timedelta

from sqlalchemy import Connection, insert

from core.people.records import Link
from core.watchtime import actions, standings
from tests.watchtime.model import Teller, at, exclude, tell, viewer_id

MIA, LEO = 11, 12


def evening(tx: Connection, guild_id: int, *messages: tuple[int, float], **platform: str) -> None:
    """Viewers write at these minutes of an hour that is live."""
    teller = Teller(guild_id, **platform)
    tell(tx, *(teller.says(viewer, at(minute)) for viewer, minute in messages))
    tell(tx, teller.seen_live(at(0), at(60)))
    actions.credit(tx, guild_id)


def link(tx: Connection, guild_id: int, discord_id: int, viewer: int, platform: str) -> None:
    tx.execute(
        insert(Link).values(
            guild_id=guild_id,
            discord_id=discord_id,
            platform=platform,
            viewer_id=viewer_id(tx, guild_id, viewer),
            linked_at=at(0),
        )
    )


def test_member_has_the_total_of_their_accounts(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    evening(tx, guild_id, (1, 0), (1, 20), (3, 0))
    evening(tx, guild_id, (2, 55), platform="twitch")
    evening(tx, other_guild_id, (1, 0))
    link(tx, guild_id, MIA, 1, "kick")
    link(tx, guild_id, MIA, 2, "twitch")
    assert standings.list_members(tx, guild_id) == {MIA: timedelta(minutes=25)}
    assert standings.list_members(tx, other_guild_id) == {}


def test_member_without_watchtime_is_listed(tx: Connection, guild_id: int) -> None:
    tell(tx, Teller(guild_id).says(1, at(0)))
    link(tx, guild_id, LEO, 1, "kick")
    assert standings.list_members(tx, guild_id) == {LEO: timedelta()}


def test_excluded_viewers_are_not_listed(tx: Connection, guild_id: int) -> None:
    evening(tx, guild_id, (1, 0))
    link(tx, guild_id, MIA, 1, "kick")
    exclude(tx, guild_id, "viewer1")
    assert standings.list_members(tx, guild_id) == {}
    assert standings.list_places(tx, guild_id, 10) == []
    assert standings.get_totals(tx, guild_id).viewers == 0
