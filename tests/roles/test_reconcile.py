"""Checking members, posting changes, and their results; on a real database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import RolesChanged
from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.personal import Subject
from core.outbox.records import messages
from core.outbox.store import set_waiting
from core.people.names import set_hidden
from core.roles import actions, reconcile, store
from core.roles.feature import FEATURE
from core.roles.rules import ECHO, Role
from tests.acting import act
from tests.roles.scene import BRONZE, LINKED, NOON, SILVER, Guild, claim, seen, settle
from tests.watchtime.model import exclude, include

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    """Two roles for watching; members 1 to 4 with nothing, enough for one, for both, not linked."""
    guild = Guild(tx, guild_id)
    guild.add(BRONZE, 60)
    guild.add(SILVER, 600)
    for discord_id, minutes in ((1, 0), (2, 60), (3, 700)):
        guild.link(discord_id, minutes)
    return guild


def everybody(**held: tuple[int, ...]) -> dict[int, Any]:
    """Members 1 to 4, who hold nothing by default: `m2=(BRONZE,)`."""
    return {number: held.get(f"m{number}", ()) for number in (1, 2, 3, 4)}


def test_each_change_is_requested_once(guild: Guild) -> None:
    guild.check(seen(everybody()))
    wanted = [f"give {BRONZE} to 2", f"give {BRONZE} to 3", f"give {SILVER} to 3"]
    assert guild.waiting() == wanted
    guild.check(seen(everybody()))
    assert guild.waiting() == wanted
    assert guild.answer() == wanted
    guild.check(seen(everybody()), NOON)  # Discord's word about it has not come yet
    assert guild.waiting() == []
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    guild.check(seen(held), LATER)
    assert guild.waiting() == []
    assert set(guild.states().values()) == {"given"}


def test_existing_role_needs_no_request(guild: Guild) -> None:
    guild.check(seen(everybody(m2=(BRONZE,), m3=(BRONZE,), m4=(SILVER,))))
    assert guild.waiting() == [f"give {SILVER} to 3"]
    assert guild.states()[2, BRONZE] == "found"
    assert (4, SILVER) not in guild.states()


def test_manual_role_is_removed_only_if_configured(guild: Guild) -> None:
    held = everybody(m1=(BRONZE,), m2=(BRONZE,), m3=(BRONZE, SILVER), m4=(SILVER,))
    guild.check(seen(held))
    assert guild.waiting() == []
    guild.set(take_manual=True)
    guild.check(seen(held), LATER)
    assert guild.waiting() == [f"take {BRONZE} to 1", f"take {SILVER} to 4"]


def test_highest_mode_removes_the_lower_role_after_granting_the_higher(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer()
    guild.set(mode="highest")
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    guild.check(seen(held), LATER)
    assert guild.answer() == [f"take {BRONZE} to 3"]
    viewer = guild.do(store.list_linked)
    assert viewer == {1, 2, 3}


def test_unlinking_removes_roles_and_relinking_restores_them(guild: Guild) -> None:
    guild.add(LINKED, None)
    guild.check(seen(everybody()))
    guild.answer()
    guild.unlink(3)
    three = seen(only={3: (LINKED, BRONZE, SILVER)})
    guild.check(three, LATER)
    assert guild.answer(LATER) == [f"take {r} to 3" for r in (LINKED, BRONZE, SILVER)]
    guild.link(3, 700)
    guild.check(seen(only={3: ()}), LATER + ECHO)
    assert guild.waiting() == [f"give {r} to 3" for r in (LINKED, BRONZE, SILVER)]


def test_check_of_one_member_does_not_affect_others(guild: Guild) -> None:
    guild.check(seen(only={2: ()}))
    assert guild.waiting() == [f"give {BRONZE} to 2"]


def test_outdated_request_is_withdrawn(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.unlink(3)
    guild.check(seen(everybody()))
    assert guild.waiting() == [f"give {BRONZE} to 2"]
    assert guild.states()[3, SILVER] == "taken"
    guild.link(3, 700)
    guild.check(seen(everybody()), NOON + 2 * ECHO)
    assert guild.waiting() == [
        f"give {BRONZE} to 2",
        f"give {BRONZE} to 3",
        f"give {SILVER} to 3",
    ]


def test_request_in_progress_is_reversed_afterwards(guild: Guild) -> None:
    guild.check(seen(only={2: ()}))
    (on_its_way,) = claim(guild.tx)
    guild.unlink(2)
    guild.check(seen(only={2: ()}))
    assert guild.waiting() == [f"take {BRONZE} to 2"]
    settle(guild.tx, on_its_way)
    assert guild.states()[2, BRONZE] == "taking"  # an older answer does not count


def test_former_member_is_skipped_and_checked_on_return(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer(skipped="member")
    assert set(guild.states().values()) == {"away"}
    assert dead_letters(guild.tx) == []
    guild.check(seen(only={2: None}), LATER)
    assert guild.waiting() == []
    guild.check(seen(only={2: ()}), LATER)
    assert guild.waiting() == [f"give {BRONZE} to 2"]


def test_returning_member_gets_roles_without_congratulation(guild: Guild) -> None:
    settle_first_check(guild)
    guild.check(seen(only={2: None}), LATER)
    assert guild.states()[2, BRONZE] == "away"
    guild.check(seen(only={2: ()}), LATER)
    assert guild.answer() == [f"give {BRONZE} to 2"]
    assert guild.posted("roles.reached") == []


def dead_letters(tx: Connection) -> list[str]:
    found = tx.execute(messages.select().where(messages.c.state == "dead"))
    return [row.key for row in found]


# -- roles that cannot be given -----------------------------------------------------------------


def test_role_above_the_bot_is_not_requested_and_reported_once(guild: Guild) -> None:
    guild.do(change_setting, ADMIN_CHANNEL, 77)
    above = {BRONZE: Role("Bronze", "above")}
    for _time in range(3):
        guild.check(seen(everybody(), roles=above))
    assert guild.waiting() == [f"give {SILVER} to 3"]
    assert [p["obstacle"] for p in guild.posted("roles.stopped")] == ["above"]
    (stuck,) = store.list_stuck(guild.tx)
    assert (stuck.name, stuck.obstacle) == ("Bronze", "above")
    guild.check(seen(everybody()))
    assert f"give {BRONZE} to 2" in guild.waiting()
    assert store.list_stuck(guild.tx) == []


def test_discord_rejection_withdraws_other_requests_for_the_role(guild: Guild) -> None:
    guild.do(change_setting, ADMIN_CHANNEL, 77)
    for number in range(100, 150):
        guild.link(number, 60)
    held: dict[int, Any] = dict.fromkeys((*range(100, 150), 2, 3), ())
    guild.check(seen(held))
    assert len(guild.waiting()) == 53
    (first,) = claim(guild.tx)
    settle(guild.tx, first, skipped="forbidden", error="50013")
    assert guild.waiting() == [f"give {SILVER} to 3"]
    assert guild.states()[100, BRONZE] == "taken"
    assert len(guild.posted("roles.stopped")) == 1
    # Nothing seems to be in the way, so it is tried again, but not at once.
    guild.check(seen(held), NOON + reconcile.RETRY_AFTER / 2)
    assert len(guild.waiting()) == 1
    guild.check(seen(held), NOON + reconcile.RETRY_AFTER)
    assert len(guild.waiting()) == 53


def test_rejected_role_is_retried_when_something_changes(guild: Guild, other: Guild) -> None:
    guild.check(seen(everybody()))
    (first,) = claim(guild.tx)
    settle(guild.tx, first, skipped="forbidden", error="50013")
    withdrawn = guild.waiting()
    guild.check(seen(everybody()), NOON + timedelta(seconds=1))
    assert guild.waiting() == withdrawn
    changed = RolesChanged(key="elsewhere", guild_id=other.id, at=NOON)
    FEATURE.handlers[RolesChanged](guild.tx, changed)
    guild.check(seen(everybody()), NOON + timedelta(seconds=2))
    assert guild.waiting() == withdrawn
    FEATURE.handlers[RolesChanged](guild.tx, replace(changed, guild_id=guild.id))
    guild.check(seen(everybody()), NOON + timedelta(seconds=3))
    assert f"give {BRONZE} to 2" in guild.waiting()


def test_unconfirmed_grant_counts_as_ours_after_the_role_was_stuck(guild: Guild) -> None:
    guild.check(seen(only={2: ()}))
    (given,) = claim(guild.tx)
    set_waiting(guild.tx, given, try_at=LATER, error="lost", unsure=True)
    stuck = {BRONZE: Role("Bronze", "above")}
    guild.check(seen(everybody(m2=(BRONZE,)), roles=stuck), LATER)
    guild.unlink(2)
    guild.check(seen(everybody(m2=(BRONZE,))), LATER + ECHO)
    assert f"take {BRONZE} to 2" in guild.waiting()


def test_role_deleted_meanwhile_is_reported_and_can_be_removed(guild: Guild) -> None:
    guild.check(seen(everybody()))
    (first,) = claim(guild.tx)
    settle(guild.tx, first, skipped="role")
    assert guild.waiting() == [f"give {SILVER} to 3"]
    found = guild.find(BRONZE)
    assert found is not None
    assert (found.name, found.obstacle) == ("Bronze", "deleted")
    guild.check(seen(everybody(), roles={BRONZE: Role("", "deleted")}), LATER)
    again = guild.find(BRONZE)
    assert again is not None
    assert again.name == "Bronze"
    guild.do(actions.remove_reward, "bronze", take_back=True)
    assert guild.find(BRONZE) is None


# -- the word -----------------------------------------------------------------------------------


def settle_first_check(guild: Guild, way: str = "channel") -> None:
    """Everybody has what they have earned, and congratulations are on."""
    guild.set(congratulate=way, channel=55)
    guild.check(seen(everybody()))
    guild.answer()


@pytest.mark.parametrize("way", ["channel", "dm", "off"])
def test_first_batch_is_quiet_and_later_grants_are_congratulated(guild: Guild, way: str) -> None:
    settle_first_check(guild, way)
    assert guild.posted("roles.reached") == []
    viewer_id = guild.link(4, 10)
    guild.check(seen(only={4: ()}), LATER)
    guild.watch(viewer_id, 61)
    guild.check(seen(only={4: ()}), LATER)
    assert guild.posted("roles.reached") == []  # not before Discord has done it
    guild.answer()
    words = guild.posted("roles.reached")
    assert len(words) == (0 if way == "off" else 1)
    if words:
        assert (words[0]["discord_id"], words[0]["role"]) == (4, "Bronze")
        sent = guild.tx.execute(messages.select().where(messages.c.kind == "roles.reached")).one()
        where = {"channel": {"channel_id": 55}, "dm": {"user_id": 4, "if_possible": True}}
        assert sent.target == where[way]


def test_hidden_members_are_congratulated_in_a_direct_message(guild: Guild) -> None:
    settle_first_check(guild)
    viewer_id = guild.link(4, 10)
    guild.watch(viewer_id, 61)
    act(guild.tx, guild.id, set_hidden, True, actor=4)
    guild.check(seen(only={4: ()}), LATER)
    guild.answer()
    sent = guild.tx.execute(messages.select().where(messages.c.kind == "roles.reached")).one()
    assert (sent.target["user_id"], sent.payload["way"]) == (4, "dm")


def test_changed_minutes_or_mode_start_a_quiet_batch(guild: Guild) -> None:
    settle_first_check(guild)
    guild.do(actions.set_minutes, "Silver", 50)
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    guild.check(seen(held), LATER)
    assert guild.answer() == [f"give {SILVER} to 2"]
    guild.set(mode="highest")
    guild.check(seen(everybody(m2=(BRONZE, SILVER), m3=(BRONZE, SILVER))), LATER + ECHO)
    guild.answer()
    guild.set(mode="stack")
    guild.check(seen(everybody(m2=(BRONZE,), m3=(BRONZE,))), LATER + 3 * ECHO)
    assert len(guild.answer()) == 2
    assert guild.posted("roles.reached") == []


# -- who has just reached something -------------------------------------------------------------


def test_members_crossing_the_threshold_are_due(guild: Guild) -> None:
    viewer_id = guild.link(5, 60)
    guild.check(seen({5: ()}))
    guild.answer()
    guild.watch(viewer_id, 59)
    assert 5 in guild.due()
    guild.check(seen(only={5: (BRONZE,)}), LATER)
    assert guild.answer() == [f"take {BRONZE} to 5"]
    assert 5 not in guild.due()
    guild.watch(viewer_id, 60)
    assert 5 in guild.due()
    guild.check(seen(only={5: ()}), LATER)
    assert guild.answer() == [f"give {BRONZE} to 5"]


def test_excluded_and_forgotten_viewers_are_due(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer()
    exclude(guild.tx, guild.id, "viewer2")
    guild.tx.exec_driver_sql("DELETE FROM watchtime_totals WHERE watched > '600 minutes'")
    assert sorted(guild.due()) == [2, 3]
    guild.check(seen(only={2: (BRONZE,), 3: (BRONZE, SILVER)}), LATER)
    assert guild.due() == []
    include(guild.tx, guild.id, "viewer2")
    assert guild.due() == []  # the role is still on its way out
    guild.answer()
    assert guild.due() == [2]


def test_former_member_without_role_is_not_due(guild: Guild) -> None:
    viewer_id = guild.link(5, 60)
    guild.check(seen({5: ()}))
    guild.answer()
    guild.watch(viewer_id, 0)
    guild.check(seen(only={5: (BRONZE,)}), LATER)
    guild.answer()
    guild.watch(viewer_id, 60)
    guild.check(seen(only={5: None}), LATER)
    assert guild.states()[5, BRONZE] == "away"
    assert 5 not in guild.due()


def test_lower_role_is_not_due_beside_a_stuck_higher_one(guild: Guild) -> None:
    guild.set(mode="highest")
    guild.check(seen(everybody()))
    guild.answer()
    stuck = {SILVER: Role("Silver", "above")}
    guild.check(seen(everybody(m2=(BRONZE,), m3=(SILVER,)), roles=stuck), LATER)
    assert (guild.waiting(), guild.due()) == ([], [])


def test_unchecked_members_are_due(guild: Guild) -> None:
    assert sorted(guild.due()) == [2, 3]
    guild.check(seen(everybody()))
    assert guild.due() == []
    guild.link(9, 61)
    assert guild.due() == [9]
    guild.check(seen(only={9: None}))  # linked, but not in the server
    assert guild.due() == []


def test_lower_roles_are_not_due_in_highest_mode(guild: Guild) -> None:
    guild.set(mode="highest")
    guild.check(seen(everybody()))
    assert guild.waiting() == [f"give {BRONZE} to 2", f"give {SILVER} to 3"]
    assert guild.due() == []


def test_excluded_stuck_and_disabled_are_not_due(guild: Guild) -> None:
    guild.tx.exec_driver_sql(
        "INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)"
        " SELECT guild_id, viewer_id, 'everything', 'admin', '', now()"
        " FROM people_links WHERE discord_id = 3"
    )
    assert guild.due() == [2]
    guild.do(actions.set_state, "Bronze", "off")
    assert guild.due() == []
    guild.do(actions.set_state, "Bronze", "on")
    guild.change(BRONZE, obstacle="above")
    assert guild.due() == []


# -- rewards that end ---------------------------------------------------------------------------


def test_disabled_reward_is_frozen(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.do(actions.set_state, "Bronze", "off")
    assert guild.waiting() == [f"give {SILVER} to 3"]
    guild.unlink(3)
    guild.check(seen(everybody(m3=(BRONZE,))), LATER)
    assert guild.waiting() == []


def test_removed_reward_is_taken_back_and_then_deleted(guild: Guild) -> None:
    guild.check(seen(everybody(m2=(BRONZE,))))
    guild.answer()
    guild.do(actions.remove_reward, "Bronze", take_back=True)
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    guild.check(seen(held), LATER)
    assert guild.find(BRONZE) is not None
    assert guild.answer() == [f"take {BRONZE} to 3"]  # number 2 had it before us
    assert guild.find(BRONZE) is None


def test_ungranted_removed_reward_is_deleted_at_the_next_check(guild: Guild) -> None:
    guild.do(actions.remove_reward, "Bronze", take_back=True)
    guild.check(seen(everybody(m2=(BRONZE,), m3=(BRONZE,))))
    assert [r.role_id for r in guild.rewards()] == [SILVER]


def test_role_deleted_while_being_taken_back_is_forgotten(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer()
    guild.do(actions.remove_reward, "Bronze", take_back=True)
    guild.check(seen(everybody(), roles={BRONZE: Role("", "deleted")}), LATER)
    assert [r.role_id for r in guild.rewards()] == [SILVER]


def test_removed_reward_can_stay_with_its_members(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.do(actions.remove_reward, "Bronze", take_back=False)
    assert guild.waiting() == [f"give {SILVER} to 3"]
    assert all(role == SILVER for _who, role in guild.states())


def test_reward_added_again_is_granted_again(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer()
    guild.do(actions.remove_reward, "Bronze", take_back=False)
    guild.add(BRONZE, 60)
    guild.check(seen(everybody(m3=(SILVER,))), LATER)
    assert guild.waiting() == [f"give {BRONZE} to 2", f"give {BRONZE} to 3"]


# -- other servers, other times -----------------------------------------------------------------


def test_rewards_are_isolated_per_server(guild: Guild, other: Guild) -> None:
    other.add(BRONZE, 60)
    other.link(2, 0)
    guild.check(seen(everybody()))
    other.check(seen(everybody()))
    assert other.waiting() == []
    assert other.states() == {}
    other.do(actions.remove_reward, "Bronze", take_back=True)
    assert len(guild.waiting()) == 3
    assert other.rewards()[0].state == "ending"
    assert [r.state for r in guild.rewards()] == ["on", "on"]


def test_preview_changes_nothing(guild: Guild) -> None:
    found = seen(everybody(), roles={SILVER: Role("Silver", "above")})
    plan = guild.do(reconcile.preview, found)
    assert [(s.to, s.role_id, s.discord_id) for s in plan.steps] == [
        ("giving", BRONZE, 2),
        ("giving", BRONZE, 3),
    ]
    assert (guild.waiting(), guild.states()) == ([], {})


def test_preview_omits_recently_rejected_roles(guild: Guild) -> None:
    guild.check(seen(everybody()))
    (first,) = claim(guild.tx)
    settle(guild.tx, first, skipped="forbidden", error="50013")
    soon = NOON + reconcile.RETRY_AFTER / 2
    asked = guild.do_at(soon, reconcile.preview, seen(everybody())).steps
    assert [step for step in asked if step.role_id == BRONZE] == []


def test_forgotten_member_loses_granted_roles_and_rows(guild: Guild) -> None:
    guild.check(seen(everybody()))
    guild.answer()
    assert FEATURE.personal is not None
    FEATURE.personal.forget(guild.tx, Subject(guild.id, 3, NOON))
    assert guild.waiting() == [f"take {BRONZE} to 3", f"take {SILVER} to 3"]
    assert {who for who, _role in guild.states()} == {2}
    guild.answer()
    assert {who for who, _role in guild.states()} == {2}
