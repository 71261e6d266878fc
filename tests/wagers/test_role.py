"""The role of verified members: given, taken, looked after."""

from datetime import datetime

import pytest
from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.outbox.store import Outgoing, claim_due, set_sent
from core.people import store as people
from core.wagers import actions, handlers, role
from core.wagers.settings import VERIFIED_ROLE
from tests.wagers.scene import (
    ADMIN,
    LEO,
    MIA,
    SHUFFLE,
    asked_roles,
    at,
    code,
    link,
    member,
    mia,
    posted,
    told,
    verify,
)

ROLE, OTHER_ROLE = 10, 20


@pytest.fixture(autouse=True)
def chosen(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, ROLE)


def choose(tx: Connection, guild_id: int, role_id: int) -> None:
    change_setting(tx, guild_id, VERIFIED_ROLE, role_id, ADMIN)


def answer(tx: Connection, now: datetime, **receipt: str) -> None:
    """Discord answers to everything that waits."""
    for message in claim_due(tx, at(10**6), 16):
        if message.kind == role.KIND:
            role.on_settled(tx, message, dict(receipt), now)
        set_sent(tx, message, now, dict(receipt))


def unlinked_from_kick(tx: Connection, guild_id: int, minutes: float) -> None:
    before = people.find_link(tx, guild_id, MIA)
    assert before is not None
    people.end_link(tx, before)
    event = AccountUnlinked(
        key=str(minutes),
        guild_id=guild_id,
        at=at(minutes),
        platform="kick",
        discord_id=MIA,
        viewer_id=before.viewer_id,
    )
    handlers.on_account_unlinked(tx, event)
    handlers.on_account_unlinked(tx, event)


def linked_to_kick(
    tx: Connection, guild_id: int, viewer_id: int, discord_id: int, minutes: float
) -> None:
    people.add_link(tx, guild_id, discord_id, "kick", viewer_id, at(minutes))
    event = AccountLinked(
        key=str(minutes),
        guild_id=guild_id,
        at=at(minutes),
        platform="kick",
        discord_id=discord_id,
        viewer_id=viewer_id,
        name="x",
    )
    handlers.on_account_linked(tx, event)


def test_a_claim_brings_no_role_and_verifying_does_once(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    code(tx, guild_id)
    link(tx, guild_id, MIA, "MiaSpins")
    assert asked_roles(tx, guild_id) == []
    verify(tx, guild_id, MIA, told(0, MiaSpins="1"))
    verify(tx, guild_id, MIA, told(1, MiaSpins="1"))
    role.settle_all(tx, guild_id, at(2))
    assert asked_roles(tx, guild_id) == ["give 10 to 7"]


def test_unlinking_takes_it(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    actions.unlink(tx, guild_id, MIA, None, SHUFFLE, at(5))
    role.settle_all(tx, guild_id, at(6))
    assert asked_roles(tx, guild_id) == ["give 10 to 7", "take 10 to 7"]


def test_the_role_goes_with_the_account_on_kick(tx: Connection, guild_id: int) -> None:
    viewer_id = mia(tx, guild_id)
    unlinked_from_kick(tx, guild_id, 5)
    linked_to_kick(tx, guild_id, viewer_id, LEO, 6)
    role.settle_all(tx, guild_id, at(7))
    assert asked_roles(tx, guild_id) == ["give 10 to 7", "take 10 to 7", "give 10 to 8"]


def test_another_role_takes_the_place_of_the_first(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    mia(tx, guild_id)
    choose(tx, guild_id, OTHER_ROLE)
    role.settle_all(tx, other_guild_id, at(1))
    assert asked_roles(tx, guild_id) == ["give 10 to 7"]
    role.settle_all(tx, guild_id, at(2))
    choose(tx, guild_id, 0)
    role.settle_all(tx, guild_id, at(3))
    wanted = ["give 10 to 7", "take 10 to 7", "give 20 to 7", "take 20 to 7"]
    assert asked_roles(tx, guild_id) == wanted


@pytest.mark.parametrize(("skipped", "told_admins"), [("forbidden", 1), ("role", 1), ("member", 0)])
def test_what_discord_refuses_is_tried_again_a_day_later(
    tx: Connection, guild_id: int, skipped: str, told_admins: int
) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    mia(tx, guild_id)
    answer(tx, at(1), skipped=skipped)
    role.settle_all(tx, guild_id, at(2))
    assert len(asked_roles(tx, guild_id)) == 1
    assert len(posted(tx, guild_id, "wagers.role_refused")) == told_admins
    role.settle_all(tx, guild_id, at(2 + 24 * 60))
    assert len(asked_roles(tx, guild_id)) == 2


def test_a_changed_role_is_tried_again_at_once(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    answer(tx, at(1), skipped="forbidden")
    handlers.on_roles_changed(tx, RolesChanged(key="moved", guild_id=guild_id, at=at(2)))
    handlers.on_roles_changed(tx, RolesChanged(key="moved again", guild_id=guild_id, at=at(3)))
    assert asked_roles(tx, guild_id) == ["give 10 to 7"] * 2


def test_verifying_again_tries_again_at_once(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    answer(tx, at(1), skipped="forbidden")
    verify(tx, guild_id, MIA, told(2, MiaSpins="1000"))
    assert asked_roles(tx, guild_id) == ["give 10 to 7", "give 10 to 7"]


def test_a_late_answer_about_a_role_that_was_taken_changes_nothing(
    tx: Connection, guild_id: int
) -> None:
    mia(tx, guild_id)
    (given,) = [m for m in claim_due(tx, at(10**6), 16) if m.kind == role.KIND]
    assert isinstance(given, Outgoing)
    choose(tx, guild_id, OTHER_ROLE)
    role.settle_all(tx, guild_id, at(1))
    role.on_settled(tx, given, {"skipped": "role"}, at(2))
    role.settle_all(tx, guild_id, at(3))
    assert asked_roles(tx, guild_id) == ["give 10 to 7", "take 10 to 7", "give 20 to 7"]
