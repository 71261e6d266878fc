"""A forgotten guild filter cannot leak. Slot calls serve as the example."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Connection,
    Executable,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session, aliased

from core.events import ChatMessageSent, Sender
from core.kit.database.connection import savepoint
from core.kit.database.records import ChannelId, GuildId, ViewerId
from core.kit.database.work import (
    ACROSS_GUILDS,
    Lock,
    UnscopedStatement,
    Work,
    event_action,
    lock_guild,
)
from core.people import store as people
from core.people.exclusions.records import Exclusion
from core.slot_calls.records import SlotCall
from tests.guild_filter import CORE, TESTS, unlimited

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OURS, THEIRS = "ours", "theirs"


def new_call(viewer_id: int, slot: str, number: int = 1) -> SlotCall:
    return SlotCall(
        number=number,
        viewer_id=ViewerId(viewer_id),
        slot=slot,
        platform="kick",
        message_id=f"m{number}",
        called_at=NOON,
        channel_id=ChannelId(5),
    )


@pytest.fixture
def work(tx: Connection, guild_id: int, other_guild_id: int) -> Iterator[Work]:
    """Work in one guild; another has a call #1 and an exclusion, too."""
    for guild, slot in ((guild_id, OURS), (other_guild_id, THEIRS)):
        viewer_id = people.set_viewer(tx, guild, "kick", 7, "MadCats", NOON)
        with Work(tx, guild, now=NOON) as work:
            work.add(new_call(viewer_id, slot))
            work.add(Exclusion(viewer_id=ViewerId(viewer_id), scope="slot_calls", excluded_at=NOON))
    with Work(tx, guild_id, now=NOON) as work:
        yield work


Call2 = aliased(SlotCall)
OPEN = SlotCall.state == "open"
BY_CALLER = Exclusion.viewer_id == SlotCall.viewer_id
SLOTS = select(SlotCall.slot)

SELECTS: dict[str, Executable] = {
    "record": select(SlotCall),
    "column": SLOTS,
    "aggregate": select(func.count(SlotCall.slot)),
    "aggregate without a table": select(func.count()).where(OPEN),
    "select_from": select(func.count()).select_from(SlotCall),
    "alias": select(Call2.slot),
    "join": SLOTS.join(Exclusion, BY_CALLER),
    "cross join": select(Exclusion.excluded_at).join_from(Exclusion, SlotCall, true()),
    "table from where": select(Exclusion.excluded_at).where(OPEN),
    "outer join": select(SlotCall.slot).outerjoin(Call2, true()),
    "exists": select(literal(1)).where(SLOTS.where(SlotCall.slot == THEIRS).exists()),
    "in": select(Exclusion.excluded_at).where(literal(THEIRS).in_(SLOTS)),
    "scalar subquery": select(select(func.count(SlotCall.slot)).scalar_subquery()),
    "subquery": select(SLOTS.subquery().c.slot),
    "cte": select(SLOTS.cte().c.slot),
    "lateral": select(Exclusion.excluded_at, SLOTS.lateral().c.slot),
    "union": union_all(SLOTS, SLOTS),
}


def answers(session: Session, statement: Executable) -> list[str]:
    return sorted(str(row) for row in session.execute(statement).all())


@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")
@pytest.mark.parametrize("shape", SELECTS)
def test_select_reads_only_its_guild(work: Work, other_guild_id: int, shape: str) -> None:
    """The answer is the same after the other guild's rows are gone."""
    before = answers(work, SELECTS[shape])
    assert THEIRS not in "".join(before)
    gone = {"guild": other_guild_id}
    work.tx.execute(text("DELETE FROM slot_calls WHERE guild_id = :guild"), gone)
    work.tx.execute(text("DELETE FROM people_exclusions WHERE guild_id = :guild"), gone)
    work.expire_all()
    assert answers(work, SELECTS[shape]) == before


def everything(tx: Connection) -> list[str]:
    return list(tx.scalars(text("SELECT slot FROM slot_calls ORDER BY slot")))


def test_update_and_delete_change_only_their_guild(work: Work) -> None:
    work.execute(update(SlotCall).values(slot="changed"))
    assert everything(work.tx) == ["changed", THEIRS]
    work.execute(update(SlotCall).values(slot=select(func.max(SlotCall.slot)).scalar_subquery()))
    assert everything(work.tx) == ["changed", THEIRS]
    work.execute(delete(SlotCall).where(SlotCall.viewer_id.in_(select(Exclusion.viewer_id))))
    assert everything(work.tx) == [THEIRS]


REFUSED: dict[str, Executable] = {
    "text": text("SELECT slot FROM slot_calls"),
    "table": select(SlotCall.__table__.c.slot),
    "records from text": select(SlotCall).from_statement(text("SELECT * FROM slot_calls")),
    "update from": update(Exclusion).values(excluded_by=SlotCall.number).where(BY_CALLER),
    "update from itself": update(SlotCall).values(slot=Call2.slot).where(Call2.number == 1),
    "delete using": delete(Exclusion).where(BY_CALLER),
    "insert from select": insert(SlotCall).from_select(["slot"], SLOTS),
    "insert of a subquery": insert(SlotCall).values(slot=SLOTS.scalar_subquery()),
    "insert elsewhere": insert(SlotCall).values(guild_id=GuildId(2)),
    "insert one of many elsewhere": insert(SlotCall).values([{"slot": "a"}, {"guild_id": 2}]),
    "upsert that moves": upsert(SlotCall)
    .values(slot="a")
    .on_conflict_do_update(constraint="slot_calls_numbered", set_={"guild_id": 2}),
    "update that moves": update(SlotCall).values(guild_id=GuildId(2)),
    "update that moves, in order": update(SlotCall).ordered_values((SlotCall.guild_id, 2)),
}


@pytest.mark.parametrize("shape", REFUSED)
def test_statement_that_cannot_be_scoped_is_rejected(work: Work, shape: str) -> None:
    with pytest.raises(UnscopedStatement):
        work.execute(REFUSED[shape])


@pytest.mark.parametrize("statement", [insert(SlotCall), update(SlotCall)])
@pytest.mark.parametrize("rows", [{"guild_id": 2}, [{"guild_id": 2}]])
def test_parameters_cannot_name_another_guild(
    work: Work, statement: Executable, rows: dict[str, int] | list[dict[str, int]]
) -> None:
    with pytest.raises(UnscopedStatement):
        work.execute(statement, rows)


def test_statement_built_once_works_for_every_guild(
    tx: Connection, work: Work, other_guild_id: int
) -> None:
    found = [work.scalars(SLOTS).all() for _ in range(2)]
    with Work(tx, other_guild_id, now=NOON) as theirs:
        found.append(theirs.scalars(SLOTS).all())
    assert found == [[OURS], [OURS], [THEIRS]]


def test_every_insert_gets_the_guild_id(work: Work, guild_id: int) -> None:
    viewer_id = work.scalars(select(SlotCall.viewer_id)).one()
    row = {"viewer_id": viewer_id, "platform": "kick", "called_at": NOON, "channel_id": 5}
    rows = [row | {"number": n, "message_id": str(n), "slot": "new"} for n in range(10, 20)]
    work.add(new_call(viewer_id, "new", number=2))
    work.execute(insert(SlotCall).values(rows[0]))
    work.execute(insert(SlotCall).values(rows[1:3]))
    work.execute(insert(SlotCall), rows[3:5])
    work.execute(upsert(SlotCall).values(rows[5]).on_conflict_do_nothing())
    work.execute(upsert(SlotCall), rows[6:8])
    found = work.tx.scalars(text("SELECT guild_id FROM slot_calls WHERE slot = 'new'")).all()
    assert found == [guild_id] * 9


def test_insert_without_work_requires_a_guild_id(work: Work) -> None:
    with pytest.raises(StatementError, match="through Work"):
        Session(work.tx).execute(insert(SlotCall).values(number=9, slot="new"))


def test_record_of_another_guild_is_neither_found_nor_written(
    work: Work, other_guild_id: int
) -> None:
    assert work.get(SlotCall, (GuildId(other_guild_id), 1)) is None
    (theirs,) = work.scalars(
        select(SlotCall).where(SlotCall.slot == THEIRS), execution_options=ACROSS_GUILDS
    )
    theirs.slot = "changed"
    with pytest.raises(UnscopedStatement, match="another guild"):
        work.flush()
    work.expunge(theirs)


def test_sql_assigned_to_a_record_is_rejected(work: Work) -> None:
    call = work.find(SlotCall, 1)
    assert call is not None
    call.slot = select(func.max(SlotCall.slot)).scalar_subquery()
    with pytest.raises(UnscopedStatement, match="Assign values"):
        work.flush()
    work.expunge(call)


def test_reading_across_guilds_requires_an_option(work: Work) -> None:
    assert sorted(work.scalars(SLOTS)) == [OURS]
    assert sorted(work.scalars(SLOTS, execution_options=ACROSS_GUILDS)) == [OURS, THEIRS]


# -- beside code that uses the connection -------------------------------------------------------


def test_work_and_connection_see_each_others_writes(work: Work) -> None:
    call = work.find(SlotCall, 1)
    assert call is not None
    call.slot = "by work"
    assert "by work" in everything(work.tx)
    work.tx.execute(text("UPDATE slot_calls SET slot = 'by connection' WHERE slot = 'by work'"))
    assert call.slot == "by work", "what was read stays as it was"
    work.lock(Lock.SLOT_CALLS)
    assert call.slot == "by connection", "until a lock is taken"


def test_error_in_a_savepoint_leaves_the_transaction_usable(tx: Connection, work: Work) -> None:
    viewer_id, guild_id = work.scalars(select(SlotCall.viewer_id)).one(), work.guild_id
    with (
        pytest.raises(ValueError, match="stop"),
        savepoint(tx),
        Work(tx, guild_id, now=NOON) as work,
    ):
        work.add(new_call(viewer_id, "lost", number=2))
        work.flush()
        raise ValueError("stop")
    again = pytest.raises(IntegrityError, match="slot_calls_numbered")
    with again, savepoint(tx), Work(tx, guild_id, now=NOON) as work:
        work.add(new_call(viewer_id, "twice", number=1))
    assert everything(tx) == [OURS, THEIRS]


def test_records_can_be_used_after_the_work_is_done(tx: Connection, work: Work) -> None:
    with Work(tx, work.guild_id, now=NOON) as work:
        call = work.find(SlotCall, 1)
    assert call is not None
    assert (call.slot, call.viewer_name, call.state) == (OURS, "MadCats", "open")


def test_find_costs_one_statement(tx: Connection, work: Work) -> None:
    seen: list[str] = []
    event.listen(tx.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    with Work(tx, work.guild_id, now=NOON) as work:
        work.find(SlotCall, 1)
    assert len(seen) == 1, "no savepoint, no release"


def test_locks_are_taken_in_the_declared_order(tx: Connection, guild_id: int) -> None:
    lock_guild(tx, guild_id, Lock.WATCHTIME)
    lock_guild(tx, guild_id, Lock.SLOT_CALLS)
    lock_guild(tx, guild_id, Lock.WATCHTIME)
    lock_guild(tx, guild_id + 1, Lock.SLOT_CALLS)
    with pytest.raises(AssertionError, match="watchtime after"):
        lock_guild(tx, guild_id + 1, Lock.WATCHTIME)


def test_batch_keeps_earlier_locks_for_the_next_event(tx: Connection, guild_id: int) -> None:
    with Work(tx, guild_id, now=NOON, in_batch=True) as work:
        work.lock(Lock.SLOT_CALLS)
    lock_guild(tx, guild_id, Lock.WATCHTIME, shared=True)  # as the next line of chat does


def test_event_handler_gets_work_for_its_guild_and_time(tx: Connection, guild_id: int) -> None:
    seen: list[tuple[int, datetime, str]] = []
    event = ChatMessageSent(
        key="m",
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=41,
        message_id="m",
        sender=Sender(user_id=7, name="MadCats"),
        text="hello",
    )
    event_action(lambda work, event: seen.append((work.guild_id, work.now, event.text)))(tx, event)
    assert seen == [(guild_id, NOON, "hello")]


# -- the watch on every statement of the test suite -----------------------------------------------


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT * FROM slot_calls WHERE slot_calls.guild_id = 1", []),
        ("SELECT * FROM slot_calls WHERE slot_calls.number = 1", ["slot_calls"]),
        ("SELECT * FROM slot_calls AS c JOIN slot_calls ON slot_calls.guild_id = 1", ["c"]),
        ("UPDATE people_exclusions SET excluded_by = 0", ["people_exclusions"]),
        ("DELETE FROM people_exclusions WHERE people_exclusions.guild_id = 1", []),
        ("INSERT INTO slot_calls (guild_id, number) VALUES (1, 1)", []),
        (
            "INSERT INTO slot_calls (guild_id, number) VALUES (1, 1)"
            " ON CONFLICT DO UPDATE SET number = least(1, slot_calls.number)",
            [],
        ),
        ("SELECT * FROM pg_class", []),
    ],
)
def test_unscoped_statements_are_detected(sql: str, found: list[str]) -> None:
    assert unlimited(sql) == found


def test_unscoped_statement_in_core_fails_the_test(work: Work) -> None:
    def run(folder: str) -> None:
        code = compile("tx.scalars(sql)", f"{folder}/made_up.py", "exec")
        exec(code, {"tx": work.tx, "sql": text("SELECT slot FROM slot_calls")})

    run(TESTS)
    with pytest.raises(AssertionError, match="without guild_id"):
        run(CORE)
