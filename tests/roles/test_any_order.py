"""Events in any order: members end up with the roles they have earned, and roles given by
moderators are left alone.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from core.kit.database.connection import Database
from core.outbox.store import set_sent, set_waiting
from core.people import store as people
from core.roles import actions
from core.roles.rules import ECHO, Role
from tests.acting import act
from tests.clean import cleaned
from tests.patience import PATIENCE
from tests.roles.scene import BRONZE, LINKED, NAMES, NOON, SILVER, Guild, claim, seen, settle

MEMBERS = (1, 2, 3)
ROLES = (LINKED, BRONZE, SILVER)
STEPS = 120


class World:
    """A server, Discord's side of it, and everything that can happen there."""

    def __init__(self, guild: Guild, seed: int) -> None:
        self.guild, self.tx, self.chance = guild, guild.tx, random.Random(seed)
        self.now = NOON
        self.held: dict[int, set[int] | None] = {who: set() for who in MEMBERS}
        self.by_hand: set[tuple[int, int]] = set()
        self.minutes = dict.fromkeys(MEMBERS, 0)
        self.above: set[int] = set()
        guild.add(LINKED, None)
        guild.add(BRONZE, 60)
        guild.add(SILVER, 600)
        self.viewers = {who: guild.link(who) for who in MEMBERS}

    def anything(self) -> None:
        happens = self.chance.choice(
            [
                self.somebody_watches,
                self.somebody_links_or_unlinks,
                self.somebody_leaves_or_joins,
                self.a_moderator_gives_or_takes,
                self.the_mode_changes,
                self.a_role_is_moved,
                self.discord_answers,
                self.discord_answers,
                self.discord_answers,
                self.the_answer_is_lost,
                self.time_passes,
                self.everybody_is_looked_at,
                self.one_is_looked_at,
                self.minutes_are_credited,
            ]
        )
        happens()

    def somebody_watches(self) -> None:
        who, self_minutes = self.chance.choice(MEMBERS), self.chance.choice((0, 30, 60, 599, 600))
        self.minutes[who] = self_minutes
        self.guild.watch(self.viewers[who], self_minutes)

    def somebody_links_or_unlinks(self) -> None:
        who = self.chance.choice(MEMBERS)
        if self.is_linked(who):
            self.guild.unlink(who)
        else:
            viewer_id = self.viewers[who]
            people.add_link(self.tx, self.guild.id, who, "kick", viewer_id, self.now)

    def is_linked(self, who: int) -> bool:
        return act(self.tx, self.guild.id, people.find_link, who) is not None

    def somebody_leaves_or_joins(self) -> None:
        who = self.chance.choice(MEMBERS)
        self.held[who] = set() if self.held[who] is None else None
        self.by_hand -= {(who, role_id) for role_id in ROLES}

    def a_moderator_gives_or_takes(self) -> None:
        who, role_id = self.chance.choice(MEMBERS), self.chance.choice(ROLES)
        roles = self.held[who]
        if roles is not None:
            if role_id in roles:
                roles.remove(role_id)
            else:
                roles.add(role_id)
                self.by_hand.add((who, role_id))

    def the_mode_changes(self) -> None:
        self.guild.set(mode=self.chance.choice(("stack", "highest")))

    def a_role_is_moved(self) -> None:
        self.above ^= {self.chance.choice(ROLES)}

    def discord_answers(self) -> None:
        for message in claim(self.tx):
            target = message.target
            roles, role_id = self.held[target["member_id"]], target["role_id"]
            receipt: dict[str, str] = {}
            if role_id in self.above:
                receipt = {"skipped": "forbidden"}
            elif roles is None:
                receipt = {"skipped": "member"}
            else:
                (roles.add if target["act"] == "give" else roles.discard)(role_id)
            settle(self.tx, message, self.now, **receipt)
            set_sent(self.tx, message, self.now, receipt)

    def the_answer_is_lost(self) -> None:
        """Discord did it, and we do not know: it waits to be done again."""
        for message in claim(self.tx):
            target = message.target
            roles, role_id = self.held[target["member_id"]], target["role_id"]
            if roles is not None and role_id not in self.above:
                (roles.add if target["act"] == "give" else roles.discard)(role_id)
            set_waiting(self.tx, message, try_at=self.now, error="lost", unsure=True)

    def time_passes(self) -> None:
        self.now += self.chance.choice((ECHO / 3, ECHO, timedelta(hours=2)))

    def everybody_is_looked_at(self) -> None:
        there = {who: roles for who, roles in self.held.items() if roles is not None}
        self.guild.check(seen(dict(there), roles=self.roles()), self.now)

    def one_is_looked_at(self) -> None:
        who = self.chance.choice(MEMBERS)
        found = seen(only={who: self.held[who]}, roles=self.roles())
        self.guild.check(found, self.now)

    def minutes_are_credited(self) -> None:
        """Who is due is looked at, and then is due no more: or every credit would look anew."""
        due = set(self.guild.due())
        found = seen(only={who: self.held[who] for who in due}, roles=self.roles())
        self.guild.check(found, self.now)
        assert not due & set(self.guild.due())

    def roles(self) -> dict[int, Role]:
        return {role_id: Role(NAMES[role_id], "above") for role_id in self.above}

    def comes_to_rest(self) -> None:
        self.above = set()
        for _time in range(3):
            self.now += timedelta(hours=2)
            self.everybody_is_looked_at()
            while self.guild.waiting():
                self.discord_answers()

    def earned(self, who: int, mode: str) -> set[int]:
        if not self.is_linked(who):
            return set()
        reached = [r for r, m in ((BRONZE, 60), (SILVER, 600)) if self.minutes[who] >= m]
        return {LINKED, *(reached[-1:] if mode == "highest" else reached)}


@pytest.mark.parametrize("seed", range(25))
def test_roles_are_correct_after_any_sequence_of_events(guild: Guild, seed: int) -> None:
    world = World(guild, seed)
    for _step in range(STEPS):
        world.anything()
    world.comes_to_rest()
    mode = guild.do(actions.get_status).settings.mode
    for who, roles in world.held.items():
        if roles is not None:
            by_hand = {role_id for one, role_id in world.by_hand if one == who}
            earned = world.earned(who, mode)
            assert earned <= roles, f"member {who} lacks something"
            assert roles - earned <= by_hand, f"member {who} has too much"
    calm = guild.waiting()
    world.everybody_is_looked_at()
    assert guild.waiting() == calm == []


def test_concurrent_checks_request_each_change_once(database: Database, guild_id: int) -> None:
    """As two processes do while one takes over from the other."""
    with cleaned(database):
        with database.begin() as tx:
            guild = Guild(tx, guild_id)
            guild.add(BRONZE, 60)
            for number in range(20):
                guild.link(number, 61)
        both = Barrier(4)

        def one_look(_number: int) -> None:
            with database.begin() as tx:
                both.wait(PATIENCE)
                held: dict[int, set[int]] = {number: set() for number in range(20)}
                Guild(tx, guild_id).check(seen(dict(held)), NOON)

        with ThreadPoolExecutor(4) as hands:
            list(hands.map(one_look, range(4)))
        with database.begin() as tx:
            assert Guild(tx, guild_id).waiting() == [
                f"give {BRONZE} to {number}" for number in range(20)
            ]


def test_concurrent_checks_and_replies_do_not_deadlock(database: Database, guild_id: int) -> None:
    with cleaned(database):
        with database.begin() as tx:
            guild = Guild(tx, guild_id)
            guild.add(BRONZE, 60)
            for number in range(30):
                guild.link(number, 61)
            held: dict[int, set[int]] = {number: set() for number in range(30)}
            guild.check(seen(dict(held)), NOON)

        def answering() -> None:
            while True:
                with database.begin() as tx:
                    due = claim(tx)
                if not due:
                    return
                for message in due:
                    with database.begin() as tx:
                        settle(tx, message)
                        set_sent(tx, message, NOON, {"done": True})

        def looking() -> None:
            for minute in range(30):
                with database.begin() as tx:
                    tx.execute(
                        text("UPDATE watchtime_totals SET credited = :c WHERE guild_id = :g"),
                        {"c": timedelta(minutes=61 if minute % 2 else 0), "g": guild_id},
                    )
                    now: datetime = NOON + timedelta(minutes=minute)
                    Guild(tx, guild_id).check(seen(dict(held)), now)

        with ThreadPoolExecutor(2) as hands:
            first, second = hands.submit(answering), hands.submit(looking)
            second.result(PATIENCE)
            first.result(PATIENCE)
        answering()
        with database.begin() as tx:
            assert Guild(tx, guild_id).waiting() == []
            pending = "SELECT count(*) FROM roles_grants WHERE state IN ('giving', 'taking')"
            assert tx.execute(text(pending)).scalar() == 0
