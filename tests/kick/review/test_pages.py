"""Missed events on the dashboard: what `/missed` lists and decides."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.inbox import store as inbox
from core.kick.review import actions, messages
from core.kick.review.records import ReviewItem
from core.kit.database.records import PlatformUserId
from tests.dashboard.site import GUILD, OTHER_GUILD, Site, Visitor, words

PAGE = f"/g/{GUILD}/missed"


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def add(site: Site, name: str, *, is_counted: bool = False, guild_id: int = GUILD) -> None:
    """Kicks that no webhook confirmed for an hour, or a gift that counted twice."""
    with site.services.work_in(guild_id) as work:
        work.add(_item(name, work.now - timedelta(hours=1), is_counted=is_counted))


def _item(name: str, at: datetime, *, is_counted: bool) -> ReviewItem:
    return ReviewItem(
        kind="duplicate" if is_counted else "kicks",
        key=f"seen|{name}",
        subject=f"seen|{name}",
        drop=f"seen|{name}",
        channel_id=PlatformUserId(1),
        at=at,
        giver=name,
        giver_id=PlatformUserId(42),
        receiver="VeraSpins" if is_counted else "",
        amount=500,
        gift_name="Rage Quit",
        is_counted=is_counted,
    )


def states(site: Site, guild_id: int = GUILD) -> dict[str, str]:
    with site.services.work_in(guild_id) as work:
        return {one.giver: one.state for one in work.scalars(select(ReviewItem))}


def test_page_shows_what_the_command_lists(site: Site, admin: Visitor) -> None:
    assert "Nothing is missing" in words(admin.get(PAGE))
    add(site, "Mia_X")
    add(site, "Tom", is_counted=True)
    shown = words(admin.get(PAGE))
    assert "Mia_X gave 500 Kicks (Rage Quit)" in shown
    assert "Tom gifted VeraSpins a subscription" in shown
    with site.services.work_in(GUILD) as work:
        listed = messages.payload(actions.list_queue(work))["events"]
    assert [one["number"] for one in listed] == [1, 2]
    assert all(f"#{one['number']}" in shown for one in listed)


def test_event_is_credited_once(site: Site, admin: Visitor) -> None:
    add(site, "Mia_X")
    assert admin.post(f"{PAGE}/1/credit", page=PAGE).status_code == 303
    assert "Credited #1" in words(admin.get(PAGE))
    again = admin.post(f"{PAGE}/1/credit", page=PAGE)
    assert (again.status_code, "was already credited" in words(again)) == (422, True)
    assert states(site) == {"Mia_X": "credited"}
    with site.services.database.begin() as tx:
        (credited,) = inbox.list_waiting(tx, "kick:1", 10)
    assert credited.kind == "KicksGifted"


def test_event_is_dismissed_or_taken_back(site: Site, admin: Visitor) -> None:
    add(site, "Mia_X")
    add(site, "Tom", is_counted=True)
    with site.services.work_in(GUILD) as work:
        numbers = {entry[0].giver: entry[0].number for entry in actions.list_queue(work)}
    wrong = admin.post(f"{PAGE}/{numbers['Mia_X']}/undo", page=PAGE)
    assert (wrong.status_code, "nothing to take back" in words(wrong)) == (422, True)
    assert admin.post(f"{PAGE}/{numbers['Mia_X']}/dismiss", page=PAGE).status_code == 303
    assert admin.post(f"{PAGE}/{numbers['Tom']}/undo", page=PAGE).status_code == 303
    assert states(site) == {"Mia_X": "dismissed", "Tom": "taken_back"}
    assert "Nothing is missing" in words(admin.get(PAGE))


def test_another_server_sees_nothing_of_it(site: Site, admin: Visitor) -> None:
    add(site, "Mia_X", guild_id=OTHER_GUILD)
    with site.services.work_in(OTHER_GUILD) as work:
        assert actions.list_queue(work)[0][0].number == 1
    assert "Nothing is missing" in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/1/dismiss", page=PAGE).status_code == 422
    assert states(site, OTHER_GUILD) == {"Mia_X": "open"}
