"""Actions on rewards not covered by the command tests."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.events import AccountLinked, AccountUnlinked
from core.guilds.records import AuditEntry
from core.kit.database.connection import Database
from core.kit.database.personal import Account, Subject
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.kit.goals import Goal
from core.roles import actions
from core.roles.feature import FEATURE
from core.roles.feature import check_health as health
from core.roles.rules import Role
from core.watchtime.actions import adjust
from core.watchtime.store import CREDITED
from tests.clean import cleaned
from tests.roles.scene import ADMIN, BRONZE, LINKED, NOON, SILVER, Guild, seen


def test_reward_is_found_by_mention_id_and_name(guild: Guild) -> None:
    long_id = 1_100_000_000_000_000_101
    guild.do(actions.add_reward, long_id, "VIP Regular", 60)
    for typed in (f"<@&{long_id}>", f" {long_id} ", "vip regular", "@VIP Regular"):
        assert guild.do(actions.get_reward, typed).role_id == long_id


@pytest.mark.parametrize("typed", ["", "VIP", "<@1100000000000000101>", "💎" * 500, "0"])
def test_role_without_reward_is_rejected(guild: Guild, typed: str) -> None:
    guild.add(BRONZE, 60)
    with pytest.raises(Refusal, match="not a reward"):
        guild.do(actions.get_reward, typed)


def test_role_of_another_server_is_not_found(guild: Guild, other: Guild) -> None:
    guild.add(BRONZE, 60)
    with pytest.raises(Refusal):
        other.do(actions.remove_reward, "Bronze", take_back=False)


def test_number_of_rewards_is_limited(guild: Guild) -> None:
    for number in range(actions.MAX_REWARDS):
        guild.do(actions.add_reward, 100 + number, f"R{number}", 60)
    with pytest.raises(Refusal, match="50"):
        guild.do(actions.add_reward, 99, "One more", 60)


def test_reward_being_removed_can_be_added_again(guild: Guild) -> None:
    guild.add(BRONZE, 60)
    guild.do(actions.remove_reward, "Bronze", take_back=True)
    guild.do(actions.add_reward, BRONZE, "Bronze", 90)
    (found,) = guild.rewards()
    assert (found.minutes, found.state, found.checked_terms) == (90, "on", None)


def test_changing_minutes_does_not_enable_a_reward(guild: Guild) -> None:
    guild.add(BRONZE, 60)
    guild.do(actions.set_state, "Bronze", "off")
    guild.do(actions.set_minutes, "Bronze", 90)
    assert [(r.minutes, r.state) for r in guild.rewards()] == [(90, "off")]
    guild.do(actions.remove_reward, "Bronze", take_back=True)
    guild.do(actions.set_minutes, "Bronze", 60)
    assert [(r.minutes, r.state) for r in guild.rewards()] == [(60, "on")]


def test_adjustment_triggers_a_role_check(
    database: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[str] = []
    monkeypatch.setattr(database, "_notify", lambda topic, **_data: notified.append(topic))
    with cleaned(database):
        with database.begin() as tx:
            Guild(tx, guild_id).link(7)
        with database.begin() as tx:
            run_in_guild(tx, guild_id, ADMIN, NOON, adjust, "viewer7", 60, "a prize", "key")
    assert CREDITED in notified


def test_every_change_is_audited(guild: Guild) -> None:
    guild.add(BRONZE, 60)
    guild.do(actions.set_minutes, "Bronze", 90)
    guild.do(actions.set_minutes, "Bronze", 90)  # the same again is no change
    guild.do(actions.set_state, "Bronze", "off")
    guild.do(actions.set_state, "Bronze", "on")
    guild.do(actions.set_mode, "highest")
    guild.do(actions.remove_reward, "Bronze", take_back=False)
    guild.do(actions.set_linked_role, LINKED, "Linked")
    guild.do(actions.end_linked_role)
    found = guild.tx.execute(select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id))
    assert [row.action for row in found if row.actor == ADMIN] == [
        "roles.add",
        "roles.update",
        "roles.disable",
        "roles.enable",
        "roles.mode",
        "roles.remove",
        "roles.add",
        "roles.remove",
    ]


def test_changing_the_linked_role_replaces_it(guild: Guild) -> None:
    guild.link(7)
    guild.do(actions.set_linked_role, LINKED, "Linked")
    guild.check(seen({7: ()}))
    guild.answer()
    guild.do(actions.set_linked_role, SILVER, "Silver")
    guild.check(seen({7: (LINKED,)}), NOON + timedelta(hours=1))
    assert guild.waiting() == [f"give {SILVER} to 7", f"take {LINKED} to 7"]


def test_next_goal_is_the_nearest_available_reward(guild: Guild, other: Guild) -> None:
    assert actions.next_goal(guild.tx, guild.id, timedelta()) is None
    guild.add(LINKED, None)
    guild.add(SILVER, 600)
    guild.add(BRONZE, 60)
    hour = timedelta(hours=1)
    assert actions.next_goal(guild.tx, guild.id, timedelta()) == Goal(f"<@&{BRONZE}>", hour)
    assert actions.next_goal(guild.tx, guild.id, hour) == Goal(f"<@&{SILVER}>", 10 * hour)
    assert actions.next_goal(guild.tx, guild.id, 10 * hour) is None
    assert actions.next_goal(other.tx, other.id, timedelta()) is None
    guild.change(BRONZE, state="off")
    guild.change(SILVER, obstacle="above")
    assert actions.next_goal(guild.tx, guild.id, timedelta()) is None


def test_linking_and_unlinking_trigger_a_check(
    database: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(database, "_notify", lambda topic, **data: notified.append((topic, data)))
    about = {"key": "k", "guild_id": guild_id, "at": NOON, "platform": "kick", "discord_id": 7}
    with database.begin() as tx:
        linked = AccountLinked(**about, viewer_id=1, name="x")  # type: ignore[arg-type]
        FEATURE.handlers[AccountLinked](tx, linked)
    with database.begin() as tx:
        unlinked = AccountUnlinked(**about, viewer_id=1)  # type: ignore[arg-type]
        FEATURE.handlers[AccountUnlinked](tx, unlinked)
    assert notified == [(actions.TOPIC, {"guild_id": str(guild_id), "discord_id": "7"})] * 2


def test_health_names_unassignable_roles(guild: Guild) -> None:
    guild.add(BRONZE, 60)
    assert health(guild.tx, NOON) == []
    guild.check(seen({}, roles={BRONZE: Role("Bronze", "permission")}))
    (part,) = health(guild.tx, NOON + timedelta(minutes=5))
    assert (part.name, part.state, part.guild_id) == ("Role Bronze", "warn", guild.id)
    assert "Manage Roles" in part.reason
    assert part.age_seconds == 300
    guild.do(actions.set_state, "Bronze", "off")
    assert health(guild.tx, NOON) == []


def test_personal_data_is_exported_and_forgotten(guild: Guild) -> None:
    viewer_id = guild.link(7, 700)
    guild.link(8, 700)
    guild.add(BRONZE, 60)
    guild.check(seen({7: (), 8: ()}))
    guild.answer()
    mia = Subject(guild.id, 7, NOON, ("mia",), (Account("kick", 7, viewer_id, "mia"),))
    assert FEATURE.personal is not None
    collect = FEATURE.personal.collect
    (told,) = collect(guild.tx, mia)["roles_grants"]
    assert (told["role_id"], told["state"], told["reason"]) == (BRONZE, "given", "reached")
    FEATURE.personal.forget(guild.tx, mia)
    assert guild.waiting() == [f"take {BRONZE} to 7"]
    assert collect(guild.tx, mia) == {"roles_grants": []}
    assert collect(guild.tx, Subject(guild.id, 8, NOON))["roles_grants"] != []
