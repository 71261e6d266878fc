"""How rows are split into pages."""

from hypothesis import given
from hypothesis import strategies as st

from core.kit.discord.paginator import nearest_page

rows = st.integers(0, 500)
per_page = st.integers(1, 30)


@given(rows=rows, per_page=per_page)
def test_every_row_is_on_exactly_one_page(rows: int, per_page: int) -> None:
    _number, pages = nearest_page(1, rows, per_page)
    sheets = [range(rows)[page * per_page : (page + 1) * per_page] for page in range(pages)]
    assert [row for sheet in sheets for row in sheet] == list(range(rows))
    assert all(sheets) or (rows, pages) == (0, 1)


@given(rows=rows, per_page=per_page, number=st.integers(-5, 600))
def test_page_out_of_range_becomes_the_nearest(rows: int, per_page: int, number: int) -> None:
    there, pages = nearest_page(number, rows, per_page)
    assert there == sorted((1, number, pages))[1]
