"""Lists that people paste or upload."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from core.kit.errors import Refusal
from core.kit.text import tables
from core.kit.text.tables import ColumnsUnclear, Table, read_table, text_of
from core.points.lists import COLUMNS, parse_lines


def read(text: str, **chosen: int) -> list[tuple[str, str]]:
    table = read_table(text, COLUMNS, chosen, words=True)
    return [(table.cell(row, "name"), table.cell(row, "points")) for row in table.rows]


MIA = [("Mia", "500")]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "user,time,points\nMia,9000,500",
            "rank;username;points\n1;Mia;500",
            "#\tName\tCoins\n1\tMia\t500",
        ),
        *("Benutzername;Stunden;Punkte\nMia;12;500", "Points,User\n500,Mia", "500,Mia", "Mia 500"),
        *("user,,points\nMia,,500", "\tuser\tpoints\n\tMia\t500", "Mia,,500", '"Mia";"500"'),
        *(
            "\ufeffName,Points\r\nMia,500\r\n",
            "Mia\t500\n\n",
            "Nome,Saldo\nMia,500",
            "имя;баллы\nMia;500",
        ),
        *(
            "TwitchUsername\tMinutes\tCurrency\nMia\t77\t500",
            "Rank,Name,Hours watched,Points\n1,Mia,3,500",
        ),
        *(
            "Vardas,Taškai\nMia,500",
            "user_id,username,balance\n77,Mia,500",
            "Login,Display Name,Points\nMia,x,500",
        ),
    ],
)
def test_columns_are_recognised(text: str) -> None:
    assert read(text) == MIA


EXPORTS = {
    "StreamElements, from its API": """{"_total": 2, "users": [
        {"username": "mia", "points": 500}, {"username": "tom", "points": 30}]}""",
    "StreamElements, as CSV": "username,currentPoints,alltimePoints\nmia,500,9000\ntom,30,40\n",
    "Streamlabs Chatbot": "Name;Rank;Points;Hours watched\nmia;Regular;500;12\ntom;;30;1\n",
    "PhantomBot, its table of points": "section,variable,value\n,mia,500\n,tom,30\n",
    "Mix It Up, with a currency": (
        "MixItUpID\tTwitchID\tTwitchUsername\tYouTubeID\tYouTubeUsername\tTrovoID\tTrovoUsername\t"
        "Minutes\tCustomTitle\tTotalStreamsWatched\tLastSeen\tCoins\n"
        "9f1c\t77\tmia\t\t\t\t\t1200\t\t14\t2026-01-02\t500\n"
        "a07b\t78\ttom\t\t\t\t\t60\t\t2\t2026-01-03\t30\n"
    ),
    "Firebot, its database of viewers": (
        '{"_id":"77","username":"mia","displayName":"Mia","twitchRoles":[],"lastSeen":1767312000000,'
        '"joinDate":1700000000000,"minutesInChannel":1200,"chatMessages":77,"currency":{"b":1}}\n'
        '{"_id":"78","username":"tom","displayName":"Tom","twitchRoles":["vip"],"currency":{"b":30}}\n'
        '{"_id":"77","username":"mia","displayName":"Mia","minutesInChannel":1201,'
        '"currency":{"b":500},"ranks":{},"metadata":{}}\n'
    ),
    "a spreadsheet, with a byte-order mark": "\ufeffUser;Punkte\r\nmia;500\r\ntom;30\r\n",
    "pasted columns": "User\tPoints\nmia\t500\ntom\t30\n",
}
"""What each bot writes: headings and first lines (their code and documentation, 2025 and 2026).
Nightbot, Fossabot, Moobot, Botrix and Streamlabs Cloudbot have no export of points."""


@pytest.mark.parametrize("bot", EXPORTS)
def test_the_exports_of_other_bots_are_read(bot: str) -> None:
    assert sorted(read(EXPORTS[bot])) == [("mia", "500"), ("tom", "30")]
    named = parse_lines(EXPORTS[bot]).named
    assert sorted((name, points) for _line, name, points in named) == [("mia", 500), ("tom", 30)]


@pytest.mark.parametrize(
    "text",
    [
        "MixItUpID\tTwitchID\tTwitchUsername\tMinutes\tTotalStreamsWatched\n9\t77\tmia\t1200\t14\n",
        '{"username":"mia","currency":{"a":1,"b":2}}\n{"username":"tom","currency":{"a":3,"b":4}}',
    ],
    ids=["Mix It Up without a currency", "Firebot with two currencies"],
)
def test_what_is_no_balance_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ColumnsUnclear) as raised:
        read(text)
    assert raised.value.missing == ["points"]


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff", "[]", '{"users": []}'])
def test_an_empty_list_says_so(text: str) -> None:
    with pytest.raises(Refusal, match="empty") as raised:
        read(text)
    assert not isinstance(raised.value, ColumnsUnclear), "there is nothing to choose from"
    assert raised.value.remedy


def test_one_object_is_one_line() -> None:
    line = '{"_id":"77","twitchRoles":["vip"],"username":"mia","currency":{"b":500}}'
    assert read(line) == [("mia", "500")]


def test_headings_alone_are_a_list_without_lines() -> None:
    assert read("Name,Points\n") == []
    assert read_table("Name,Points\n", COLUMNS).headings == ["Name", "Points"]


def test_a_rank_is_no_balance_and_an_empty_cell_stays_empty() -> None:
    assert read("1,Mia,500\n2,Tom,300") == [("Mia", "500"), ("Tom", "300")]
    assert read("user,time,points\nMia,,500\nTom,30,\n") == [("Mia", "500"), ("Tom", "")]
    assert read("Mia 1,500\nTom 20\nZed,7") == [("Mia", "1,500"), ("Tom", "20"), ("Zed", "7")]


@pytest.mark.parametrize("text", ["Mia,1,500", "Mia,7,500\nTom,30,12", "a,b,c\n1,2,3", "500\n300"])
def test_what_is_not_certain_is_asked(text: str) -> None:
    with pytest.raises(ColumnsUnclear) as raised:
        read(text)
    assert raised.value.missing
    assert read("Mia,7,500\nTom,30,12", points=2, name=0)[1] == ("Tom", "12")


def test_a_line_with_a_cell_too_many_is_named() -> None:
    table = read_table("user,points\nMia,1,500\nTom,20", COLUMNS)
    assert [row.text for row in table.odd] == ["Mia,1,500"]
    assert [row.cells[0] for row in table.rows] == ["Tom"]


# -- files ----------------------------------------------------------------------------------------


def workbook(*sheets: list[list[object]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_files_are_read_in_every_encoding_of_spreadsheets(encoding: str) -> None:
    assert read(text_of("Benutzer;Punkte\nJörg;500".encode(encoding))) == [("Jörg", "500")]


def test_the_sheet_with_the_list_is_read() -> None:
    content = workbook(
        [["Quotes"], ["hello, 5"]],
        [["Rank", "Name", "Points", "Hours watched"], [1, "Mia", 500.0, 3.5], [2, "Tom", None, 1]],
    )
    assert read(text_of(content)) == [("Mia", "500"), ("Tom", "")]


def test_a_sheet_that_is_called_like_a_list_goes_first() -> None:
    """Streamlabs Chatbot's workbook: the ranks have names and numbers too."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in {
        "Ranks": [["Name", "Points"], ["Newbie", 10]],
        "Quotes": [["Id", "Text"], [1, "hello [Slots] [01-02-2026]"]],
        "Currency": [["Name", "Rank", "Points", "Hours watched"], ["Mia", "Newbie", 500, 3]],
    }.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(out := io.BytesIO())
    assert read(text_of(out.getvalue())) == MIA


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        *(archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"), b"PK\x03\x04broken"),
        *(
            workbook([["a"]])[:-40],
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99),
            b"%PDF-1.7\n\0\0\0",
        ),
        b"\xff\xfea",
    ],
)
def test_other_files_are_refused_kindly(content: bytes) -> None:
    with pytest.raises(Refusal, match="cannot be read") as raised:
        text_of(content)
    assert "CSV" in raised.value.remedy


def test_a_file_that_grows_when_it_is_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive(big="0" * 200_000)
    monkeypatch.setattr(tables, "MAX_UNPACKED_BYTES", 100_000)
    with pytest.raises(Refusal, match="too large"):
        text_of(bomb)


def test_a_list_is_not_endless() -> None:
    with pytest.raises(Refusal, match="too long"):
        read("Mia,5\n" * (tables.MAX_ROWS + 2))


@given(st.text("Mia,;\t\"' 15.\n", max_size=60) | st.text(max_size=40))
def test_no_list_breaks_it(text: str) -> None:
    try:
        table = read_table(text, COLUMNS, words=True)
    except Refusal:
        return
    assert isinstance(table, Table)
    assert all(place < max(len(table.headings), 1) for place in table.places.values())
