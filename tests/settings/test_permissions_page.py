"""Permissions on the dashboard."""

import re

from core.features import load_features
from core.guilds import actions as guilds
from core.kit.text.words import package_title
from core.roles import actions as rewards
from tests.conventions.documents import output_of
from tests.dashboard.site import GUILD, Site, words

PAGE = f"/g/{GUILD}/permissions"


def granted(site: Site) -> dict[str, list[int]]:
    with site.services.work_in(GUILD) as work:
        return guilds.list_permissions(work)


def test_groups_and_commands_are_those_of_the_bot(site: Site) -> None:
    page = site.visitor("nora").get(PAGE)
    groups = {command["group"] for command in output_of("--commands") if command["group"]}
    assert page.status_code == 200, words(page)
    assert set(re.findall(r'<h2 class="card-title" id="(\w+)-title"', page.text)) == groups
    for command in output_of("--commands"):
        if command["group"]:
            assert package_title(command["group"]) in words(page)
            assert f"/{command['name'].split()[0]}" in words(page)


def test_grant_and_revoke(site: Site) -> None:
    nora = site.visitor("nora")
    role = next(role for role in site.roles(GUILD) if role["name"] == "Regular")
    for text in ("Regular can now use Raffle.", "Regular already has Raffle."):
        assert nora.post(f"{PAGE}/raffle/grant", page=PAGE, role=role["id"]).status_code == 303
        assert text in words(nora.get(PAGE))
    assert granted(site) == {"raffle": [int(role["id"])]}
    for _again in range(2):
        assert nora.post(f"{PAGE}/raffle/revoke", page=PAGE, role=role["id"]).status_code == 303
        assert granted(site) == {}


def test_unknown_groups_and_roles_are_refused(site: Site) -> None:
    nora = site.visitor("nora")
    role = next(role["id"] for role in site.roles(GUILD) if role["name"] == "Regular")
    everyone, unknown = str(GUILD), "12345"
    own = next(role["id"] for role in site.roles(GUILD) if role["managed"])
    wrong = [
        ("permissions", role),
        *(("raffle", role_id) for role_id in (everyone, unknown, "x", own)),
    ]
    for group, given in wrong:
        assert nora.post(f"{PAGE}/{group}/grant", page=PAGE, role=given).status_code == 422
    assert granted(site) == {}
    assert f'value="{own}"' not in nora.get(PAGE).text


def test_no_group_for_a_role_that_viewers_get(site: Site) -> None:
    """Every setting that is a role, and reward roles, also while they are paused; the command says
    the same (test_permissions.py)."""
    nora = site.visitor("nora")
    role_id = int(next(role["id"] for role in site.roles(GUILD) if role["name"] == "Regular"))
    declared = [
        each for feature in load_features() for each in feature.settings if each.of == "role"
    ]
    assert declared, "wagers has one"

    def refused() -> str:
        answer = nora.post(f"{PAGE}/raffle/grant", page=PAGE, role=str(role_id))
        assert (answer.status_code, granted(site)) == (422, {})
        assert "Viewers get that role automatically" in words(answer)
        return words(answer)

    for setting in declared:
        with site.services.work_in(GUILD) as work:
            guilds.change_setting(work, setting, role_id)
        assert f"/settings reset {setting.key}" in refused()
        with site.services.work_in(GUILD) as work:
            guilds.change_setting(work, setting, 0)
    with site.services.work_in(GUILD) as work:
        rewards.add_reward(work, role_id, "Regular", 60)
        rewards.set_state(work, str(role_id), "off")
    assert "/roles remove" in refused()
    with site.services.work_in(GUILD) as work:
        rewards.remove_reward(work, str(role_id), take_back=False)
    assert nora.post(f"{PAGE}/raffle/grant", page=PAGE, role=str(role_id)).status_code == 303


def test_moderators_neither_see_nor_open_it(site: Site) -> None:
    site.discord.member("mia", roles=["Regular"])
    try:
        site.grant("Regular", "settings")
        mia = site.visitor("mia")
        assert PAGE not in mia.get(f"/g/{GUILD}/settings").text
        assert mia.get(PAGE).status_code == 403
    finally:
        site.discord.member("mia", roles=[])
