"""Export and deletion derived from the columns of records."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, MetaData, PrimaryKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, PENALTY, PSEUDONYMOUS, Account, Subject, holds
from core.kit.database.privacy import personal_data
from core.kit.database.records import GuildRecord, MemberId, ViewerId
from core.kit.database.work import Work

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MIA, NORA = MemberId(555_000_111_222_333_444), MemberId(555_000_111_222_333_555)
HERS, ANOTHER = ViewerId(7), ViewerId(8)


class NotOfTheProduct(GuildRecord, kw_only=True):
    """Its tables are not in `METADATA`, which the migrations are compared with."""

    __abstract__ = True
    metadata = MetaData()


class Report(NotOfTheProduct, kw_only=True):
    __tablename__ = "privacy_test_reports"
    __table_args__ = (PrimaryKeyConstraint("guild_id", "number"),)

    number: Mapped[int]
    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", stays=PSEUDONYMOUS))
    nickname: Mapped[str] = mapped_column(info=holds("name"))
    note: Mapped[str | None] = mapped_column(info=holds("text"))
    quote: Mapped[str] = mapped_column(info=holds("text"))
    cause: Mapped[str] = mapped_column(info=holds("text", stays=PENALTY))
    moderator: Mapped[MemberId] = mapped_column(info=holds("number"))
    remark: Mapped[str] = mapped_column(info=holds("name", of="moderator"))
    admin: Mapped[MemberId] = mapped_column(info=holds("number", stays=ADMINS_ANSWER))


class Visit(NotOfTheProduct, kw_only=True):
    __tablename__ = "privacy_test_visits"
    __table_args__ = (PrimaryKeyConstraint("guild_id", "viewer_id"),)

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    pages: Mapped[int]


class Raw(NotOfTheProduct, kw_only=True):
    __tablename__ = "privacy_test_raw"
    __table_args__ = (PrimaryKeyConstraint("guild_id", "member"),)

    member: Mapped[MemberId] = mapped_column(info=holds("number"))
    body: Mapped[dict[str, str]] = mapped_column(JSONB, info=holds("json"))


PERSONAL = personal_data(Report, Visit)


@pytest.fixture
def work(tx: Connection, guild_id: int, other_guild_id: int) -> Iterator[Work]:
    """Two servers in which Mia and somebody else were reported by Nora."""
    NotOfTheProduct.metadata.create_all(tx)
    for guild in (other_guild_id, guild_id):
        with Work(tx, guild, now=NOON) as work:
            for number, viewer_id in enumerate((HERS, ANOTHER), start=1):
                work.add(Visit(viewer_id=viewer_id, pages=number))
                work.add(report(number, viewer_id))
    with Work(tx, guild_id, now=NOON) as work:
        yield work


def report(number: int, viewer_id: ViewerId) -> Report:
    return Report(
        number=number,
        viewer_id=viewer_id,
        nickname="Mia",
        note="a note",
        quote="a quote",
        cause="spam",
        moderator=NORA,
        remark="Nora was here",
        admin=NORA,
    )


def subject(guild_id: int, discord_id: int, *viewer_ids: int) -> Subject:
    accounts = tuple(Account("kick", 1, viewer_id, "Mia") for viewer_id in viewer_ids)
    return Subject(guild_id, discord_id, NOON, accounts=accounts)


def stored(work: Work, number: int) -> Report:
    work.expire_all()
    found = work.find(Report, number)
    assert found is not None
    return found


def test_collect_returns_data_about_the_viewer(work: Work) -> None:
    told = PERSONAL.collect(work.tx, subject(work.guild_id, MIA, HERS))
    mine = {"number": 1, "nickname": "Mia", "note": "a note", "quote": "a quote", "cause": "spam"}
    assert told == {
        "privacy_test_reports": [mine],
        "privacy_test_reports_moderator_you": [],
        "privacy_test_reports_admin_you": [],
        "privacy_test_visits": [{"pages": 1}],
    }


def test_collect_returns_moderator_actions_without_their_target(work: Work) -> None:
    told = PERSONAL.collect(work.tx, subject(work.guild_id, NORA))
    did = [{"number": number, "remark": "Nora was here"} for number in (1, 2)]
    assert told["privacy_test_reports_moderator_you"] == did
    assert told["privacy_test_reports_admin_you"] == [{"number": 1}, {"number": 2}]
    assert told["privacy_test_reports"] == []


def test_forget_replaces_identifying_data_of_a_viewer(work: Work, other_guild_id: int) -> None:
    PERSONAL.forget(work.tx, subject(work.guild_id, MIA, HERS))
    mine = stored(work, 1)
    assert (mine.nickname, mine.note, mine.quote) == ("forgotten-7", None, "forgotten:1")
    assert (mine.viewer_id, mine.cause, mine.remark) == (HERS, "spam", "Nora was here")
    assert stored(work, 2).nickname == "Mia"
    assert (work.find(Visit, HERS), work.find(Visit, ANOTHER) is None) == (None, False)
    with Work(work.tx, other_guild_id, now=NOON) as elsewhere:
        assert stored(elsewhere, 1).nickname == "Mia"
        assert elsewhere.find(Visit, HERS) is not None


def test_forget_moderator_keeps_admin_actions(work: Work) -> None:
    PERSONAL.forget(work.tx, subject(work.guild_id, NORA))
    row = stored(work, 1)
    assert (row.moderator, row.remark, row.admin) == (0, "forgotten", NORA)
    assert (row.nickname, row.note) == ("Mia", "a note")


def test_json_column_requires_its_own_redaction_function(work: Work) -> None:
    with pytest.raises(TypeError, match="a function of your own"):
        personal_data(Raw).forget(work.tx, subject(work.guild_id, MIA))
