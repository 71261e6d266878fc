"""Files for spreadsheets, without formulas."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_SIGNS = frozenset("=+-@\u2212\u2795\u2796")
"""Characters that start a formula, and those that some spreadsheets correct to them."""

_BLANK = frozenset("'\"\u115f\u1160\u2800\u3164\uffa0")
"""Quotes, which a spreadsheet may remove, and invisible characters."""

_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?")
_BREAK = re.compile(r"[\t\v\f\r\n\x1c-\x1e\x85\u2028\u2029]+")
"""Separators at which some spreadsheets begin a new cell."""


def csv_cell(cell: Any) -> Any:
    """The cell, with an apostrophe before a text that could run as a formula.

    Spreadsheets skip spaces and invisible characters, accept signs of any width, and in some
    countries split the file at semicolons. Numbers stay numbers.
    """
    if not isinstance(cell, str):
        return cell
    text = _BREAK.sub(" ", cell.replace("\0", ""))
    if _NUMBER.fullmatch(text):
        return text
    return ";".join(f"'{part}" if _is_formula(part) else part for part in text.split(";"))


def read_cell(text: str) -> str:
    """A cell as it was before `csv_cell`."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    for char in unicodedata.normalize("NFKC", text):
        if char not in _BLANK and unicodedata.category(char)[0] not in "CMZ":
            return char in _SIGNS
    return False


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A file with these headings and rows."""
    out = io.StringIO()
    csv.writer(out).writerows([csv_cell(cell) for cell in row] for row in (header, *rows))
    return out.getvalue()
