"""Downloading and deleting one's own data on one's own page."""

import pytest

from core.events import Person
from core.people.actions import get_or_create_person
from core.people.store import add_link, find_link
from core.privacy import actions
from core.watchtime import actions as watchtime
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words

PAGE = f"/me/{GUILD}"


@pytest.fixture
def mia(site: Site) -> Visitor:
    """A viewer whose account is linked."""
    with site.services.work_in(GUILD) as work:
        person = Person(user_id=7, name="MadCats")
        viewer_id = get_or_create_person(work.tx, GUILD, "kick", person, work.now)
        watchtime.adjust(work, "MadCats", 90, "test", "once")
        add_link(work.tx, GUILD, IDS["mia"], "kick", viewer_id, work.now)
    return site.visitor("mia")


def linked(site: Site) -> bool:
    with site.services.work_in(GUILD) as work:
        return find_link(work, IDS["mia"]) is not None


def test_own_page_shows_what_counts(mia: Visitor) -> None:
    assert "1 h 30 min" in words(mia.get(PAGE))


def test_download_is_the_file_of_the_command(site: Site, mia: Visitor) -> None:
    file = mia.get(f"{PAGE}/privacy/data.json")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.json is not None
    assert file.json["about"]["your_discord_id"] == IDS["mia"]
    assert file.json["watchtime_totals"]
    with site.services.database.begin() as tx:
        subject = actions.who_asks(tx, GUILD, IDS["mia"], ["MadCats"], site.clock())
    assert {account.name for account in subject.accounts} == {"MadCats"}


def test_deletion_asks_first(site: Site, mia: Visitor) -> None:
    declined = mia.post(f"{PAGE}/privacy/forget", page=PAGE)
    assert (declined.status_code, "Tick the box" in words(declined)) == (422, True)
    assert linked(site)
    done = mia.post(f"{PAGE}/privacy/forget", page=PAGE, sure="1")
    # The logins are among what is deleted.
    assert (done.status_code, linked(site)) == (303, False)
    assert mia.get(PAGE).status_code == 303
