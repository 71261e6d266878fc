"""Data left after `/forgetme` is deleted three days later, including data that the request itself
caused.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from core.inbox.records import deliveries, events
from core.kit.database.connection import Database, contains_any
from core.kit.database.personal import SWEPT_AFTER
from core.kit.runtime.clock import utc_now
from core.outbox.records import messages
from core.privacy import actions
from core.raffle.draw_records import Draw, Pick
from core.raffle.records import Period
from core.roles.records import RoleGrant, RoleReward
from tests.clean import cleaned
from tests.privacy.scene import ADMIN, MADCATS, MIA, NOON, forget, live, sweep_request, traces

ROLE = 77


@pytest.fixture
def clean(database: Database) -> Iterator[Database]:
    with cleaned(database) as emptied:
        yield emptied


def told_and_sent(database: Database) -> None:
    """The worker and the sender have done all that they had to."""
    with database.begin() as tx:
        tx.execute(deliveries.update().values(state="done"))
        tx.execute(messages.update().values(state="sent"))


def sweep(database: Database, guild_id: int) -> list[dict[str, int]]:
    """The day of the sweep; what there is to be found of Mia afterwards, once for each wish."""
    swept = []
    later = utc_now() + SWEPT_AFTER
    with database.begin() as tx:
        for request in actions.list_due(tx, later):
            assert sweep_request(tx, request, later) is True
            assert sweep_request(tx, request, later) is False
            swept.append(traces(tx, guild_id))
    return swept


def test_sweep_removes_later_traces_of_the_request(clean: Database, guild_id: int) -> None:
    with clean.begin() as tx:
        live(tx, guild_id)
        mine = {"guild_id": guild_id, "role_id": ROLE}
        tx.execute(insert(RoleReward).values(**mine, name="Regular", added_by=ADMIN, added_at=NOON))
        given = {"state": "given", "reason": "linked", "number": 1, "at": NOON}
        tx.execute(insert(RoleGrant).values(**mine, **given, discord_id=MIA))
    with clean.begin() as tx:
        forget(tx, guild_id)
        taken = select(messages.c.target).where(messages.c.kind == "roles.change")
        assert str(MIA) in str(tx.execute(taken).scalar_one())
    told_and_sent(clean)
    assert sweep(clean, guild_id) == [{"inbox_events": 1}]
    with clean.begin() as tx:
        kept = tx.execute(select(events.c.event).where(contains_any(events.c.key, [str(MADCATS)])))
        assert kept.scalars().all() == ["ChannelFollowed"]


def test_waiting_rows_are_swept_later(clean: Database, guild_id: int) -> None:
    with clean.begin() as tx:
        live(tx, guild_id)
        _win(tx, guild_id)
    with clean.begin() as tx:
        forget(tx, guild_id)
    told_and_sent(clean)
    assert sweep(clean, guild_id) == [{"inbox_events": 1, "raffle_picks": 1}], "a prize is due"
    with clean.begin() as tx:
        tx.execute(update(Pick).values(state="delivered"))
        assert actions.list_due(tx, utc_now() + SWEPT_AFTER + timedelta(hours=23)) == []
        day_after = utc_now() + SWEPT_AFTER + timedelta(days=1)
        (request,) = actions.list_due(tx, day_after)
        assert sweep_request(tx, request, day_after) is True
        assert traces(tx, guild_id) == {"inbox_events": 1}
        assert actions.list_due(tx, day_after + timedelta(days=9)) == []


def _win(tx: Connection, guild_id: int) -> None:
    """Mia has claimed a prize, which nobody has handed over yet."""
    mine = {"guild_id": guild_id}
    tx.execute(
        insert(Period).values(
            **mine,
            number=1,
            starts_at=NOON,
            ends_at=NOON,
            state="drawn",
            prize="x",
            winners_wanted=1,
            sealed_seed="",
            sealed_salt="",
            commitment="",
            public_id="x",
            opened_at=NOON,
        )
    )
    frozen = {"snapshot": "", "snapshot_hash": "", "entrants": 1, "tickets": 1, "left_out": 0}
    frozen |= {"frozen_at": NOON, "channel_id": 1, "claim_minutes": 1}
    tx.execute(insert(Draw).values(**mine, **frozen, period=1))
    won = {"k": 1, "pseudonym": "x", "state": "claimed", "discord_id": MIA, "drawn_at": NOON}
    won |= {"expires_at": NOON + timedelta(minutes=1)}
    tx.execute(insert(Pick).values(**mine, **won, period=1))
