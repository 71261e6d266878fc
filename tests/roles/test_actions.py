"""What one can do with rewards beyond what the commands' tests show."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from core.events import AccountLinked, AccountUnlinked
from core.guilds.records import AuditEntry
from core.kit.database import Database
from core.kit.errors import Refusal
from core.kit.feature import Goal
from core.kit.personal import Account, Subject
from core.roles import actions, handlers, personal, store
from core.roles.feature import check_health as health
from core.roles.rules import Role
from core.watchtime.adjustments import adjust
from core.watchtime.store import CREDITED
from tests.clean import cleaned
from tests.roles.scene import (
    ADMIN,
    BRONZE,
    LINKED,
    NOON,
    SILVER,
    answer,
    link,
    look,
    reward,
    seen,
    waiting,
)


def test_a_reward_is_found_by_mention_id_and_name(tx: Connection, guild_id: int) -> None:
    long_id = 1_100_000_000_000_000_101
    actions.add_reward(tx, guild_id, long_id, "VIP Regular", 60, ADMIN, NOON)
    for typed in (f"<@&{long_id}>", f" {long_id} ", "vip regular", "@VIP Regular"):
        assert actions.get_reward(tx, guild_id, typed).role_id == long_id


@pytest.mark.parametrize("typed", ["", "VIP", "<@1100000000000000101>", "💎" * 500, "0"])
def test_what_is_no_reward_is_refused(tx: Connection, guild_id: int, typed: str) -> None:
    reward(tx, guild_id, BRONZE, 60)
    with pytest.raises(Refusal, match="not a reward"):
        actions.get_reward(tx, guild_id, typed)


def test_a_role_of_another_server_is_not_found(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    reward(tx, guild_id, BRONZE, 60)
    with pytest.raises(Refusal):
        actions.remove_reward(tx, other_guild_id, "Bronze", ADMIN, NOON, take_back=False)


def test_there_is_a_most(tx: Connection, guild_id: int) -> None:
    for number in range(actions.MOST_REWARDS):
        actions.add_reward(tx, guild_id, 100 + number, f"R{number}", 60, ADMIN, NOON)
    with pytest.raises(Refusal, match="50"):
        actions.add_reward(tx, guild_id, 99, "One more", 60, ADMIN, NOON)


def test_a_reward_that_is_being_taken_back_can_be_a_reward_again(
    tx: Connection, guild_id: int
) -> None:
    reward(tx, guild_id, BRONZE, 60)
    actions.remove_reward(tx, guild_id, "Bronze", ADMIN, NOON, take_back=True)
    actions.add_reward(tx, guild_id, BRONZE, "Bronze", 90, ADMIN, NOON)
    (found,) = store.list_rewards(tx, guild_id)
    assert (found.minutes, found.state, found.spread) == (90, "on", None)


def test_other_minutes_switch_nothing_on(tx: Connection, guild_id: int) -> None:
    reward(tx, guild_id, BRONZE, 60)
    actions.set_state(tx, guild_id, "Bronze", "off", ADMIN, NOON)
    actions.set_minutes(tx, guild_id, "Bronze", 90, ADMIN)
    assert [(r.minutes, r.state) for r in store.list_rewards(tx, guild_id)] == [(90, "off")]
    actions.remove_reward(tx, guild_id, "Bronze", ADMIN, NOON, take_back=True)
    actions.set_minutes(tx, guild_id, "Bronze", 60, ADMIN)
    assert [(r.minutes, r.state) for r in store.list_rewards(tx, guild_id)] == [(60, "on")]


def test_a_correction_may_bring_a_role_at_once(
    database: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[str] = []
    monkeypatch.setattr(database, "_notify", lambda topic, **_data: notified.append(topic))
    with cleaned(database):
        with database.begin() as tx:
            link(tx, guild_id, 7)
        with database.begin() as tx:
            adjust(tx, guild_id, "viewer7", 60, "a prize", ADMIN, "key", NOON)
    assert CREDITED in notified


def test_every_change_is_in_the_audit_log(tx: Connection, guild_id: int) -> None:
    reward(tx, guild_id, BRONZE, 60)
    actions.set_minutes(tx, guild_id, "Bronze", 90, ADMIN)
    actions.set_minutes(tx, guild_id, "Bronze", 90, ADMIN)  # the same again is no change
    actions.set_state(tx, guild_id, "Bronze", "off", ADMIN, NOON)
    actions.set_state(tx, guild_id, "Bronze", "on", ADMIN, NOON)
    actions.set_mode(tx, guild_id, "highest", ADMIN)
    actions.remove_reward(tx, guild_id, "Bronze", ADMIN, NOON, take_back=False)
    actions.set_linked_role(tx, guild_id, LINKED, "Linked", ADMIN, NOON)
    actions.end_linked_role(tx, guild_id, ADMIN, NOON)
    found = tx.execute(select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id))
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


def test_the_role_for_linking_is_replaced(tx: Connection, guild_id: int) -> None:
    link(tx, guild_id, 7)
    actions.set_linked_role(tx, guild_id, LINKED, "Linked", ADMIN, NOON)
    look(tx, guild_id, seen({7: ()}))
    answer(tx, guild_id)
    actions.set_linked_role(tx, guild_id, SILVER, "Silver", ADMIN, NOON)
    look(tx, guild_id, seen({7: (LINKED,)}), NOON + timedelta(hours=1))
    assert waiting(tx, guild_id) == [f"give {SILVER} to 7", f"take {LINKED} to 7"]


def test_the_next_goal(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    assert actions.next_goal(tx, guild_id, timedelta()) is None
    reward(tx, guild_id, LINKED, None)
    reward(tx, guild_id, SILVER, 600)
    reward(tx, guild_id, BRONZE, 60)
    hour = timedelta(hours=1)
    assert actions.next_goal(tx, guild_id, timedelta()) == Goal(f"<@&{BRONZE}>", hour)
    assert actions.next_goal(tx, guild_id, hour) == Goal(f"<@&{SILVER}>", 10 * hour)
    assert actions.next_goal(tx, guild_id, 10 * hour) is None
    assert actions.next_goal(tx, other_guild_id, timedelta()) is None
    store.set_reward(tx, guild_id, BRONZE, state="off")
    store.set_reward(tx, guild_id, SILVER, obstacle="above")
    assert actions.next_goal(tx, guild_id, timedelta()) is None


def test_who_links_or_unlinks_is_looked_at(
    database: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(database, "_notify", lambda topic, **data: notified.append((topic, data)))
    about = {"key": "k", "guild_id": guild_id, "at": NOON, "platform": "kick", "discord_id": 7}
    with database.begin() as tx:
        linked = AccountLinked(**about, viewer_id=1, name="x")  # type: ignore[arg-type]
        handlers.on_account_linked(tx, linked)
    with database.begin() as tx:
        handlers.on_account_unlinked(tx, AccountUnlinked(**about, viewer_id=1))  # type: ignore[arg-type]
    assert notified == [(actions.TOPIC, {"guild_id": str(guild_id), "discord_id": "7"})] * 2


def test_the_health_page_names_what_cannot_be_given(tx: Connection, guild_id: int) -> None:
    reward(tx, guild_id, BRONZE, 60)
    assert health(tx, NOON) == []
    look(tx, guild_id, seen({}, roles={BRONZE: Role("Bronze", "permission")}))
    (part,) = health(tx, NOON + timedelta(minutes=5))
    assert (part.name, part.state, part.guild_id) == ("Role Bronze", "warn", guild_id)
    assert "Manage Roles" in part.reason
    assert part.age_seconds == 300
    actions.set_state(tx, guild_id, "Bronze", "off", ADMIN, NOON)
    assert health(tx, NOON) == []


def test_what_is_kept_about_a_person_is_told_and_forgotten(tx: Connection, guild_id: int) -> None:
    viewer_id = link(tx, guild_id, 7, 700)
    link(tx, guild_id, 8, 700)
    reward(tx, guild_id, BRONZE, 60)
    look(tx, guild_id, seen({7: (), 8: ()}))
    answer(tx, guild_id)
    mia = Subject(guild_id, 7, NOON, ("mia",), (Account("kick", 7, viewer_id, "mia"),))
    (told,) = personal.collect(tx, mia)["roles"]
    assert (told["name"], told["state"], told["reason"]) == ("Bronze", "given", "reached")
    personal.forget(tx, mia)
    assert waiting(tx, guild_id) == [f"take {BRONZE} to 7"]
    assert personal.collect(tx, mia) == {}
    assert personal.collect(tx, Subject(guild_id, 8, NOON)) != {}
