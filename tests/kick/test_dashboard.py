"""The connection with Kick on the dashboard."""

import re

import pytest

from core.guilds.store import find_channel
from core.kick import health
from core.kick.accounts import actions
from tests.dashboard.site import GUILD, Site, Visitor, words

PAGE = f"/g/{GUILD}/kick"


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def test_server_gets_its_channel_and_a_link_to_connect_it(site: Site, admin: Visitor) -> None:
    assert "not set" in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays").status_code == 303
    with site.services.work_in(GUILD) as work:
        channel = find_channel(work.tx, GUILD, "kick")
        checks = health.examine(work, site.services)
    assert channel is not None
    assert channel.slug == "noraplays"
    shown = words(admin.get(PAGE))
    assert str(channel.channel_id) in shown
    assert all(one.found.split("`")[0] in shown for one in checks if one.name == "primary server")
    link = admin.post(f"{PAGE}/connect", page=PAGE).headers["Location"]
    assert link.startswith("/connect/kick/")


def test_ids_are_looked_up_again(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    assert admin.post(f"{PAGE}/sync", page=PAGE).status_code == 303
    assert "Kick is in sync: noraplays." in words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        assert actions.get_known_channel(work).chatroom_id


@pytest.mark.parametrize(("name", "reason"), [("", "Type the channel"), ("nobody-here", "nobody")])
def test_unknown_channel_is_declined(site: Site, admin: Visitor, name: str, reason: str) -> None:
    answer = admin.post(f"{PAGE}/channel", page=PAGE, channel=name)
    assert (answer.status_code, reason in words(answer)) == (422, True)


def test_without_an_account_nothing_is_disconnected_or_said(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    assert "No Kick account is connected" in words(admin.post(f"{PAGE}/disconnect", page=PAGE))


def test_log_says_what_to_check_while_nothing_arrives(admin: Visitor) -> None:
    assert "No deliveries" in words(admin.get(f"/g/{GUILD}/webhooks?kind=x&outcome=y"))


def test_checklist_leads_to_the_next_step(site: Site, admin: Visitor) -> None:
    before = words(admin.get(f"/g/{GUILD}/setup"))
    assert "Choose the Kick channel" in before
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    after = words(admin.get(f"/g/{GUILD}/setup"))
    assert "Link the streamer&#39;s Kick account" in after
    done = [re.findall(r"(\d+) of \d+ done", text)[0] for text in (before, after)]
    assert int(done[1]) > int(done[0])
