"""How rows fall on pages."""


def nearest_page(number: int, rows: int, per_page: int) -> tuple[int, int]:
    """The number of a page that is there, counted from 1, and how many there are: at least one,
    which is empty where there are no rows."""
    pages = max(1, -(-rows // per_page))
    return min(max(1, number), pages), pages
