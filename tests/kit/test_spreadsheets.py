"""CSV files that no spreadsheet runs."""

import csv
import io
import re
from pathlib import Path

import pytest

from core.kit.text.spreadsheets import csv_cell, csv_text, read_cell

BEFORE = ["", " ", "\t", "\r", "\n", "\0", "\u00a0", "\u200b", "\u034f", "\u202e", "\ufeff"]
FORMULAS = [
    before + sign + "cmd|'/c calc'!A1"
    for sign in "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212\u207a"
    for before in (
        "",
        " ",
        "\t",
        "\r",
        "\n",
        "\0",
        "\u00a0",
        "\u200b",
        "\u034f",
        "\u202e",
        "\ufeff",
    )
] + ['"=1+1', "'=1+1", "\u3164=1+1", "\u2800@SUM(1)", "-5+cmd|'/c calc'!A1", "+", "=", "--5"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text: str) -> None:
    cell = csv_cell(text)
    assert cell.startswith("'")
    assert not re.search(r"[\t\r\n\0]", cell)


@pytest.mark.parametrize("text", ["x;=1+1", "x; =1+1", "x;y;\uff1d1"])
def test_a_file_that_is_split_at_semicolons_has_no_formula(text: str) -> None:
    assert all(part.startswith(("x", "y", "'")) for part in csv_cell(text).split(";"))


@pytest.mark.parametrize("value", ["-5", "+1,234", "-5.25", -5, 1.5, None, "MadCats", "a-b", "1=1"])
def test_numbers_and_plain_texts_stay(value: object) -> None:
    assert csv_cell(value) == value


@pytest.mark.parametrize("text", ["=5 Wilds", "'=x", "-5", "Rock 'n' Roll", "'Tis", "@x"])
def test_a_downloaded_file_reads_as_before(text: str) -> None:
    assert read_cell(csv_cell(text)) == text


def test_headings_and_cells_of_a_file() -> None:
    file = csv_text(("=h", "b"), [("\t=1", 'say "hi", ok'), (-5, "-5")])
    rows = list(csv.reader(io.StringIO(file)))
    assert rows == [["'=h", "b"], ["' =1", 'say "hi", ok'], ["-5", "-5"]]


def test_every_file_has_the_same_writer() -> None:
    core = Path(__file__).parents[2] / "core"
    writes = {p.name for p in core.rglob("*.py") if "csv.writer" in p.read_text("utf-8")}
    assert writes - {"tables.py"} == {"spreadsheets.py"}, "tables.py writes only what it reads"
