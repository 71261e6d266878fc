"""Whoever asks is told, and can be forgotten without shedding a penalty or a ticket."""

import json

import pytest
from sqlalchemy import Connection, text

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.errors import Refusal
from core.kit.personal import Subject
from core.people.forgetting.store import list_accounts
from core.wagers import actions, store
from core.wagers.personal import PERSONAL
from core.wagers.settings import VERIFIED_ROLE
from tests.wagers.scene import (
    ADMIN,
    LEO,
    MIA,
    SHUFFLE,
    asked_roles,
    at,
    link,
    member,
    mia,
    poll,
    posted,
)


def subject(tx: Connection, guild_id: int, discord_id: int = MIA) -> Subject:
    linked = list_accounts(tx, guild_id, discord_id)
    return Subject(guild_id, discord_id, at(60), ("Mia",), linked)


def test_everything_is_told(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    mia(tx, guild_id)
    mia(tx, other_guild_id)
    poll(tx, guild_id, 5, MiaSpins="1010.5")
    told = PERSONAL.collect(tx, subject(tx, guild_id))
    (account,), (counted,) = told["affiliate_accounts"], told["wagers_counted"]
    assert (account["username"], account["verified_at"]) == ("MiaSpins", at(0))
    assert (str(counted["amount"]), counted["at"]) == ("10.5", at(5))
    admin = PERSONAL.collect(tx, subject(tx, guild_id, ADMIN))
    assert admin["affiliate_accounts_you_verified_at"] == [at(0)]
    assert admin["affiliate_accounts"] == []


def test_the_account_is_forgotten_and_the_amounts_stay(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    change_setting(tx, guild_id, VERIFIED_ROLE, 10, ADMIN)
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    viewer_id = mia(tx, guild_id)
    mia(tx, other_guild_id)
    poll(tx, guild_id, 5, MiaSpins="1010.5")
    poll(tx, guild_id, 6, MiaSpins="5")
    assert "MiaSpins" in json.dumps(posted(tx, guild_id, "wagers.odd"))
    PERSONAL.forget(tx, subject(tx, guild_id))
    left = tx.execute(
        text("SELECT to_jsonb(a) FROM wagers_accounts a WHERE guild_id = :guild_id"),
        {"guild_id": guild_id},
    ).scalar_one()
    assert "miaspins" not in json.dumps(left).casefold()
    assert (left["discord_id"], left["ended_by"], left["role_holder"]) == (0, 0, None)
    assert "MiaSpins" not in json.dumps(posted(tx, guild_id, "wagers.odd"))
    assert asked_roles(tx, guild_id) == ["give 10 to 7", "take 10 to 7"]
    assert store.wagered_between(tx, guild_id, viewer_id, at(0), at(60)) == 10.5
    poll(tx, guild_id, 7, MiaSpins="500")
    assert store.wagered_between(tx, guild_id, viewer_id, at(0), at(60)) == 10.5
    assert len(store.list_accounts(tx, other_guild_id)) == 1


def test_being_forgotten_is_no_way_around_the_day(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    PERSONAL.forget(tx, subject(tx, guild_id))
    with pytest.raises(Refusal, match="not long ago"):
        link(tx, guild_id, MIA, "other", 61)


def test_an_admin_is_forgotten_too(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    member(tx, guild_id, LEO)
    link(tx, guild_id, LEO, "leo_77")
    actions.unlink(tx, guild_id, ADMIN, f"<@{LEO}>", SHUFFLE, at(2))
    PERSONAL.forget(tx, subject(tx, guild_id, ADMIN))
    columns = "discord_id, verified_by, ended_by"
    found = tx.execute(
        text(f"SELECT {columns} FROM wagers_accounts WHERE guild_id = :g ORDER BY account_id"),
        {"g": guild_id},
    )
    assert [tuple(row) for row in found] == [(MIA, 0, None), (LEO, None, 0)]
