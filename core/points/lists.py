"""Lists of viewers and points that admins paste or upload."""

from collections.abc import Mapping
from typing import NamedTuple

from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.amounts import parse_amount
from core.kit.text.tables import VIEWER, Column, Table, read_table
from core.people.lookup import SeveralPeople, find_people
from core.people.store import fold
from core.points.store import HAS_POINTS

_POINTS = """
    points point balance currency coins coin currentpoints loyaltypoints score amount punkte
    punktestand guthaben kontostand solde monnaie pièces puntos saldo monedas pontos moedas punti
    monete punten punkty poäng poeng puan bakiye очки баллы баланс бали value"""


def _is_points(cell: str) -> bool:
    try:
        parse_amount(cell, digits=8)
    except Refusal:
        return False
    return True


COLUMNS = (VIEWER, Column("points", tuple(_POINTS.split()), _is_points))


class Lines(NamedTuple):
    """A list of viewers and points.

    Attributes:
        named: line, folded name and amount of each.
        wrong: the invalid lines.
    """

    named: list[tuple[str, str, int]]
    wrong: list[str]
    table: Table


class Pasted(NamedTuple):
    """Parsed lines of a grant.

    Attributes:
        amounts: viewer id -> points.
        wrong: the invalid lines.
        unclear: ambiguous names; their lines are among the invalid ones.
    """

    amounts: dict[int, int]
    wrong: list[str]
    unclear: list[SeveralPeople]


def parse_lines(pasted: str, chosen: Mapping[str, int] | None = None) -> Lines:
    """Parse lines such as `MadCats,500` or `MadCats 5k`, or an export with headings. Raises Refusal
    if there are too many lines, or the columns of names and points are unclear."""
    table = read_table(pasted, COLUMNS, chosen, words=True)
    named: list[tuple[str, str, int]] = []
    wrong = [row.text for row in table.odd]
    for row in table.rows:
        name = fold(table.cell(row, "name").removeprefix("@"))
        try:
            amount = int(parse_amount(table.cell(row, "points"), digits=0))
        except Refusal:
            amount = -1
        if name and amount >= 0:
            named.append((row.text, name, amount))
        else:
            wrong.append(row.text)
    return Lines(named, wrong, table)


def read_pasted(work: Work, pasted: str, chosen: Mapping[str, int] | None = None) -> Pasted:
    """Match pasted lines to viewers. Amounts of a repeated name are added up."""
    amounts: dict[int, int] = {}
    named, wrong, _table = parse_lines(pasted, chosen)
    asked = {name for _line, name, _amount in named}
    known, several = find_people(work, asked, meant=HAS_POINTS)
    for line, name, amount in named:
        if name in known:
            viewer_id = known[name].viewer_id
            amounts[viewer_id] = amounts.get(viewer_id, 0) + amount
        else:
            wrong.append(line)
    return Pasted(amounts, wrong, list(several.values()))
