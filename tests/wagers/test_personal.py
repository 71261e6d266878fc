"""Members can export their data, and be forgotten without losing a penalty or a ticket."""

import json

import pytest
from sqlalchemy import text

from core.kit.errors import Refusal
from tests.wagers.scene import ADMIN, LEO, MIA, Guild, at


def test_export_contains_accounts_and_wagers(guild: Guild, other: Guild) -> None:
    guild.verify_mia()
    other.verify_mia()
    guild.poll(5, MiaSpins="1010.5")
    told = guild.collect()
    (account,), (counted,) = told["wagers_accounts"], told["wagers_changes"]
    assert (account["username"], account["verified_at"]) == ("MiaSpins", at(0))
    assert (str(counted["amount"]), counted["at"]) == ("10.5", at(5))
    admin = guild.collect(ADMIN)
    assert [one["verified_at"] for one in admin["wagers_accounts_verified_by_you"]] == [at(0)]
    assert admin["wagers_accounts"] == []


def test_forget_removes_the_account_and_keeps_amounts(guild: Guild, other: Guild) -> None:
    guild.set(verified_role=10)
    guild.choose_admin_channel()
    viewer_id = guild.verify_mia()
    other.verify_mia()
    guild.poll(5, MiaSpins="1010.5")
    guild.poll(6, MiaSpins="5")
    assert "MiaSpins" in json.dumps(guild.posted("wagers.odd"))
    guild.forget()
    left = guild.tx.execute(
        text("SELECT to_jsonb(a) FROM wagers_accounts a WHERE guild_id = :guild_id"),
        {"guild_id": guild.id},
    ).scalar_one()
    assert "miaspins" not in json.dumps(left).casefold()
    assert (left["linked_by"], left["ended_by"], left["role_holder"]) == (0, 0, None)
    assert "MiaSpins" not in json.dumps(guild.posted("wagers.odd"))
    assert guild.role_changes() == ["give 10 to 7", "take 10 to 7"]
    assert guild.wagered(viewer_id) == 10.5
    guild.poll(7, MiaSpins="500")
    assert guild.wagered(viewer_id) == 10.5
    assert len(other.linked()) == 1


def test_being_forgotten_does_not_bypass_the_waiting_period(guild: Guild) -> None:
    guild.verify_mia()
    guild.forget()
    with pytest.raises(Refusal, match="unlinked recently"):
        guild.link(MIA, "other", 61)


def test_admin_is_forgotten_too(guild: Guild) -> None:
    guild.verify_mia()
    guild.member(LEO)
    guild.link(LEO, "leo_77")
    guild.unlink(ADMIN, f"<@{LEO}>", 2)
    guild.forget(ADMIN)
    columns = "linked_by, verified_by, ended_by"
    found = guild.tx.execute(
        text(f"SELECT {columns} FROM wagers_accounts WHERE guild_id = :g ORDER BY account_id"),
        {"g": guild.id},
    )
    assert [tuple(row) for row in found] == [(MIA, 0, None), (LEO, None, 0)]
