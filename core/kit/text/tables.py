"""Lists that people paste or upload: all kinds of CSV, Excel's `.xlsx`, and JSON.

A column is recognised by its heading, in known languages and exports of other bots; without
headings by its content, if that is unambiguous.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.kit.errors import Refusal
from core.kit.text import strict_json
from core.kit.text.cleaning import clean, clean_lines, fold
from core.kit.text.spreadsheets import read_cell
from core.kit.text.words import _

MAX_UNPACKED_BYTES = 30_000_000
"""Maximum bytes of an uncompressed `.xlsx` file."""
MAX_COLUMNS = 50
MAX_ROWS = 50_000
"""Maximum rows in a list."""

_DELIMITERS = "\t;,"


class Row(NamedTuple):
    """A line with its number, counted from 1."""

    number: int
    cells: list[str]

    @property
    def text(self) -> str:
        return ",".join(self.cells)


@dataclass(frozen=True)
class Column:
    """A column to read.

    Attributes:
        headings: its possible headings, the likeliest first, in any case and without spaces.
        holds: returns whether a text can be its value; only needed to recognise it without a
            heading.
        optional: a list is complete without it.
    """

    name: str
    headings: tuple[str, ...]
    holds: Callable[[str], bool] = bool
    optional: bool = False


class Table(NamedTuple):
    """A list with recognised columns.

    Attributes:
        headings: the heading of each column, or "".
        places: name of a column -> its index, from 0.
        rows: the rows without the headings.
        odd: rows with more cells than the others.
    """

    headings: list[str]
    places: Mapping[str, int]
    rows: list[Row]
    odd: Sequence[Row] = ()

    def cell(self, row: Row, name: str) -> str:
        """The text in a column; "" if the column or cell does not exist."""
        place = self.places.get(name, MAX_COLUMNS)
        return row.cells[place] if place < len(row.cells) else ""

    def choices(self) -> list[tuple[int, str]]:
        """Each column with its heading and first value, for people to choose from."""
        found = []
        for place, heading in enumerate(self.headings):
            cells = (row.cells[place] for row in self.rows if place < len(row.cells))
            example = next((cell for cell in cells if cell), "")
            parts = [_("column {number}").format(number=place + 1), heading, example[:40]]
            found.append((place, " · ".join(part for part in parts if part)))
        return found


class ColumnsUnclear(Refusal):
    """The columns are ambiguous.

    Attributes:
        table: the table with the columns that are certain.
    """

    def __init__(self, table: Table, missing: Sequence[str]) -> None:
        super().__init__(
            _("Not every column was recognised."),
            _("Choose the columns, or give each a heading in the first line."),
        )
        self.table = table
        self.missing = missing


_NAMES = """
    login username userlogin user viewer twitchusername kickusername twitch kick nick nickname name
    displayname account member player benutzer benutzername nutzer nutzername zuschauer utilisateur
    pseudo spectateur nom usuario nombre espectador usuário nome utente spettatore naam gebruiker
    gebruikersnaam kijker użytkownik nazwa widz användare användarnamn tittare namn bruker
    brukernavn navn kullanıcı kullanıcıadı izleyici isim имя пользователь зритель ник користувач
    variable"""
_OTHERS = """
    # no nr rank rang ranking place platz position pos puesto posición posição posizione id userid
    viewerid twitchid kickid youtubeid mixitupid time zeit tiempo tempo temps minutes minuten
    minutos hours stunden heures horas ore watchtime timewatched hourswatched minuteswatched
    minutesinchannel lastseen joindate date alltime alltimepoints chatmessages section"""

VIEWER = Column("name", tuple(_NAMES.split()))
_IGNORED = frozenset(_OTHERS.split())
"""Headings of columns with numbers that are neither points nor names."""

_COUNTED = re.compile("^total.+|.+ids?$")
"""A pattern for similar headings that cannot be listed, such as `TotalStreamsWatched` and
`TrovoID`.
"""

_LISTS = ("points", "currency")
"""Names that bots give to the sheet with the list."""


# -- files ----------------------------------------------------------------------------------------


def text_of(content: bytes) -> str:
    """The text of a file; a sheet becomes lines with tabs. Raises Refusal if it is neither."""
    if content.startswith(b"PK\x03\x04"):
        return _sheet(content)
    encodings = ["utf-8-sig", "cp1252"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in content[:4]:
        encodings = ["utf-16-be" if content[:1] == b"\0" else "utf-16-le"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return clean_lines(text)
    raise _unreadable()


def _unreadable() -> Refusal:
    return Refusal(
        _("This file cannot be read as a list."),
        _("In your spreadsheet or bot, save it as CSV (UTF-8) or as an Excel workbook (.xlsx)."),
    )


def _sheet(content: bytes) -> str:
    """The sheet with a known name, else the first with a known heading, else the first that is not
    empty.
    """
    from openpyxl import load_workbook  # slow to import, and rarely needed

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(file.file_size for file in packed.infolist()) > MAX_UNPACKED_BYTES:
                raise Refusal(_("The file is too large."), _("Save only the list, as CSV."))
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            limits = {"max_row": MAX_ROWS + 2, "max_col": MAX_COLUMNS}
            found = sorted(
                book.worksheets, key=lambda worksheet: _key(worksheet.title) not in _LISTS
            )
            sheets = [
                [
                    [_shown(value) for value in row]
                    for row in sheet.iter_rows(**limits, values_only=True)
                ]
                for sheet in found
            ]
        finally:
            book.close()
    except Refusal:
        raise
    except Exception as error:  # a broken archive or another format can raise anything
        raise _unreadable() from error
    filled = [sheet for sheet in sheets if any(any(row) for row in sheet)]
    known = [sheet for sheet in filled if any(_key(cell) in VIEWER.headings for cell in sheet[0])]
    for sheet in known or filled:
        return "\n".join("\t".join(row).rstrip("\t") for row in sheet)
    return ""


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else clean(str(value))


# -- rows -----------------------------------------------------------------------------------------


def read_rows(text: str, *, words: bool = False) -> list[Row]:
    """The non-empty lines, split into cells. Columns are separated by tab, semicolon or comma, and
    with `words` by spaces where a line has none of these. Raises Refusal if there are too many."""
    text = _lines_of_json(text) or clean_lines(text)
    first = [line for line in text.splitlines()[:50] if line.strip()]
    delimiter = max(_DELIMITERS, key=lambda delimiter: sum(delimiter in line for line in first))
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for cells in reader:
            if len(rows) > MAX_ROWS:
                raise Refusal(
                    _("The list is too long."),
                    _("It can have at most {maximum} lines.").format(maximum=f"{MAX_ROWS:,}"),
                )
            if words and (len(cells) < 2 or _is_spaced(cells)):
                cells = _split(delimiter.join(cells))
            cells = [clean(read_cell(cell)) for cell in cells]
            if any(cells):
                rows.append(Row(reader.line_num, cells))
    except csv.Error as error:
        raise _unreadable() from error
    return rows


def _lines_of_json(text: str) -> str:
    """A list of objects, one in an object, or an object per line as CSV; "" for any other text.
    Among several objects with the same `_id` the last one counts, as in an append-only database."""
    if not text.lstrip("\ufeff \r\n\t").startswith(("{", "[")):
        return ""
    try:
        found: Any = [strict_json.decode(text)]
    except ValueError:
        try:
            found = [strict_json.decode(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return ""
    if len(found) == 1:
        whole = found[0]
        lists = [whole] if isinstance(whole, list) else list(whole.values())
        found = next(
            (
                candidate
                for candidate in lists
                if isinstance(candidate, list) and _of_objects(candidate)
            ),
            found,
        )
    objects = [_flat(row) for row in found if isinstance(row, dict)]
    newest = {row.get("_id", str(number)): row for number, row in enumerate(objects)}
    headings = list(dict.fromkeys(name for row in newest.values() for name in row))
    rows = ([row.get(name, "") for name in headings] for row in newest.values())
    out = io.StringIO()
    csv.writer(out, delimiter="\t").writerows([headings, *rows])
    return clean_lines(out.getvalue())


def _of_objects(found: list[Any]) -> bool:
    """Whether it is a list of objects."""
    return bool(found) and isinstance(found[0], dict)


def _flat(found: Mapping[str, Any]) -> dict[str, str]:
    """Numbers and texts of an object, and those of nested objects under the outer name, followed by
    the inner name if there are several.
    """
    flat: dict[str, str] = {}
    for name, value in found.items():
        inner = value if isinstance(value, dict) else {"": value}
        plain = {k: v for k, v in inner.items() if isinstance(v, int | float | str)}
        for key, cell in plain.items():
            flat[f"{name} {key}".strip() if len(plain) > 1 else name] = _shown(cell)
    return flat


def _is_spaced(cells: list[str]) -> bool:
    """Whether the comma belongs to a number, as in `MadCats 1,500`."""
    return (
        len(cells) > 1
        and re.fullmatch(r"\s*\S+ +[0-9]{1,3}", cells[0]) is not None
        and all(re.fullmatch("[0-9]{3}", cell) for cell in cells[1:])
    )


def _split(line: str) -> list[str]:
    """A line with a different separator than most, or with spaces."""
    if _is_spaced(line.split(",")):
        return line.split()
    mark = next((delimiter for delimiter in _DELIMITERS if delimiter in line), None)
    return line.split(mark) if mark else line.split()


# -- columns --------------------------------------------------------------------------------------


def read_table(
    text: str,
    columns: Sequence[Column],
    chosen: Mapping[str, int] | None = None,
    *,
    words: bool = False,
    in_order: bool = False,
) -> Table:
    """Read a list and recognise its columns.

    Args:
        chosen: name of a column -> its index as chosen by a person.
        words: see `read_rows`.
        in_order: without headings, the columns are the first ones.

    Raises:
        ColumnsUnclear: a column is neither chosen nor recognised for certain.
        Refusal: there are too many lines.
    """
    rows = read_rows(text, words=words)
    if not rows and not in_order:
        raise Refusal(_("The list is empty."), _("Write one viewer per line, such as MadCats,500."))
    named = {at: _key(cell) for at, cell in enumerate(rows[0].cells)} if rows else {}
    known = {_key(heading) for column in columns for heading in column.headings}
    if not (known & set(named.values()) or (not in_order and _looks_like_headings(rows, columns))):
        named = {}
    body = rows[1:] if named else rows
    widths = Counter(map(_width, body))
    if in_order:
        width = max(len(named), *widths, 0)
    else:
        width = len(named) or (widths.most_common(1)[0][0] if widths else 0)
    places = dict(chosen or {})
    for place, column in enumerate(columns):
        at = _by_heading(column, named, places) if named else place if in_order else None
        if at is not None:
            places.setdefault(column.name, at)
    if not in_order:
        ignored = {at for at, key in named.items() if key in _IGNORED or _COUNTED.fullmatch(key)}
        _by_content(columns, body, places, ignored, width)
    headings = [*rows[0].cells, *[""] * width][:width] if named else [""] * width
    odd = [row for row in body if _width(row) > width]
    table = Table(headings, places, [row for row in body if _width(row) <= width], odd)
    if missing := [
        column.name for column in columns if not column.optional and column.name not in places
    ]:
        raise ColumnsUnclear(table, missing)
    return table


def _width(row: Row) -> int:
    return max((at + 1 for at, cell in enumerate(row.cells) if cell), default=0)


def _key(heading: str) -> str:
    return re.sub(r"[\W_]+", "", fold(heading)) or heading.strip()


def _by_heading(column: Column, named: Mapping[int, str], taken: Mapping[str, int]) -> int | None:
    free = {named[at]: at for at in reversed(range(len(named))) if at not in taken.values()}
    return next((free[heading] for heading in map(_key, column.headings) if heading in free), None)


def _looks_like_headings(rows: Sequence[Row], columns: Sequence[Column]) -> bool:
    """Whether the first line has no number where the others have some."""
    if len(rows) < 2:
        return False
    number = columns[-1].holds
    return not any(map(number, rows[0].cells)) and any(map(number, rows[1].cells))


def _by_content(
    columns: Sequence[Column],
    rows: Sequence[Row],
    places: dict[str, int],
    ignored: set[int],
    width: int,
) -> None:
    """Find the columns without a heading, the last of which holds numbers, if only one combination
    fits.
    """
    name, numbers = columns[0], columns[-1]
    cells = [[row.cells[at] for row in rows if at < len(row.cells)] for at in range(width)]
    numeric = {
        at
        for at, theirs in enumerate(cells)
        if any(theirs) and _most(map(numbers.holds, filter(None, theirs)))
    }
    numeric -= {at for at in numeric if _counts_up(cells[at]) and len(numeric) > 1}
    if name.name not in places:
        taken = numeric | ignored | {*places.values()}
        others = [at for at in range(width) if at not in taken and any(cells[at])]
        if not others and width == 2 and numbers.name not in places:
            others = [0]
        texts = [at for at in others if not _counts_up(cells[at])]
        if len(texts) == 1:
            places[name.name] = texts[0]
    if numbers.name not in places:
        fitting = numeric - ignored - {*places.values()}
        if len(fitting) == 1:
            places[numbers.name] = fitting.pop()


def _most(answers: Iterable[bool]) -> bool:
    counted = Counter(answers)
    return counted[True] > counted[False]


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether it is 1, 2, 3 …, as ranks are."""
    return len(cells) > 1 and list(cells) == [str(n) for n in range(1, len(cells) + 1)]
