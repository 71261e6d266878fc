"""The role of verified members: given, taken, looked after."""

from typing import Any

import pytest

from core.events import AccountLinked, AccountUnlinked, Event, RolesChanged
from core.kit.database.connection import cache_of
from core.outbox.records import Outgoing
from core.outbox.store import claim_due, set_sent
from core.people import store as people
from core.wagers.feature import FEATURE
from core.wagers.verified_role import KIND
from tests.wagers.scene import LEO, MIA, Guild, at, reported

ROLE, OTHER_ROLE = 10, 20


@pytest.fixture(autouse=True)
def chosen(guild: Guild) -> None:
    guild.set(verified_role=ROLE)


def waiting(guild: Guild) -> list[Outgoing]:
    return [m for m in claim_due(guild.tx, at(10**6), 16) if m.kind == KIND]


def settle(guild: Guild, message: Outgoing, minutes: float, **receipt: str) -> None:
    """Discord answers to a change."""
    FEATURE.settles[KIND](guild.tx, message, dict(receipt), at(minutes))


def answer(guild: Guild, minutes: float, **receipt: str) -> None:
    """Discord answers to everything that waits."""
    for message in waiting(guild):
        settle(guild, message, minutes, **receipt)
        set_sent(guild.tx, message, at(minutes), dict(receipt))


def happen(guild: Guild, kind: type[Event], minutes: float, **fields: Any) -> None:
    """Handle this event, twice."""
    for _time in range(2):
        event = kind(key=str(minutes), guild_id=guild.id, at=at(minutes), **fields)
        cache_of(guild.tx).clear()  # as in its own transaction
        FEATURE.handlers[kind](guild.tx, event)


def test_role_is_granted_once_on_verification(guild: Guild) -> None:
    guild.member(MIA)
    guild.set(shuffle_code="NORA")
    guild.link(MIA, "MiaSpins")
    guild.reconcile(0)
    assert guild.role_changes() == []
    guild.verify(MIA, reported(0, MiaSpins="1"))
    guild.verify(MIA, reported(1, MiaSpins="1"))
    guild.reconcile(2)
    assert guild.role_changes() == ["give 10 to 7"]


def test_unlinking_removes_the_role(guild: Guild) -> None:
    guild.verify_mia()
    guild.unlink(MIA, None, 5)
    guild.reconcile(6)
    assert guild.role_changes() == ["give 10 to 7", "take 10 to 7"]


def test_role_follows_the_kick_account(guild: Guild) -> None:
    viewer_id = guild.verify_mia()
    account: dict[str, Any] = {"platform": "kick", "viewer_id": viewer_id}
    guild.unlink_kick(MIA)
    happen(guild, AccountUnlinked, 5, **account, discord_id=MIA)
    people.add_link(guild.tx, guild.id, LEO, "kick", viewer_id, at(6))
    happen(guild, AccountLinked, 6, **account, discord_id=LEO, name="x")
    guild.reconcile(7)
    assert guild.role_changes() == ["give 10 to 7", "take 10 to 7", "give 10 to 8"]


def test_changed_role_setting_replaces_the_role(guild: Guild, other: Guild) -> None:
    guild.verify_mia()
    guild.set(verified_role=OTHER_ROLE)
    other.reconcile(1)
    assert guild.role_changes() == ["give 10 to 7"]
    guild.reconcile(2)
    guild.set(verified_role=0)
    guild.reconcile(3)
    wanted = ["give 10 to 7", "take 10 to 7", "give 20 to 7", "take 20 to 7"]
    assert guild.role_changes() == wanted


@pytest.mark.parametrize(("skipped", "told_admins"), [("forbidden", 1), ("role", 1), ("member", 0)])
def test_rejected_role_is_retried_after_a_day(guild: Guild, skipped: str, told_admins: int) -> None:
    guild.choose_admin_channel()
    guild.verify_mia()
    answer(guild, 1, skipped=skipped)
    guild.reconcile(2)
    assert len(guild.role_changes()) == 1
    assert len(guild.posted("wagers.role_refused")) == told_admins
    guild.reconcile(2 + 24 * 60)
    assert len(guild.role_changes()) == 2


def test_changed_role_is_retried_immediately(guild: Guild) -> None:
    guild.verify_mia()
    answer(guild, 1, skipped="forbidden")
    happen(guild, RolesChanged, 2)
    assert guild.role_changes() == ["give 10 to 7"] * 2


def test_repeated_verification_retries_immediately(guild: Guild) -> None:
    guild.verify_mia()
    answer(guild, 1, skipped="forbidden")
    guild.verify(MIA, reported(2, MiaSpins="1000"))
    assert guild.role_changes() == ["give 10 to 7", "give 10 to 7"]


def test_late_reply_about_a_removed_role_changes_nothing(guild: Guild) -> None:
    guild.verify_mia()
    (given,) = waiting(guild)
    guild.set(verified_role=OTHER_ROLE)
    guild.reconcile(1)
    settle(guild, given, 2, skipped="role")
    guild.reconcile(3)
    assert guild.role_changes() == ["give 10 to 7", "take 10 to 7", "give 20 to 7"]
