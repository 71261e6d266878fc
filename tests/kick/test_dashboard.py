"""The connection with Kick on the dashboard."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.guilds.store import find_channel
from core.inbox import store as inbox
from core.inbox.store import Delivery
from core.kick import health, pages
from core.kick.accounts import actions, connect, primary
from core.kick.bodies import WEBHOOK
from core.kit.runtime.clock import utc_now
from tests.dashboard.site import GUILD, OTHER_GUILD, Site, Visitor, follow, words

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
    assert all(
        check.found.split("`")[0] in shown for check in checks if check.name == "primary server"
    )
    assert "0 of 10 types of events are in order" in shown
    assert "not subscribed yet" in shown
    assert f'href="{PAGE}#account-title"' in admin.get(f"/g/{GUILD}/setup").text
    link = admin.post(f"{PAGE}/connect", page=PAGE).headers["Location"]
    assert link.startswith("/connect/kick/")


def test_connecting_leads_back_to_the_page_where_it_began(site: Site) -> None:
    site.clock.now = utc_now()  # which signs links
    admin = site.visitor("nora")
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")

    def link() -> str:
        return str(admin.post(f"{PAGE}/connect", page=PAGE).headers["Location"])

    for decision in ({"decision": "deny"}, {"person": "vera"}):
        refused = follow(admin, link(), **decision)
        assert refused.status_code == 403
        assert f'href="{PAGE}"' in refused.text
    back = follow(admin, link(), person="nora")
    assert (back.status_code, back.headers["Location"]) == (303, PAGE)
    assert "NoraPlays is connected to Nora's Corner." in html.unescape(words(admin.get(PAGE)))
    own, elsewhere = link(), site.visitor()  # the streamer's browser has no dashboard
    shown = follow(elsewhere, own, person="nora")
    assert (shown.status_code, "close this page" in words(shown)) == (200, True)


def test_ids_are_looked_up_again(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    assert admin.post(f"{PAGE}/sync", page=PAGE).status_code == 303
    assert "Synced from Kick: noraplays." in words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        assert actions.get_known_channel(work).chatroom_id


@pytest.mark.parametrize(("name", "reason"), [("", "Enter the channel"), ("nobody-here", "nobody")])
def test_unknown_channel_is_declined(site: Site, admin: Visitor, name: str, reason: str) -> None:
    answer = admin.post(f"{PAGE}/channel", page=PAGE, channel=name)
    assert (answer.status_code, reason in words(answer)) == (422, True)


def test_log_says_what_to_check_while_nothing_arrives(admin: Visitor) -> None:
    assert "No deliveries" in words(admin.get(f"/g/{GUILD}/webhooks?kind=x&outcome=y"))


def test_checklist_leads_to_the_next_step(site: Site, admin: Visitor) -> None:
    before = words(admin.get(f"/g/{GUILD}/setup"))
    assert "Enter the name of the Kick channel" in before
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    after = words(admin.get(f"/g/{GUILD}/setup"))
    assert "Link the streamer&#39;s Kick account" in after
    done = [re.findall(r"(\d+) of \d+ done", text)[0] for text in (before, after)]
    assert int(done[1]) > int(done[0])


def test_body_of_a_delivery_is_shown_without_secrets(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    with site.services.work_in(GUILD) as work:
        channel = find_channel(work.tx, GUILD, "kick")
        assert channel is not None
        body = {"content": "<b>hi</b>", "sender": {"access_token": "s3cr3t", "name": "Mia"}}
        for id_, lane in (("mine", f"kick:{channel.channel_id}"), ("theirs", "kick:1")):
            stored = Delivery(WEBHOOK, id_, "chat.message.sent", lane, body, work.now)
            inbox.add_deliveries(work.tx, [stored])
    log = f"/g/{GUILD}/webhooks"
    assert f'href="{log}/mine"' in admin.get(log).text
    shown = admin.get(f"{log}/mine").text
    assert "&lt;b&gt;hi&lt;/b&gt;" in shown
    assert "Mia" in shown
    assert "s3cr3t" not in shown
    assert admin.get(f"{log}/theirs").status_code == 404
    assert "No deliveries" in words(admin.get(f"{log}?until=2020-01-01"))
    assert f"{log}/mine" in admin.get(f"{log}?kind=chat.message.sent&page=9").text
    assert "No deliveries" in words(admin.get(f"{log}?kind=kicks.gifted"))
    assert "No deliveries" in words(admin.get(f"{log}?outcome=stale"))


def test_filter_finds_what_is_older_than_the_newest_lines(
    site: Site, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    monkeypatch.setattr(pages, "MAX_LINES", 1)
    with site.services.work_in(GUILD) as work:
        lane = f"kick:{actions.get_known_channel(work).broadcaster_user_id}"
        stored = [
            Delivery(WEBHOOK, id_, kind, lane, {}, work.now)
            for id_, kind in (("gift", "kicks.gifted"), ("chat", "chat.message.sent"))
        ]
        inbox.add_deliveries(work.tx, stored)
        for id_, days in (("gift", 1), ("chat", 0)):
            came = text("UPDATE inbox_deliveries SET received_at = :at WHERE delivery_id = :id")
            work.tx.execute(came, {"at": work.now - timedelta(days=days), "id": id_})
        today = work.now.date()
        assert pages.stats(work)[0].value == "1"
    log = f"/g/{GUILD}/webhooks"
    assert f"{log}/gift" not in admin.get(log).text
    assert f"{log}/gift" in admin.get(f"{log}?kind=kicks.gifted").text
    assert f"{log}/gift" in admin.get(f"{log}?until={today - timedelta(days=1)}").text
    assert f"{log}/gift" not in admin.get(f"{log}?since={today}").text


def test_ids_that_kicks_website_does_not_say_are_typed_in(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    admin.post(f"{PAGE}/sync", page=PAGE)
    with site.services.work_in(GUILD) as work:
        right = actions.get_known_channel(work).chatroom_id
    wrong = admin.post(f"{PAGE}/chatroom", page=PAGE, chatroom_id="1")
    assert (wrong.status_code, f"says it is {right}" in words(wrong)) == (422, True)
    assert 'value="1"' in wrong.text
    none = admin.post(f"{PAGE}/chatroom", page=PAGE, chatroom_id="x")
    assert (none.status_code, "must be a whole number" in words(none)) == (422, True)
    assert admin.post(f"{PAGE}/chatroom", page=PAGE, chatroom_id="0").status_code == 303
    assert "Chatroom ID cleared." in words(admin.get(PAGE))
    admin.post(f"{PAGE}/chatroom", page=PAGE, chatroom_id=str(right), site_channel_id="")
    with site.services.work_in(GUILD) as work:
        assert actions.get_known_channel(work).chatroom_id == right


def test_the_server_that_answers_in_chat_is_chosen(site: Site, admin: Visitor) -> None:
    admin.post(f"{PAGE}/channel", page=PAGE, channel="noraplays")
    assert "Who answers" not in words(admin.get(PAGE))
    connect.choose(site.services, OTHER_GUILD, "noraplays", 1)
    shown = admin.get(PAGE)
    assert "Vera&#39;s Den" in shown.text
    assert "Hand over" in words(shown)
    stranger = admin.post(f"{PAGE}/primary", page=PAGE, server="12345")
    assert (stranger.status_code, "No other server" in words(stranger)) == (422, True)
    handed = admin.post(f"{PAGE}/primary", page=PAGE, server=str(OTHER_GUILD))
    assert handed.status_code == 303
    assert "Answer from this server" in words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        assert primary.find_current(work) == OTHER_GUILD
    back = admin.post(f"{PAGE}/primary", page=PAGE)
    assert (back.status_code, "Vera&#39;s Den answers" in back.text) == (422, True)
