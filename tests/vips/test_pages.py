"""VIPs on the dashboard and over the HTTP API: both do what the commands do."""

import csv
import io
from typing import Any

import pytest
from sqlalchemy import update

from core.api_tokens.actions import create_token
from core.events import Person
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kit.database.records import GuildId, MemberId, PlatformUserId, ViewerId
from core.people.actions import get_or_create_person
from core.twitch.accounts.actions import find_account
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.rules import SCOPES
from core.vips import actions, rewards, store
from core.vips.announcements import log
from core.vips.records import KnownVip, Redemption, Result, Reward
from core.vips.rules import RewardForm
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words
from tests.twitch.rig import MIA, NORA, TOMAS

PAGE = f"/g/{GUILD}/vips"


def connect(site: Site, guild_id: int = GUILD) -> None:
    """The streamer has connected Twitch, and has one VIP made by hand: TomasTV."""
    with site.services.work_in(guild_id, IDS["nora"]) as work:
        guilds.set_channel(work.tx, Channel(guild_id, "twitch", NORA, "noraplays"))
        work.add(
            TwitchAccount(
                guild_id=GuildId(guild_id),
                role="streamer",
                state="connected",
                refreshed_at=work.now,
                twitch_user_id=PlatformUserId(NORA),
                login="noraplays",
                name="NoraPlays",
                access_token="",
                refresh_token="",
                expires_at=work.now,
                scopes=list(SCOPES["streamer"]),
                connected_by=MemberId(IDS["nora"]),
                connected_at=work.now,
            )
        )
        viewer = get_or_create_person(
            work.tx, guild_id, "twitch", Person(user_id=TOMAS, name="TomasTV"), work.now
        )
        work.add(
            KnownVip(
                viewer_id=ViewerId(viewer), twitch_user_id=PlatformUserId(TOMAS), seen_at=work.now
            )
        )


@pytest.fixture
def admin(site: Site) -> Visitor:
    connect(site)
    return site.visitor("nora")


def sent(admin: Visitor, what: str, page: str = PAGE, **fields: object) -> str:
    answer = admin.post(f"{PAGE}/{what}", page=page, **fields)
    return words(admin.get(page) if answer.status_code == 303 else answer)


def confirm(site: Site) -> None:
    """As if Twitch had confirmed every session."""
    with site.services.work_in(GUILD) as work:
        for session in store.list_live(work):
            actions.mark_active(work, session)
            log(work, "granted", session, minutes=session.minutes)


def test_page_says_what_twitch_does_not_allow_yet(site: Site) -> None:
    admin = site.visitor("nora")
    assert "Twitch is not connected" in words(admin.get(PAGE))
    connect(site)
    assert "Authorise again" not in words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        work.execute(
            update(TwitchAccount).values(scopes=["channel:manage:vips", "moderation:read"])
        )
    shown = words(admin.get(f"{PAGE}/rewards"))
    assert "Authorise again" in shown
    assert shown.count("Missing Twitch permissions") == 1


def test_vips_are_given_extended_adopted_and_taken_away(admin: Visitor, site: Site) -> None:
    assert "MadCats will be a VIP in a few seconds." in sent(
        admin, "give", viewer="MadCats", duration="2d"
    )
    assert "waiting for Twitch" in words(admin.get(PAGE))
    confirm(site)
    assert "VIP #1 extended." in sent(admin, "1/extend", duration="24h")
    with site.services.work_in(GUILD) as work:
        session = store.get_session(work, 1)
        assert session.minutes == 3 * 24 * 60
        tomas = store.list_manual(work)[0].viewer_id
    assert "is not a valid duration." in sent(admin, "1/extend", duration="soon")
    assert "VIPs added on Twitch" in words(admin.get(PAGE))
    assert "End date set." in sent(admin, f"adopt/{tomas}", duration="7d")
    assert "2 VIPs extended." in sent(admin, "extend-all", duration="1h")
    assert "VIP #1 is being removed." in sent(admin, "1/revoke")
    assert "There is no Twitch account" in sent(admin, "give", viewer="nobody_of_this_name")


FORM = {
    "title": "VIP", "cost": "500", "duration": "1h", "prompt": "", "colour": "#9147ff",
    "max_per_stream": "0", "max_per_user": "1", "cooldown_seconds": "0",
}  # fmt: skip


def test_rewards_are_created_edited_paused_deleted_and_created_again(
    admin: Visitor, site: Site
) -> None:
    page = f"{PAGE}/rewards"
    assert "VIP will appear on Twitch" in sent(admin, "rewards/create", page, **FORM)
    assert "Another reward has that title." in sent(admin, "rewards/create", page, **FORM)
    assert "VIP saved." in sent(admin, "rewards/1/edit", page, **{**FORM, "cost": "600"})
    assert "600 points" in words(admin.get(page))
    sent(admin, "rewards/1/pause", page)
    with site.services.work_in(GUILD) as work:
        reward = store.get_reward(work, 1)
        assert (reward.pause, reward.cost, reward.minutes) == ("hand", 600, 60)
        reward.state = "deleted"
    assert "Create again" in words(admin.get(page))
    sent(admin, "rewards/1/again", page)
    with site.services.work_in(GUILD) as work:
        assert store.get_reward(work, 1).state == "creating"
        work.add(
            Reward(number=2, title="Hydrate", cost=5, is_ours=False, is_used=False, state="on",
                   reward_id="foreign", created_by=MemberId(0), created_at=work.now)
        )  # fmt: skip
    assert "created elsewhere: cannot be refunded" in words(admin.get(page))
    assert "only be changed on Twitch" in sent(admin, "rewards/2/pause", page)
    sent(admin, "rewards/1/delete", page)
    assert "VIP #1" not in words(admin.get(page))


def test_activity_is_filtered_and_downloaded(admin: Visitor, site: Site) -> None:
    sent(admin, "give", viewer="MadCats", duration="2d")
    confirm(site)
    sent(admin, "1/extend", duration="24h")
    shown = words(admin.get(f"{PAGE}/activity?act=extended"))
    assert "MadCats extended by a moderator Nora" in shown
    assert "No activity yet" in words(admin.get(f"{PAGE}/activity?source=bits"))
    file = admin.get(f"{PAGE}/activity.csv").text.removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(file)))
    assert [row[1] for row in rows[1:]] == ["extended", "granted"]


def test_figures_count_vips_points_and_renewals(admin: Visitor, site: Site) -> None:
    sent(admin, "give", viewer="MadCats", duration="2d")
    confirm(site)
    sent(admin, "1/extend", duration="24h")
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        made = rewards.create_reward(work, RewardForm(title="VIP"))
        viewer = store.list_live(work)[0].viewer_id
        results: dict[str, Result] = {"a": "granted", "b": "extended", "c": ""}
        for key, result in results.items():
            work.add(
                Redemption(redemption_id=key, viewer_id=viewer, reward=made.number, cost=500,
                           redeemed_at=work.now, result=result, try_at=work.now)
            )  # fmt: skip
    shown = words(admin.get(f"{PAGE}/analytics"))
    assert "Points spent 1,000 Renewals 1 Most used reward VIP (2)" in shown
    assert f"{site.clock().date()} 1" in shown


# -- the API --------------------------------------------------------------------------------------


class Program:
    def __init__(self, site: Site, guild_id: int = GUILD) -> None:
        with site.services.work_in(guild_id, IDS["nora"]) as work:
            token = create_token(work, "test", "write")
        self._client = site.app.test_client()
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        body: dict[str, Any] = {"json": sent} if method in ("POST", "PATCH") else {}
        answer = self._client.open(f"/api{path}", method=method, headers=self._headers, **body)
        assert answer.status_code == status, answer.text
        return answer.json

    def parts(self, path: str, limit: int) -> list[Any]:
        """A list, part by part."""
        found = [self("GET", f"{path}?limit={limit}")]
        while cursor := found[-1]["next_cursor"]:
            found.append(self("GET", f"{path}?limit={limit}&cursor={cursor}"))
        return found


def test_programs_manage_vips(site: Site) -> None:
    connect(site)
    ask = Program(site)
    made = ask("POST", "/vip", 201, viewer="MadCats", minutes=60)
    assert made["twitch_user_id"] == str(MIA)
    ask("POST", "/vip/extend", number=made["number"], minutes=30)
    adopted = ask("PATCH", "/vip", viewer="tomastv", minutes=60)
    assert adopted["source"] == "adopted"
    found = ask("GET", "/vip")
    assert [vip["name"] for vip in found["vips"]] == ["TomasTV", "MadCats"]
    ask("DELETE", f"/vip?number={made['number']}")
    assert len(ask("GET", "/vip")["vips"]) == 1
    assert "has ended" in ask("DELETE", f"/vip?number={made['number']}", 422)["detail"]


def test_programs_manage_rewards(site: Site) -> None:
    connect(site)
    ask = Program(site)
    made = ask("POST", "/channel-points", 201, title="\u202eVI\u200bP", cost=500, minutes=60)
    assert made["state"] == "creating"
    changed = ask("PATCH", "/channel-points", number=made["number"], cost=600, is_paused=True)
    assert (changed["cost"], changed["pause"], changed["title"]) == (600, "hand", "VIP")
    ask("DELETE", f"/channel-points?number={made['number']}")
    assert ask("GET", "/channel-points") == {"rewards": [], "next_cursor": None}


def test_lists_come_in_parts(site: Site) -> None:
    connect(site)
    ask = Program(site)
    for name in ("MadCats", "lil_bean"):
        ask("POST", "/vip", 201, viewer=name)
        ask("POST", "/channel-points", 201, title=name, cost=1)
    for path, lists in (("/vip", ("vips", "manual")), ("/channel-points", ("rewards",))):
        parts = ask.parts(path, limit=1)
        found = [sum(len(part[name]) for name in lists) for part in parts]
        assert found == [1] * (3 if path == "/vip" else 2)
        whole = ask("GET", path)
        assert sum(len(whole[name]) for name in lists) == len(found)
        assert whole["next_cursor"] is None


def test_disconnecting_offers_to_end_or_to_keep_the_vips(admin: Visitor, site: Site) -> None:
    page = f"/g/{GUILD}/twitch"
    assert "End them, then disconnect" not in words(admin.get(page))
    sent(admin, "give", viewer="MadCats", duration="2d")
    confirm(site)
    shown = words(admin.get(page))
    assert "Disconnect and keep them" in shown
    assert "1 viewer has VIP from the bot." in shown
    admin.post(f"{page}/disconnect", page=page, role="streamer", end="yes")
    with site.services.work_in(GUILD) as work:
        assert [one.end_reason for one in store.list_live(work)] == ["disconnected"]
        assert find_account(work) is not None, "first Twitch has to confirm it"
    admin.post(f"{page}/disconnect", page=page, role="streamer")
    with site.services.work_in(GUILD) as work:
        assert find_account(work) is None
        assert [one.act for one in store.list_activity(work)] == ["kept", "granted"]


def test_what_the_bot_did_is_in_the_audit_log(admin: Visitor, site: Site) -> None:
    with site.services.work_in(GUILD) as work:  # the bot's own work
        viewer = get_or_create_person(
            work.tx, GUILD, "twitch", Person(user_id=MIA, name="MadCats"), work.now
        )
        actions.start_session(work, viewer, MIA, 60, "bits")
    confirm(site)
    assert "made MadCats a VIP (bits, 1 h 00 min)" in words(admin.get(f"/g/{GUILD}/audit_log"))
