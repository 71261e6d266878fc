"""Wagers on the dashboard."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from core.guilds import actions as guilds
from core.kit.affiliate import Standing, standings_of
from core.people import store as people
from core.wagers import actions, counting
from core.wagers.rules import SHUFFLE, WagerSettings
from sandbox.shuffle import CODE, ShuffleDriver
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words

PAGE = f"/g/{GUILD}/wagers"


@pytest.fixture
def viewer_id(site: Site) -> int:
    """Mia, who has linked Kick and says that MiaSpins is hers at Shuffle."""
    with site.services.work_in(GUILD, IDS["mia"]) as work:
        found = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", found, work.now)
        actions.link(work, SHUFFLE, "MiaSpins")
        guilds.change_settings(work, WagerSettings, shuffle_code=CODE)
    shuffle = ShuffleDriver(site.discord.base_url)
    shuffle.player("MiaSpins", "1000")
    shuffle.close()
    return found


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def number_of(text: str) -> str:
    """The account's id in the page's forms."""
    found = re.search(rf"{PAGE}/(\d+)/", text)
    assert found
    return found[1]


def test_account_is_verified_once_and_unlinked(site: Site, admin: Visitor, viewer_id: int) -> None:
    before = admin.get(PAGE)
    assert "to verify" in words(before)
    account = number_of(before.text)
    for _click in range(2):
        assert admin.post(f"{PAGE}/{account}/verify", page=PAGE).status_code == 303
    assert "to verify" not in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/{account}/unlink", page=PAGE).status_code == 303
    assert "Nobody has linked an account" in words(admin.get(PAGE))
    again = admin.post(f"{PAGE}/{account}/unlink", page=PAGE)
    assert (again.status_code, "no longer linked" in words(again)) == (422, True)


def test_account_is_verified_for_somebody(site: Site, admin: Visitor, viewer_id: int) -> None:
    form = {"person": "MadCats", "username": ""}
    assert admin.post(f"{PAGE}/verify", page=PAGE, **form).status_code == 303
    with site.services.work_in(GUILD) as work:
        (account,) = actions.list_accounts(work, SHUFFLE)
    assert account.verified_at is not None
    unknown = admin.post(f"{PAGE}/verify", page=PAGE, person="Nobody", username="x")
    assert unknown.status_code == 422
    assert 'value="Nobody"' in unknown.text


def test_held_amount_is_counted_once_and_shown_with_the_person(
    site: Site, admin: Visitor, viewer_id: int
) -> None:
    account = number_of(admin.get(PAGE).text)
    admin.post(f"{PAGE}/{account}/verify", page=PAGE)
    site.clock.now += timedelta(seconds=60)
    total = Standing("MiaSpins", CODE, Decimal(900_000))
    with site.services.work_in(GUILD) as work:
        counting.count(work, SHUFFLE, standings_of(site.clock(), [total]))
    shown = admin.get(PAGE)
    assert "Unusual totals" in words(shown)
    found = re.search(rf"{PAGE}/held/(\d+)/release", shown.text)
    assert found
    assert admin.post(f"{PAGE}/held/{found[1]}/release", page=PAGE).status_code == 303
    assert admin.post(f"{PAGE}/held/{found[1]}/dismissal", page=PAGE).status_code == 422
    with site.services.work_in(GUILD) as work:
        counted = actions.list_counted(work, [int(account)])[int(account)]
    assert counted == Decimal(899_000)
    for page in (PAGE, f"/g/{GUILD}/people/{viewer_id}/cards"):
        assert "$899,000.00" in words(admin.get(page))


def test_checklist_asks_for_the_code(site: Site, admin: Visitor) -> None:
    setup = f"/g/{GUILD}/setup"
    assert "wagers of verified members become raffle tickets" in words(admin.get(setup))
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, WagerSettings, shuffle_code="NORA")
    assert "Members link their account" in words(admin.get(setup))
