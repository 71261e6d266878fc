"""Permissions on the dashboard."""

import re

from core.guilds import actions as guilds
from core.kit.discord.access import group_title
from tests.conventions.documents import told
from tests.dashboard.site import GUILD, Site, words

PAGE = f"/g/{GUILD}/permissions"


def granted(site: Site) -> dict[str, list[int]]:
    with site.services.work_in(GUILD) as work:
        return guilds.list_permissions(work)


def test_groups_and_commands_are_those_of_the_bot(site: Site) -> None:
    page = site.visitor("nora").get(PAGE)
    groups = {one["group"] for one in told("--commands") if one["group"]}
    assert page.status_code == 200, words(page)
    assert set(re.findall(r'<h2 class="card-title" id="(\w+)-title"', page.text)) == groups
    for one in told("--commands"):
        if one["group"]:
            assert group_title(one["group"]) in words(page)
            assert f"/{one['name'].split()[0]}" in words(page)


def test_grant_and_revoke(site: Site) -> None:
    nora = site.visitor("nora")
    role = next(one for one in site.roles(GUILD) if one["name"] == "Regular")
    for text in ("Regular may use Raffle now.", "Regular has Raffle already."):
        assert nora.post(f"{PAGE}/raffle/grant", page=PAGE, role=role["id"]).status_code == 303
        assert text in words(nora.get(PAGE))
    assert granted(site) == {"raffle": [int(role["id"])]}
    for _again in range(2):
        assert nora.post(f"{PAGE}/raffle/revoke", page=PAGE, role=role["id"]).status_code == 303
        assert granted(site) == {}


def test_unknown_groups_and_roles_are_refused(site: Site) -> None:
    nora = site.visitor("nora")
    role = next(one["id"] for one in site.roles(GUILD) if one["name"] == "Regular")
    everyone, unknown = str(GUILD), "12345"
    own = next(one["id"] for one in site.roles(GUILD) if one["managed"])
    wrong = [("permissions", role), *(("raffle", one) for one in (everyone, unknown, "x", own))]
    for group, given in wrong:
        assert nora.post(f"{PAGE}/{group}/grant", page=PAGE, role=given).status_code == 422
    assert granted(site) == {}
    assert f'value="{own}"' not in nora.get(PAGE).text


def test_moderators_neither_see_nor_open_it(site: Site) -> None:
    site.discord.member("mia", roles=["Regular"])
    try:
        site.grant("Regular", "settings")
        mia = site.visitor("mia")
        assert PAGE not in mia.get(f"/g/{GUILD}/settings").text
        assert mia.get(PAGE).status_code == 403
    finally:
        site.discord.member("mia", roles=[])
