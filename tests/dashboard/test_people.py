"""The search for people, and the page about one."""

import pytest

from core.events import Person
from core.people.actions import meet_person
from core.people.exclusions.actions import is_excluded
from core.watchtime import actions as watchtime
from tests.dashboard.site import GUILD, OTHER_GUILD, Site, Visitor, words

PAGE = f"/g/{GUILD}/people"


@pytest.fixture
def ids(site: Site) -> dict[str, int]:
    """Name -> viewer id, of three viewers; the last is of another server."""
    found: dict[str, int] = {}
    for guild_id, name in ((GUILD, "MadCats"), (GUILD, "Mad_Max"), (OTHER_GUILD, "MadVera")):
        with site.services.work_in(guild_id) as work:
            person = Person(user_id=len(found) + 1, name=name)
            found[name] = meet_person(work.tx, guild_id, "kick", person, work.now)
            watchtime.adjust(work, name, 90, "test", name)
    return found


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


@pytest.mark.parametrize(
    ("text", "names"),
    [("", {"MadCats", "Mad_Max"}), ("mad", {"MadCats", "Mad_Max"}), ("@MADC", {"MadCats"}),
     ("mad_", {"Mad_Max"}), ("%", set()), ("310000000000000001", set())],
)  # fmt: skip
def test_search_finds_names_of_this_server(
    admin: Visitor, ids: dict[str, int], text: str, names: set[str]
) -> None:
    shown = words(admin.get(PAGE, query_string={"search": text}))
    assert {name for name in ids if name in shown} == names


def test_page_about_a_person_has_a_part_of_each_feature(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    shown = words(admin.get(f"{PAGE}/{ids['MadCats']}"))
    assert "not linked" in shown
    assert "Watchtime In all 1 h 30 min" in shown
    assert admin.get(f"{PAGE}/{ids['MadVera']}").status_code == 404


def test_person_is_excluded_from_everything(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    page = f"{PAGE}/{ids['MadCats']}"
    assert admin.post(f"{page}/exclude", page=page, reason="cheats").status_code == 303
    assert "Excluded from everything: cheats" in words(admin.get(page))
    with site.services.work_in(GUILD) as work:
        assert is_excluded(work, ids["MadCats"], "raffle")
    other = f"{PAGE}/{ids['MadVera']}/exclude"
    assert admin.post(other, page=page).status_code == 404
