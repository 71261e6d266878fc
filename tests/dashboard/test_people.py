"""The search for people, and the page about one."""

import pytest

from core.events import Person
from core.people.actions import get_or_create_person
from core.people.exclusions.actions import is_excluded
from core.people.linking.actions import link_account
from core.people.linklog.actions import log_link
from core.people.notes import actions as notes
from core.people.records import Viewer
from core.watchtime import actions as watchtime
from tests.dashboard.site import GUILD, IDS, OTHER_GUILD, Site, Visitor, words

PAGE = f"/g/{GUILD}/people"


@pytest.fixture
def ids(site: Site) -> dict[str, int]:
    """Name -> viewer id, of three viewers; the last is of another server."""
    found: dict[str, int] = {}
    for guild_id, name in ((GUILD, "MadCats"), (GUILD, "Mad_Max"), (OTHER_GUILD, "MadVera")):
        with site.services.work_in(guild_id) as work:
            person = Person(user_id=len(found) + 1, name=name)
            found[name] = get_or_create_person(work.tx, guild_id, "kick", person, work.now)
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
    shown = words(admin.get(f"{PAGE}/{ids['MadCats']}/cards"))
    assert "Watchtime Total 1 h 30 min" in shown
    assert admin.get(f"{PAGE}/{ids['MadVera']}").status_code == 404


def test_person_is_excluded_and_included_again(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    page = f"{PAGE}/{ids['MadCats']}"
    form = {"scope": "raffle", "reason": "cheats"}
    assert admin.post(f"{page}/exclude", page=page, **form).status_code == 303
    assert "Excluded from raffle: cheats" in words(admin.get(page))
    with site.services.work_in(GUILD) as work:
        assert is_excluded(work, ids["MadCats"], "raffle")
        assert not is_excluded(work, ids["MadCats"], "watchtime")
    again = admin.post(f"{page}/exclude", page=page, **form)
    assert (again.status_code, "is already excluded" in words(again)) == (422, True)
    assert admin.post(f"{page}/include", page=page, scope="raffle").status_code == 303
    with site.services.work_in(GUILD) as work:
        assert not is_excluded(work, ids["MadCats"], "raffle")
    assert admin.post(f"{page}/include", page=page, scope="raffle").status_code == 422
    assert admin.post(f"{page}/exclude", page=page, scope="x").status_code == 400
    other = f"{PAGE}/{ids['MadVera']}/exclude"
    assert admin.post(other, page=page).status_code == 404


def test_notes_are_written_once_and_deleted(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    page = f"{PAGE}/{ids['MadCats']}"
    for _click in range(2):
        assert admin.post(f"{page}/note", page=page, note=" Was <warned>. ").status_code == 303
    with site.services.work_in(GUILD) as work:
        (note,) = notes.list_notes(work, [ids["MadCats"]])
    assert (note.text, note.written_by) == ("Was <warned>.", IDS["nora"])
    assert "Was &lt;warned&gt;." in admin.get(page).text
    for text in ("", "x" * 501):
        refused = admin.post(f"{page}/note", page=page, note=text)
        assert (refused.status_code, text in refused.text) == (422, True)
    foreign = f"{PAGE}/{ids['Mad_Max']}/note/{note.id}/delete"
    assert admin.post(foreign, page=page).status_code == 422
    assert admin.post(f"{page}/note/{note.id}/delete", page=page).status_code == 303
    assert "warned" not in words(admin.get(page))


def test_account_is_unlinked_by_an_admin(site: Site, admin: Visitor, ids: dict[str, int]) -> None:
    page = f"{PAGE}/{ids['MadCats']}"
    link(site, ids["MadCats"], "mia")
    assert "not linked" not in words(admin.get(page))
    assert admin.post(f"{page}/unlink", page=page).status_code == 303
    assert "not linked" in words(admin.get(page))
    assert admin.post(f"{page}/unlink", page=page).status_code == 422
    shown = words(admin.get(f"/g/{GUILD}/link_log"))
    assert "Unlinked by an admin" in shown
    assert "MadCats" in shown


def link(site: Site, viewer_id: int, person: str) -> None:
    with site.services.work_in(GUILD, IDS[person]) as work:
        viewer = work.find(Viewer, viewer_id)
        assert viewer is not None
        same = Person(user_id=viewer.platform_user_id, name=viewer.name)
        link_account(work, "kick", same)


def test_history_has_the_logs_about_a_person(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    link(site, ids["MadCats"], "mia")
    page = f"{PAGE}/{ids['MadCats']}"
    admin.post(f"{page}/exclude", page=page, scope="raffle", reason="cheats")
    shown = words(admin.get(f"{page}/history"))
    assert "MadCats: Linked" in shown
    assert "excluded MadCats" in shown
    other = words(admin.get(f"{PAGE}/{ids['Mad_Max']}/history"))
    assert "excluded" not in other
    assert "Linked" not in other


def test_link_log_is_filtered_and_downloaded(
    site: Site, admin: Visitor, ids: dict[str, int]
) -> None:
    log = f"/g/{GUILD}/link_log"
    assert "Nobody has linked an account yet" in words(admin.get(log))
    link(site, ids["MadCats"], "mia")
    with site.services.work_in(GUILD, IDS["leo"]) as work:
        log_link(work, "failed", IDS["leo"], "kick", "Mad_Max", "account_taken")
    assert "linked to another member" in words(admin.get(log))
    found = words(admin.get(log, query_string={"kind": "linked", "text": "@madc"}))
    assert "MadCats" in found
    assert "Mad_Max" not in found
    assert "Mad_Max" in words(admin.get(log, query_string={"text": str(IDS["leo"])}))
    assert "Nothing matches" in words(admin.get(log, query_string={"since": "2030-01-01"}))
    rows = admin.get(f"{log}/entries.csv").text.splitlines()
    assert len(rows) == 3


def test_own_account_is_unlinked_and_linked_on_the_own_page(
    site: Site, ids: dict[str, int]
) -> None:
    me, mia = f"/me/{GUILD}", site.visitor("mia")
    link(site, ids["MadCats"], "mia")
    link(site, ids["Mad_Max"], "leo")
    assert "MadCats" in words(mia.get(me))
    assert mia.post(f"{me}/people/{ids['Mad_Max']}/unlink", page=me).status_code == 422
    assert mia.post(f"{me}/people/{ids['MadCats']}/unlink", page=me).status_code == 303
    shown = words(mia.get(me))
    assert "no longer linked" in shown
    assert "Link my Kick account" in shown
    away = mia.post(f"{me}/people/kick/link", page=me)
    assert away.status_code == 303
    assert "/link/kick" in away.headers["Location"]
