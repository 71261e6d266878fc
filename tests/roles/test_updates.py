"""Looking at members, asking for changes, and what becomes of them; on a real database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import RolesChanged
from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.outbox.records import messages
from core.outbox.store import set_waiting
from core.roles import actions, handlers, holdings, store, updates
from core.roles.rules import ECHO, Role
from core.roles.settings import CHANNEL, CONGRATULATE, MODE, TAKE_MANUAL
from tests.roles.scene import (
    ADMIN,
    BRONZE,
    LINKED,
    NOON,
    SILVER,
    answer,
    claim,
    link,
    look,
    posted,
    reward,
    seen,
    states,
    unlink,
    waiting,
    watch,
)
from tests.watchtime.model import exclude, include

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def server(tx: Connection, guild_id: int) -> int:
    """Two roles for watching; members 1 to 4 with nothing, enough for one, for both, not linked."""
    reward(tx, guild_id, BRONZE, 60)
    reward(tx, guild_id, SILVER, 600)
    for discord_id, minutes in ((1, 0), (2, 60), (3, 700)):
        link(tx, guild_id, discord_id, minutes)
    return guild_id


def everybody(**held: tuple[int, ...]) -> dict[int, Any]:
    """Members 1 to 4, who hold nothing unless told otherwise: `m2=(BRONZE,)`."""
    return {number: held.get(f"m{number}", ()) for number in (1, 2, 3, 4)}


def test_the_difference_is_asked_for_once(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    wanted = [f"give {BRONZE} to 2", f"give {BRONZE} to 3", f"give {SILVER} to 3"]
    assert waiting(tx, server) == wanted
    look(tx, server, seen(everybody()))
    assert waiting(tx, server) == wanted
    assert answer(tx, server) == wanted
    look(tx, server, seen(everybody()), NOON)  # Discord's word about it has not come yet
    assert waiting(tx, server) == []
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    look(tx, server, seen(held), LATER)
    assert waiting(tx, server) == []
    assert set(states(tx, server).values()) == {"given"}


def test_who_has_it_already_costs_no_call(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody(m2=(BRONZE,), m3=(BRONZE,), m4=(SILVER,))))
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    assert states(tx, server)[2, BRONZE] == "found"
    assert (4, SILVER) not in states(tx, server)


def test_what_was_given_by_hand_is_taken_only_if_the_server_says_so(
    tx: Connection, server: int
) -> None:
    held = everybody(m1=(BRONZE,), m2=(BRONZE,), m3=(BRONZE, SILVER), m4=(SILVER,))
    look(tx, server, seen(held))
    assert waiting(tx, server) == []
    change_setting(tx, server, TAKE_MANUAL, True, ADMIN)
    look(tx, server, seen(held), LATER)
    assert waiting(tx, server) == [f"take {BRONZE} to 1", f"take {SILVER} to 4"]


def test_highest_takes_the_lower_one_after_the_higher_is_given(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server)
    change_setting(tx, server, MODE, "highest", ADMIN)
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    look(tx, server, seen(held), LATER)
    assert answer(tx, server) == [f"take {BRONZE} to 3"]
    viewer = holdings.list_linked(tx, server)
    assert viewer == {1, 2, 3}


def test_unlinking_takes_and_linking_again_gives_back(tx: Connection, server: int) -> None:
    reward(tx, server, LINKED, None)
    look(tx, server, seen(everybody()))
    answer(tx, server)
    unlink(tx, server, 3)
    three = seen(only={3: (LINKED, BRONZE, SILVER)})
    look(tx, server, three, LATER)
    assert answer(tx, server, LATER) == [f"take {r} to 3" for r in (LINKED, BRONZE, SILVER)]
    link(tx, server, 3, 700)
    look(tx, server, seen(only={3: ()}), LATER + ECHO)
    assert waiting(tx, server) == [f"give {r} to 3" for r in (LINKED, BRONZE, SILVER)]


def test_a_look_at_one_leaves_the_others_alone(tx: Connection, server: int) -> None:
    look(tx, server, seen(only={2: ()}))
    assert waiting(tx, server) == [f"give {BRONZE} to 2"]


def test_what_is_out_of_date_before_it_was_sent_is_never_sent(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    unlink(tx, server, 3)
    look(tx, server, seen(everybody()))
    assert waiting(tx, server) == [f"give {BRONZE} to 2"]
    assert states(tx, server)[3, SILVER] == "taken"
    link(tx, server, 3, 700)
    look(tx, server, seen(everybody()), NOON + 2 * ECHO)
    assert waiting(tx, server) == [
        f"give {BRONZE} to 2",
        f"give {BRONZE} to 3",
        f"give {SILVER} to 3",
    ]


def test_what_is_on_its_way_is_undone_behind_it(tx: Connection, server: int) -> None:
    look(tx, server, seen(only={2: ()}))
    (on_its_way,) = claim(tx)
    unlink(tx, server, 2)
    look(tx, server, seen(only={2: ()}))
    assert waiting(tx, server) == [f"take {BRONZE} to 2"]
    updates.settle(tx, on_its_way, {"done": True}, NOON)
    assert states(tx, server)[2, BRONZE] == "taking"  # an older answer does not count


def test_who_left_is_settled_and_served_when_they_return(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server, skipped="member")
    assert set(states(tx, server).values()) == {"away"}
    assert dead_letters(tx) == []
    look(tx, server, seen(only={2: None}), LATER)
    assert waiting(tx, server) == []
    look(tx, server, seen(only={2: ()}), LATER)
    assert waiting(tx, server) == [f"give {BRONZE} to 2"]


def test_who_leaves_and_comes_back_gets_their_roles_back_without_a_word(
    tx: Connection, server: int
) -> None:
    settle_first_look(tx, server)
    look(tx, server, seen(only={2: None}), LATER)
    assert states(tx, server)[2, BRONZE] == "away"
    look(tx, server, seen(only={2: ()}), LATER)
    assert answer(tx, server) == [f"give {BRONZE} to 2"]
    assert posted(tx, server, "roles.reached") == []


def dead_letters(tx: Connection) -> list[str]:
    found = tx.execute(messages.select().where(messages.c.state == "dead"))
    return [row.key for row in found]


# -- roles that cannot be given -----------------------------------------------------------------


def test_a_role_above_the_bot_is_not_asked_for_and_told_once(tx: Connection, server: int) -> None:
    change_setting(tx, server, ADMIN_CHANNEL, 77, ADMIN)
    above = {BRONZE: Role("Bronze", "above")}
    for _time in range(3):
        look(tx, server, seen(everybody(), roles=above))
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    assert [p["obstacle"] for p in posted(tx, server, "roles.stopped")] == ["above"]
    (stuck,) = store.list_stuck(tx)
    assert (stuck.name, stuck.obstacle) == ("Bronze", "above")
    look(tx, server, seen(everybody()))
    assert f"give {BRONZE} to 2" in waiting(tx, server)
    assert store.list_stuck(tx) == []


def test_when_discord_refuses_one_the_others_are_withdrawn(tx: Connection, server: int) -> None:
    change_setting(tx, server, ADMIN_CHANNEL, 77, ADMIN)
    for number in range(100, 150):
        link(tx, server, number, 60)
    held: dict[int, Any] = dict.fromkeys((*range(100, 150), 2, 3), ())
    look(tx, server, seen(held))
    assert len(waiting(tx, server)) == 53
    (first,) = claim(tx)
    updates.settle(tx, first, {"skipped": "forbidden", "error": "50013"}, NOON)
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    assert states(tx, server)[100, BRONZE] == "taken"
    assert len(posted(tx, server, "roles.stopped")) == 1
    # Nothing seems to be in the way, so it is tried again, but not at once.
    look(tx, server, seen(held), NOON + updates.REFUSED_FOR / 2)
    assert len(waiting(tx, server)) == 1
    look(tx, server, seen(held), NOON + updates.REFUSED_FOR)
    assert len(waiting(tx, server)) == 53


def test_a_refused_role_is_tried_again_as_soon_as_something_changes(
    tx: Connection, server: int, other_guild_id: int
) -> None:
    look(tx, server, seen(everybody()))
    (first,) = claim(tx)
    updates.settle(tx, first, {"skipped": "forbidden", "error": "50013"}, NOON)
    withdrawn = waiting(tx, server)
    look(tx, server, seen(everybody()), NOON + timedelta(seconds=1))
    assert waiting(tx, server) == withdrawn
    changed = RolesChanged(key="elsewhere", guild_id=other_guild_id, at=NOON)
    handlers.on_roles_changed(tx, changed)
    look(tx, server, seen(everybody()), NOON + timedelta(seconds=2))
    assert waiting(tx, server) == withdrawn
    handlers.on_roles_changed(tx, replace(changed, guild_id=server))
    look(tx, server, seen(everybody()), NOON + timedelta(seconds=3))
    assert f"give {BRONZE} to 2" in waiting(tx, server)


def test_what_discord_did_unheard_is_ours_though_the_role_was_stuck_meanwhile(
    tx: Connection, server: int
) -> None:
    look(tx, server, seen(only={2: ()}))
    (given,) = claim(tx)
    set_waiting(tx, given, try_at=LATER, error="lost", unsure=True)
    stuck = {BRONZE: Role("Bronze", "above")}
    look(tx, server, seen(everybody(m2=(BRONZE,)), roles=stuck), LATER)
    unlink(tx, server, 2)
    look(tx, server, seen(everybody(m2=(BRONZE,))), LATER + ECHO)
    assert f"take {BRONZE} to 2" in waiting(tx, server)


def test_a_role_deleted_meanwhile_is_settled(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    (first,) = claim(tx)
    updates.settle(tx, first, {"skipped": "role"}, NOON)
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    found = store.find_reward(tx, server, BRONZE)
    assert found is not None
    assert (found.name, found.obstacle) == ("Bronze", "deleted")
    look(tx, server, seen(everybody(), roles={BRONZE: Role("", "deleted")}), LATER)
    again = store.find_reward(tx, server, BRONZE)
    assert again is not None
    assert again.name == "Bronze"
    actions.remove_reward(tx, server, "bronze", ADMIN, LATER, take_back=True)
    assert store.find_reward(tx, server, BRONZE) is None


# -- the word -----------------------------------------------------------------------------------


def settle_first_look(tx: Connection, server: int, way: str = "channel") -> None:
    """Everybody has what they have earned, and congratulations are on."""
    change_setting(tx, server, CONGRATULATE, way, ADMIN)
    change_setting(tx, server, CHANNEL, 55, ADMIN)
    look(tx, server, seen(everybody()))
    answer(tx, server)


@pytest.mark.parametrize("way", ["channel", "dm", "off"])
def test_the_first_bulk_is_quiet_and_later_ones_are_congratulated(
    tx: Connection, server: int, way: str
) -> None:
    settle_first_look(tx, server, way)
    assert posted(tx, server, "roles.reached") == []
    viewer_id = link(tx, server, 4, 10)
    look(tx, server, seen(only={4: ()}), LATER)
    watch(tx, server, viewer_id, 61)
    look(tx, server, seen(only={4: ()}), LATER)
    assert posted(tx, server, "roles.reached") == []  # not before Discord has done it
    answer(tx, server)
    words = posted(tx, server, "roles.reached")
    assert len(words) == (0 if way == "off" else 1)
    if words:
        assert (words[0]["discord_id"], words[0]["role"]) == (4, "Bronze")
        target = (
            tx.execute(messages.select().where(messages.c.kind == "roles.reached")).one().target
        )
        assert (
            target
            == {"channel": {"channel_id": 55}, "dm": {"user_id": 4, "if_possible": True}}[way]
        )


def test_lower_minutes_are_a_bulk_again_and_another_mode_too(tx: Connection, server: int) -> None:
    settle_first_look(tx, server)
    actions.set_minutes(tx, server, "Silver", 50, ADMIN)
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    look(tx, server, seen(held), LATER)
    assert answer(tx, server) == [f"give {SILVER} to 2"]
    change_setting(tx, server, MODE, "highest", ADMIN)
    look(tx, server, seen(everybody(m2=(BRONZE, SILVER), m3=(BRONZE, SILVER))), LATER + ECHO)
    answer(tx, server)
    change_setting(tx, server, MODE, "stack", ADMIN)
    look(tx, server, seen(everybody(m2=(BRONZE,), m3=(BRONZE,))), LATER + 3 * ECHO)
    assert len(answer(tx, server)) == 2
    assert posted(tx, server, "roles.reached") == []


# -- who has just reached something -------------------------------------------------------------


def test_who_falls_below_is_due_and_who_reaches_it_again_too(tx: Connection, server: int) -> None:
    viewer_id = link(tx, server, 5, 60)
    look(tx, server, seen({5: ()}))
    answer(tx, server)
    watch(tx, server, viewer_id, 59)
    assert 5 in updates.list_due(tx, server)
    look(tx, server, seen(only={5: (BRONZE,)}), LATER)
    assert answer(tx, server) == [f"take {BRONZE} to 5"]
    assert 5 not in updates.list_due(tx, server)
    watch(tx, server, viewer_id, 60)
    assert 5 in updates.list_due(tx, server)
    look(tx, server, seen(only={5: ()}), LATER)
    assert answer(tx, server) == [f"give {BRONZE} to 5"]


def test_who_is_excluded_or_forgotten_is_due(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server)
    exclude(tx, server, "viewer2")
    tx.exec_driver_sql("DELETE FROM watchtime_totals WHERE watched > '600 minutes'")
    assert sorted(updates.list_due(tx, server)) == [2, 3]
    look(tx, server, seen(only={2: (BRONZE,), 3: (BRONZE, SILVER)}), LATER)
    assert updates.list_due(tx, server) == []
    include(tx, server, "viewer2")
    assert updates.list_due(tx, server) == []  # the role is still on its way out
    answer(tx, server)
    assert updates.list_due(tx, server) == [2]


def test_who_lost_a_role_and_left_is_not_due_for_ever(tx: Connection, server: int) -> None:
    viewer_id = link(tx, server, 5, 60)
    look(tx, server, seen({5: ()}))
    answer(tx, server)
    watch(tx, server, viewer_id, 0)
    look(tx, server, seen(only={5: (BRONZE,)}), LATER)
    answer(tx, server)
    watch(tx, server, viewer_id, 60)
    look(tx, server, seen(only={5: None}), LATER)
    assert states(tx, server)[5, BRONZE] == "away"
    assert 5 not in updates.list_due(tx, server)


def test_beside_a_higher_role_that_is_stuck_a_lower_one_is_not_due(
    tx: Connection, server: int
) -> None:
    change_setting(tx, server, MODE, "highest", ADMIN)
    look(tx, server, seen(everybody()))
    answer(tx, server)
    stuck = {SILVER: Role("Silver", "above")}
    look(tx, server, seen(everybody(m2=(BRONZE,), m3=(SILVER,)), roles=stuck), LATER)
    assert (waiting(tx, server), updates.list_due(tx, server)) == ([], [])


def test_the_due_are_those_of_whom_nothing_is_known(tx: Connection, server: int) -> None:
    assert sorted(updates.list_due(tx, server)) == [2, 3]
    look(tx, server, seen(everybody()))
    assert updates.list_due(tx, server) == []
    link(tx, server, 9, 61)
    assert updates.list_due(tx, server) == [9]
    look(tx, server, seen(only={9: None}))  # linked, but not in the server
    assert updates.list_due(tx, server) == []


def test_in_the_mode_highest_the_lower_ones_are_not_due(tx: Connection, server: int) -> None:
    change_setting(tx, server, MODE, "highest", ADMIN)
    look(tx, server, seen(everybody()))
    assert waiting(tx, server) == [f"give {BRONZE} to 2", f"give {SILVER} to 3"]
    assert updates.list_due(tx, server) == []


def test_who_is_excluded_or_stuck_or_off_is_not_due(tx: Connection, server: int) -> None:
    tx.exec_driver_sql(
        "INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)"
        " SELECT guild_id, viewer_id, 'everything', 'admin', '', now()"
        " FROM people_links WHERE discord_id = 3"
    )
    assert updates.list_due(tx, server) == [2]
    actions.set_state(tx, server, "Bronze", "off", ADMIN, NOON)
    assert updates.list_due(tx, server) == []
    actions.set_state(tx, server, "Bronze", "on", ADMIN, NOON)
    store.set_reward(tx, server, BRONZE, obstacle="above")
    assert updates.list_due(tx, server) == []


# -- rewards that end ---------------------------------------------------------------------------


def test_a_reward_that_is_switched_off_is_frozen(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    actions.set_state(tx, server, "Bronze", "off", ADMIN, NOON)
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    unlink(tx, server, 3)
    look(tx, server, seen(everybody(m3=(BRONZE,))), LATER)
    assert waiting(tx, server) == []


def test_a_removed_reward_is_taken_back_if_so_wished_and_then_forgotten(
    tx: Connection, server: int
) -> None:
    look(tx, server, seen(everybody(m2=(BRONZE,))))
    answer(tx, server)
    actions.remove_reward(tx, server, "Bronze", ADMIN, NOON, take_back=True)
    held = everybody(m2=(BRONZE,), m3=(BRONZE, SILVER))
    look(tx, server, seen(held), LATER)
    assert store.find_reward(tx, server, BRONZE) is not None
    assert answer(tx, server) == [f"take {BRONZE} to 3"]  # number 2 had it before us
    assert store.find_reward(tx, server, BRONZE) is None


def test_a_reward_that_nobody_got_is_forgotten_by_the_next_look(
    tx: Connection, server: int
) -> None:
    actions.remove_reward(tx, server, "Bronze", ADMIN, NOON, take_back=True)
    look(tx, server, seen(everybody(m2=(BRONZE,), m3=(BRONZE,))))
    assert [r.role_id for r in store.list_rewards(tx, server)] == [SILVER]


def test_a_role_deleted_while_it_is_taken_back_is_forgotten(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server)
    actions.remove_reward(tx, server, "Bronze", ADMIN, NOON, take_back=True)
    look(tx, server, seen(everybody(), roles={BRONZE: Role("", "deleted")}), LATER)
    assert [r.role_id for r in store.list_rewards(tx, server)] == [SILVER]


def test_a_removed_reward_stays_with_those_who_have_it(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    actions.remove_reward(tx, server, "Bronze", ADMIN, NOON, take_back=False)
    assert waiting(tx, server) == [f"give {SILVER} to 3"]
    assert all(role == SILVER for _who, role in states(tx, server))


def test_a_reward_that_comes_back_has_new_numbers(tx: Connection, server: int) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server)
    actions.remove_reward(tx, server, "Bronze", ADMIN, NOON, take_back=False)
    reward(tx, server, BRONZE, 60)
    look(tx, server, seen(everybody(m3=(SILVER,))), LATER)
    assert waiting(tx, server) == [f"give {BRONZE} to 2", f"give {BRONZE} to 3"]


# -- other servers, other times -----------------------------------------------------------------


def test_servers_know_nothing_of_each_other(
    tx: Connection, server: int, other_guild_id: int
) -> None:
    reward(tx, other_guild_id, BRONZE, 60)
    link(tx, other_guild_id, 2, 0)
    look(tx, server, seen(everybody()))
    look(tx, other_guild_id, seen(everybody()))
    assert waiting(tx, other_guild_id) == []
    assert states(tx, other_guild_id) == {}
    actions.remove_reward(tx, other_guild_id, "Bronze", ADMIN, NOON, take_back=True)
    assert len(waiting(tx, server)) == 3
    assert store.list_rewards(tx, other_guild_id)[0].state == "ending"
    assert [r.state for r in store.list_rewards(tx, server)] == ["on", "on"]


def test_the_preview_changes_nothing(tx: Connection, server: int) -> None:
    plan = updates.preview(
        tx, server, seen(everybody(), roles={SILVER: Role("Silver", "above")}), NOON
    )
    assert [(s.to, s.role_id, s.discord_id) for s in plan.steps] == [
        ("giving", BRONZE, 2),
        ("giving", BRONZE, 3),
    ]
    assert (waiting(tx, server), states(tx, server)) == ([], {})


def test_the_preview_leaves_out_what_discord_refused_a_moment_ago(
    tx: Connection, server: int
) -> None:
    look(tx, server, seen(everybody()))
    (first,) = claim(tx)
    updates.settle(tx, first, {"skipped": "forbidden", "error": "50013"}, NOON)
    soon = NOON + updates.REFUSED_FOR / 2
    asked = updates.preview(tx, server, seen(everybody()), soon).steps
    assert [step for step in asked if step.role_id == BRONZE] == []


def test_who_is_forgotten_loses_what_we_gave_and_no_row_is_left(
    tx: Connection, server: int
) -> None:
    look(tx, server, seen(everybody()))
    answer(tx, server)
    actions.forget_member(tx, server, 3)
    assert waiting(tx, server) == [f"take {BRONZE} to 3", f"take {SILVER} to 3"]
    assert {who for who, _role in states(tx, server)} == {2}
    answer(tx, server)
    assert {who for who, _role in states(tx, server)} == {2}
