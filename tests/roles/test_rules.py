"""Which roles members should have: examples, and a comparison with a naive model."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.database.records import MemberId
from core.kit.discord.ui import ago
from core.roles import rules
from core.roles.messages import _holder
from core.roles.rules import ECHO, Grant, Member, Policy, Reward, RewardState, State, Step
from core.roles.store import Holder

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
LINKED, BRONZE, SILVER, GOLD = 1, 10, 20, 30
REWARDS = (Reward(LINKED, None), Reward(BRONZE, 60), Reward(SILVER, 600), Reward(GOLD, 6000))
STACK, HIGHEST = Policy(REWARDS), Policy(REWARDS, "highest")


def member(
    minutes: float | None,
    held: tuple[int, ...] | None = (),
    *,
    linked: bool = True,
    **grants: State,
) -> Member:
    """A member; grants are given as `r10="given"`."""
    return Member(
        7,
        None if held is None else frozenset(held),
        linked,
        None if minutes is None else timedelta(minutes=minutes),
        {int(role[1:]): Grant(state, LONG_AGO, 1) for role, state in grants.items()},
    )


def asked(policy: Policy, who: Member) -> list[str]:
    """The requested changes, such as `+10 -20`, in order."""
    signs = {"giving": "+", "taking": "-"}
    return [f"{signs[s.to]}{s.role_id}" for s in rules.steps(policy, who, NOW) if s.asks]


def silent(policy: Policy, who: Member) -> dict[int, State]:
    return {s.role_id: s.to for s in rules.steps(policy, who, NOW) if not s.asks}


# -- what is earned -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "stack", "highest"),
    [
        (0, {LINKED}, {LINKED}),
        (59.999, {LINKED}, {LINKED}),
        (60, {LINKED, BRONZE}, {LINKED, BRONZE}),
        (600, {LINKED, BRONZE, SILVER}, {LINKED, SILVER}),
        (90_000, {LINKED, BRONZE, SILVER, GOLD}, {LINKED, GOLD}),
        (None, {LINKED}, {LINKED}),
    ],
)
def test_earned_roles_depend_on_minutes_and_mode(
    minutes: float | None, stack: set[int], highest: set[int]
) -> None:
    assert rules.earned(STACK, member(minutes)) == stack
    assert rules.earned(HIGHEST, member(minutes)) == highest


def test_two_roles_for_the_same_minutes_are_both_earned() -> None:
    policy = Policy((Reward(BRONZE, 60), Reward(SILVER, 60)), "highest")
    assert rules.earned(policy, member(60)) == {BRONZE, SILVER}


def test_disabled_higher_role_does_not_block_a_lower_one() -> None:
    policy = Policy((Reward(BRONZE, 60), Reward(GOLD, 600, "off")), "highest")
    assert rules.earned(policy, member(700)) == {BRONZE}


def test_stuck_higher_role_does_not_remove_a_lower_one() -> None:
    policy = replace(HIGHEST, stuck=frozenset({SILVER}))
    assert asked(policy, member(700, (LINKED, BRONZE), r1="given", r10="given")) == []
    with_both = member(700, (LINKED, BRONZE, SILVER), r1="given", r10="given", r20="given")
    assert asked(policy, with_both) == ["-10"]


# -- what changes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "who", "wanted"),
    [
        (STACK, member(700), ["+1", "+10", "+20"]),
        (HIGHEST, member(700, (LINKED, BRONZE), r1="given", r10="given"), ["+20", "-10"]),
        (STACK, member(700, (LINKED, BRONZE, SILVER), r1="given", r10="given", r20="given"), []),
        # Below the threshold: roles given by the bot are removed, roles given by hand are not.
        (STACK, member(10, (LINKED, BRONZE), r1="given", r10="given"), ["-10"]),
        (STACK, member(10, (LINKED, BRONZE), r1="given"), []),
        (STACK, member(10, (LINKED, BRONZE), r1="given", r10="found"), []),
        (STACK, member(10, (LINKED, BRONZE), r1="given", r10="taken"), []),
        (replace(STACK, take_manual=True), member(10, (LINKED, BRONZE), r1="given"), ["-10"]),
        # Unlinked: the account's minutes no longer count.
        (
            STACK,
            member(None, (LINKED, BRONZE), linked=False, r1="given", r10="given"),
            ["-1", "-10"],
        ),
        # Excluded, but linked.
        (STACK, member(None, (LINKED, BRONZE), r1="given", r10="given"), ["-10"]),
        # Removed by hand: earned roles are added again.
        (STACK, member(70, (LINKED,), r1="given", r10="given"), ["+10"]),
        # Not in the server, or just back.
        (STACK, member(700, None, r10="given"), []),
        (STACK, member(70, (), r1="away", r10="away"), ["+1", "+10"]),
        # Pending changes count as done.
        (STACK, member(70, (), r1="giving", r10="giving"), []),
        (STACK, member(10, (LINKED, BRONZE), r1="given", r10="taking"), []),
        # Outdated pending changes are reversed.
        (STACK, member(10, (), linked=False, r1="giving", r10="giving"), ["-1", "-10"]),
        (STACK, member(70, (LINKED, BRONZE), r1="given", r10="taking"), ["+10"]),
    ],
)
def test_steps_give_and_take_the_expected_roles(
    policy: Policy, who: Member, wanted: list[str]
) -> None:
    assert asked(policy, who) == wanted


def test_existing_roles_are_recorded_as_found() -> None:
    assert silent(STACK, member(70, (LINKED, BRONZE))) == {LINKED: "found", BRONZE: "found"}
    assert silent(STACK, member(10, (LINKED,), r1="found", r10="found")) == {BRONZE: "taken"}


def test_former_member_holds_nothing() -> None:
    gone = member(70, None, r1="given", r10="found")
    assert silent(STACK, gone) == {LINKED: "away", BRONZE: "away"}
    assert silent(STACK, member(70, None)) == {LINKED: "away", BRONZE: "away"}
    assert silent(STACK, member(70, None, r1="giving", r10="taking")) == {}


@pytest.mark.parametrize(("state", "held"), [("given", ()), ("taken", (BRONZE,))])
def test_recent_change_is_not_repeated_while_discord_lags(
    state: State, held: tuple[int, ...]
) -> None:
    """A recent change is not repeated while its gateway event is late."""
    policy = Policy((Reward(BRONZE, 60),))
    who = member(70 if state == "given" else 10, held)
    fresh = replace(who, grants={BRONZE: Grant(state, NOW - ECHO / 2, 5)})
    stale = replace(who, grants={BRONZE: Grant(state, NOW - ECHO, 5)})
    assert asked(policy, fresh) == []
    assert (asked(policy, stale) != []) is (state == "given")


@pytest.mark.parametrize(
    ("reward", "who", "why"),
    [
        (Reward(BRONZE, 60, "ending"), member(70), "ended"),
        (Reward(BRONZE, 60), member(None, linked=False), "unlinked"),
        (Reward(BRONZE, 60), member(None), "uncounted"),
        (Reward(BRONZE, 60), member(70), "higher"),
        (Reward(BRONZE, 60), member(10), "below"),
    ],
)
def test_why_not_names_the_reason(reward: Reward, who: Member, why: str) -> None:
    assert rules.why_not(reward, who) == why


# -- any order of things ------------------------------------------------------------------------

REWARD_STATES: st.SearchStrategy[RewardState] = st.sampled_from(["on", "off", "ending"])
GRANTS = st.builds(
    Grant,
    st.sampled_from(["giving", "given", "taking", "taken", "found", "away"]),
    st.sampled_from([NOW, NOW - ECHO / 2, NOW - ECHO, LONG_AGO]),
    st.just(1),
)
ROLES = st.sampled_from([LINKED, BRONZE, SILVER, GOLD])
MINUTES = st.none() | st.sampled_from([0, 59, 60, 599, 600, 601, 6000])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    rewards = tuple(replace(r, state=draw(REWARD_STATES)) for r in REWARDS if draw(st.booleans()))
    return Policy(
        rewards,
        draw(st.sampled_from(["stack", "highest"])),
        frozenset(draw(st.sets(ROLES, max_size=2))),
        draw(st.booleans()),
    )


@st.composite
def members(draw: st.DrawFn) -> Member:
    linked = draw(st.booleans())
    minutes = draw(MINUTES) if linked else None
    return Member(
        7,
        draw(st.none() | st.frozensets(ROLES)),
        linked,
        None if minutes is None else timedelta(minutes=minutes),
        draw(st.dictionaries(ROLES, GRANTS)),
    )


def applied(who: Member, steps: list[Step]) -> Member:
    """The member after the steps are stored but before Discord confirms them."""
    new = {s.role_id: Grant(s.to, NOW, 2) for s in steps}
    return replace(who, grants={**who.grants, **new})


def answered(who: Member) -> Member:
    """The member after Discord has applied and confirmed every pending change."""
    held, grants = set(who.held or ()), dict(who.grants)
    for role_id, grant in who.grants.items():
        if grant.state == "giving":
            held.add(role_id)
            grants[role_id] = Grant("given", LONG_AGO, grant.number)
        elif grant.state == "taking":
            held.discard(role_id)
            grants[role_id] = Grant("taken", LONG_AGO, grant.number)
        else:
            grants[role_id] = replace(grant, at=LONG_AGO)
    return replace(who, held=frozenset(held), grants=grants)


@given(policies(), members())
def test_deciding_twice_changes_nothing(policy: Policy, who: Member) -> None:
    once = applied(who, list(rules.steps(policy, who, NOW)))
    assert list(rules.steps(policy, once, NOW)) == []


@given(policies(), members())
def test_no_steps_remain_after_discord_replies(policy: Policy, who: Member) -> None:
    if who.held is None:
        return
    calm = answered(who)
    done = answered(applied(calm, list(rules.steps(policy, calm, NOW))))
    assert asked(policy, done) == []


@given(policies(), members())
def test_steps_match_the_slow_model(policy: Policy, who: Member) -> None:
    """With nothing pending, exactly the earned roles are added, and of the others only those given
    by the bot are removed.
    """
    if who.held is None:
        return
    calm = answered(who)
    assert calm.held is not None
    touchable = {
        r.role_id for r in policy.rewards if r.state != "off" and r.role_id not in policy.stuck
    }
    steps = list(rules.steps(policy, calm, NOW))
    earned = rules.earned(policy, calm)
    assert {s.role_id for s in steps if s.to == "giving"} == (earned - calm.held) & touchable
    ours = {role for role, grant in calm.grants.items() if grant.state == "given"}
    takable = calm.held if policy.take_manual else calm.held & ours
    assert {s.role_id for s in steps if s.to == "taking"} == (takable - earned) & touchable


@given(policies(), members())
def test_roles_we_did_not_grant_are_never_taken(policy: Policy, who: Member) -> None:
    shy = replace(policy, take_manual=False)
    for step in rules.steps(shy, who, NOW):
        if step.to == "taking":
            assert who.grants[step.role_id].state in ("giving", "given")


@given(policies(), members())
def test_disabled_and_stuck_roles_are_untouched(policy: Policy, who: Member) -> None:
    touched = {step.role_id for step in rules.steps(policy, who, NOW)}
    off = {r.role_id for r in policy.rewards if r.state == "off"}
    assert not touched & (off | policy.stuck)


@given(st.lists(st.sampled_from([0, 59, 60, 599, 600, 601, 5999, 6000])), st.booleans())
def test_final_roles_do_not_depend_on_the_number_of_checks(
    minutes: list[int], highest: bool
) -> None:
    """The final roles are the same however often a member is checked in between."""
    policy = HIGHEST if highest else STACK
    often = member(0)
    for watched in minutes:
        often = replace(often, watched=timedelta(minutes=watched))
        often = answered(applied(often, list(rules.steps(policy, often, NOW))))
    if minutes:
        assert often.held == rules.earned(policy, often)


# -- the word -----------------------------------------------------------------------------------


def loud(who: Mapping[int, Member], steps: list[Step]) -> set[int]:
    assert rules.find_news(steps, who, STACK, quiet={LINKED, BRONZE, SILVER, GOLD}) == set()
    return {s.role_id for s in rules.find_news(steps, who, STACK, quiet=())}


def test_highest_of_several_roles_is_congratulated() -> None:
    who = member(700)
    assert loud({7: who}, list(rules.steps(STACK, who, NOW))) == {SILVER}


def test_linked_role_is_not_congratulated() -> None:
    who = member(0)
    assert loud({7: who}, list(rules.steps(STACK, who, NOW))) == set()


@pytest.mark.parametrize("state", ["given", "taken", "away", "found"])
def test_returning_role_is_not_congratulated(state: State) -> None:
    who = member(70, (LINKED,), r1="given", r10=state)
    assert loud({7: who}, list(rules.steps(STACK, who, NOW))) == set()


def test_joining_with_an_earned_role_is_congratulated() -> None:
    who = replace(member(70), grants={BRONZE: Grant("away", LONG_AGO, 0)})
    assert loud({7: who}, list(rules.steps(STACK, who, NOW))) == {BRONZE}


# -- obstacles ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "wanted"), [(0, 60), (59.9, 60), (60, 600), (700, 6000), (6000, None)]
)
def test_next_minutes_returns_the_nearest_goal(minutes: float, wanted: int | None) -> None:
    assert rules.next_minutes([6000, 60, 600], timedelta(minutes=minutes)) == wanted


@pytest.mark.parametrize(
    ("state", "at", "line"),
    [
        ("given", NOW, f"<@7> · assigned by the bot · {ago(NOW)}"),
        ("giving", NOW, "<@7> · being assigned"),
        ("taking", NOW, "<@7> · being removed"),
        ("found", NOW, "<@7> · assigned manually"),
        ("found", None, "<@7> · assigned manually"),
    ],
)
def test_member_list_says_who_assigned_a_role_and_when(
    state: State, at: datetime | None, line: str
) -> None:
    assert _holder(Holder(MemberId(7), state, at)) == line
