"""The overall health from heartbeats."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.health.records import Heartbeat
from core.health.rules import FRESH, merge, overall, worst_of_each_name
from core.kit.health_item import NOT_USED, STANDING_BY, HealthItem, State

NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)
ORDER: tuple[State, ...] = ("ok", "warn", "down")


def beat(part: str, state: State, reason: str, at: datetime, process: str = "host:1") -> Heartbeat:
    return Heartbeat(process=process, part=part, state=state, reason=reason, at=at)


states: st.SearchStrategy[State] = st.sampled_from(ORDER)
beats = st.builds(
    lambda name, state, age: beat(name, state, f"{state}!", NOW - timedelta(seconds=age)),
    st.sampled_from(["Bot", "Web"]),
    states,
    st.integers(0, 90),
)


@given(told=st.lists(beats))
def test_part_has_the_worst_state_of_live_processes_and_is_down_without_any(
    told: list[Heartbeat],
) -> None:
    found = {part.name: part for part in merge(told, NOW)}
    assert set(found) == {beat.part for beat in told}
    for name, part in found.items():
        mine = [beat for beat in told if beat.part == name]
        alive = [beat for beat in mine if NOW - beat.at <= FRESH]
        worst = max((ORDER.index(beat.state) for beat in alive), default=2)
        assert part.state == ORDER[worst]
        assert part.reason == (f"{ORDER[worst]}!" if alive else "No heartbeat.")
        assert part.age_seconds == min((NOW - beat.at).total_seconds() for beat in mine)


@given(told=st.lists(beats))
def test_order_of_heartbeats_does_not_matter(told: list[Heartbeat]) -> None:
    assert merge(told, NOW) == merge(reversed(told), NOW)


def test_heartbeat_is_fresh_for_exactly_half_a_minute() -> None:
    fresh = beat("Bot", "ok", "Fine.", NOW)
    assert merge([fresh], NOW + FRESH)[0].state == "ok"
    assert merge([fresh], NOW + FRESH + timedelta(seconds=1))[0].state == "down"


@given(st.lists(states))
def test_overall_state_is_the_worst_of_the_parts(told: list[State]) -> None:
    parts = [HealthItem("x", state, "") for state in told]
    wanted = "down" if "down" in told else "degraded" if "warn" in told else "ok"
    assert overall(parts) == wanted


def test_duplicate_parts_are_merged_to_the_worst() -> None:
    told = [
        HealthItem("Feed", "ok", "fine"),
        HealthItem("Feed", "warn", "hm"),
        HealthItem("Bot", "ok", "fine"),
    ]
    assert worst_of_each_name(told) == [
        HealthItem("Feed", "warn", "hm"),
        HealthItem("Bot", "ok", "fine"),
    ]


def test_part_that_is_not_used_any_more_is_not_down() -> None:
    """Killed, and started again with another transport: only the process that ended did it."""
    killed = beat("Twitch's WebSocket", "ok", "1 of 1 connected.", NOW - timedelta(minutes=1))
    running = beat("Twitch's WebSocket", "ok", NOT_USED, NOW)
    assert merge([killed, running], NOW) == []
    assert merge([killed], NOW)[0].state == "down"
    another = beat("Twitch's WebSocket", "warn", "It is not running.", NOW)
    assert merge([running, another], NOW)[0].reason == "It is not running."


def test_problem_that_ended_with_its_process_is_over() -> None:
    for part in ("Task kick.live", "Discord settings", "Settings"):
        trouble = beat(part, "warn", "Kick is away.", NOW - timedelta(minutes=1))
        assert merge([trouble], NOW) == []
        assert merge([trouble], trouble.at)[0].state == "warn"


def test_part_that_every_process_leaves_to_another_is_trouble() -> None:
    by_one = beat("Bot", "ok", STANDING_BY, NOW)
    by_two = beat("Bot", "ok", "Connected.", NOW, "host:2")
    assert [part.state for part in merge([by_one], NOW)] == ["warn"]
    assert [part.reason for part in merge([by_one, by_two], NOW)] == ["Connected."]
    assert [part.state for part in merge([by_one, by_two], NOW, ended=["host:2"])] == ["warn"]
