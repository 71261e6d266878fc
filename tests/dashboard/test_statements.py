"""No page asks the database too often, however much it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from tests.dashboard.site import GUILD, Site
from tests.dashboard.test_access import path_of

MOST = 15

NO_PAGES = {
    "dashboard.live",
    "dashboard.arrive",
    "dashboard.me_privacy.download",
    "dashboard.health.health",
}
"""A stream, the way back from Discord, a file with everything that is stored about somebody, and
the health page, which runs the checks of every package."""


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """What is run inside the block."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        found.append(sql)

    engine = site.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_no_page_needs_more_than_fifteen_statements(site: Site) -> None:
    admin = site.visitor("nora")
    admin.get(f"/g/{GUILD}/")  # what Discord says is known from here on
    counted = {}
    for rule in site.app.url_map.iter_rules():
        is_page = rule.endpoint.startswith("dashboard.") and "GET" in (rule.methods or ())
        if not is_page or rule.endpoint in NO_PAGES:
            continue
        with statements(site) as found:
            admin.get(path_of(rule)).close()
        counted[rule.endpoint] = len(found)
    assert max(counted.values()) > 3
    overview = counted.pop("dashboard.overview")
    assert {name: count for name, count in counted.items() if count > MOST} == {}
    # It has a number or a step of every feature.
    assert overview <= 3 * MOST
