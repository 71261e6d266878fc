"""Who earns nothing, whatever they are called."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.kit.database.connection import cache_of
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.people.exclusions.actions import list_excluded
from core.people.exclusions.rules import CHAT_BOTS
from core.people.lookup import find_by_name
from core.watchtime import actions, standings
from tests.watchtime.model import Teller, at, exclude, include, tell, watched

TEN = timedelta(minutes=10)


@pytest.fixture
def teller(tx: Connection, guild_id: int) -> Teller:
    """A stream from 22:00 to 24:00; viewer 1 wrote at its beginning."""
    teller = Teller(guild_id)
    tell(tx, teller.says(1, at(0)), teller.went_live(at(0)), teller.ended(at(0), at(120)))
    actions.credit(tx, guild_id)
    return teller


def names(tx: Connection, guild_id: int) -> list[str]:
    return [place.name for place in standings.list_places(tx, guild_id, 25)]


def listed(tx: Connection, guild_id: int) -> set[str]:
    cache_of(tx).clear()
    found = run_in_guild(tx, guild_id, 900, at(60), list_excluded, "watchtime")
    return {account.viewer_name for account in found.accounts} | set(found.names)


def credited(tx: Connection, guild_id: int) -> dict[int, timedelta]:
    actions.credit(tx, guild_id)
    return watched(tx, guild_id)


def test_excluded_viewers_have_no_rank_and_earn_nothing(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    assert exclude(tx, guild_id, "@VIEWER1") == "viewer1"
    assert names(tx, guild_id) == []
    tell(tx, teller.says(1, at(30)), teller.says(2, at(30)))
    assert credited(tx, guild_id) == {1: TEN, 2: TEN}, "what was earned before stays written down"
    assert names(tx, guild_id) == ["viewer2"]
    number = find_by_name(tx, guild_id, "viewer2")
    assert number is not None
    assert standings.get_place(tx, guild_id, number.viewer_id) == (1, TEN)


def test_earlier_watchtime_returns_after_inclusion(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    exclude(tx, guild_id, "viewer1")
    tell(tx, teller.says(1, at(30)))
    assert include(tx, guild_id, "viewer1") == "viewer1"
    tell(tx, teller.says(1, at(60)))
    assert credited(tx, guild_id) == {1: 2 * TEN}
    assert names(tx, guild_id) == ["viewer1"]


def test_exclusion_follows_the_account_not_the_name(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    exclude(tx, guild_id, "viewer1")
    tell(tx, teller.says(1, at(30), name="angel"), teller.says(2, at(30), name="viewer1"))
    assert credited(tx, guild_id) == {1: TEN, 2: TEN}
    assert names(tx, guild_id) == ["viewer1"], "who is called so now is somebody else"
    assert "angel" in listed(tx, guild_id)


def test_unseen_name_is_excluded_when_its_account_appears(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    exclude(tx, guild_id, "@Stranger")
    assert "Stranger" in listed(tx, guild_id)
    tell(tx, teller.says(3, at(30), name="stranger"), teller.says(3, at(40), name="angel"))
    assert credited(tx, guild_id) == {1: TEN}
    assert "angel" in listed(tx, guild_id)
    tell(tx, teller.says(4, at(50), name="Stranger"))
    assert 4 in credited(tx, guild_id), "one account was meant"


@pytest.mark.parametrize("bot", ["NightBot", "kickbot"])
def test_known_chat_bots_earn_nothing(
    tx: Connection, guild_id: int, teller: Teller, bot: str
) -> None:
    tell(tx, teller.says(7, at(30), name=bot))
    assert credited(tx, guild_id) == {1: TEN}
    assert names(tx, guild_id) == ["viewer1"]


def test_known_chat_bot_can_earn_after_inclusion(
    tx: Connection, guild_id: int, other_guild_id: int, teller: Teller
) -> None:
    assert listed(tx, guild_id) == set(CHAT_BOTS)
    include(tx, guild_id, "nightbot")
    tell(tx, teller.says(7, at(30), name="Nightbot"))
    assert 7 in credited(tx, guild_id)
    assert "Nightbot" not in listed(tx, guild_id)
    assert "Nightbot" in listed(tx, other_guild_id)
    exclude(tx, guild_id, "Nightbot")
    assert "Nightbot" in listed(tx, guild_id)
    include(tx, guild_id, "Nightbot")
    assert "Nightbot" not in listed(tx, guild_id), "also after it was seen"


@pytest.mark.parametrize("who", ["", "two words", "@", "x" * 65])
def test_invalid_name_is_rejected(tx: Connection, guild_id: int, teller: Teller, who: str) -> None:
    with pytest.raises(Refusal, match="not a name"):
        exclude(tx, guild_id, who)


def test_repeated_exclusion_or_inclusion_is_rejected(
    tx: Connection, guild_id: int, teller: Teller
) -> None:
    for who in ("viewer1", "stranger"):
        with pytest.raises(Refusal, match="is not excluded"):
            include(tx, guild_id, who)
        exclude(tx, guild_id, who)
        with pytest.raises(Refusal, match="already"):
            exclude(tx, guild_id, who)
        include(tx, guild_id, who)
    with pytest.raises(Refusal, match="already"):
        exclude(tx, guild_id, "Moobot")


def test_exclusions_are_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int, teller: Teller
) -> None:
    exclude(tx, guild_id, "viewer1")
    other = Teller(other_guild_id)
    tell(tx, other.says(1, at(0)), other.went_live(at(0)), other.ended(at(0), at(5)))
    assert credited(tx, other_guild_id) == {1: timedelta(minutes=5)}
    assert names(tx, other_guild_id) == ["viewer1"]
