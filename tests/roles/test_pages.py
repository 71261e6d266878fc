"""Role rewards on the dashboard."""

import re

import pytest

from core.guilds import actions as guilds
from core.kit.database.records import MemberId, RoleId
from core.kit.discord import rest as discord_rest
from core.kit.errors import Refusal
from core.kit.seen_roles import SeenRole
from core.people import store as people
from core.roles import actions
from core.roles.records import RoleGrant, RoleReward
from core.roles.rules import RoleSettings, State
from core.wagers.rules import WagerSettings
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words

PAGE = f"/g/{GUILD}/roles"


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def role(page: str, name: str) -> str:
    """The id of a role that the form offers."""
    return next(iter(re.findall(rf'<option value="(\d+)"[^>]*>{name}</option>', page)), "")


def rewards(site: Site) -> dict[str, tuple[int | None, str]]:
    with site.services.work_in(GUILD) as work:
        return {
            reward.name: (reward.minutes, reward.state)
            for reward in actions.get_status(work).rewards
        }


def test_reward_is_added_changed_paused_and_removed(site: Site, admin: Visitor) -> None:
    assert "No role rewards yet" in words(admin.get(PAGE))
    regular = role(admin.get(PAGE).text, "Regular")
    form = {"role": regular, "for": "watching", "minutes": "600"}
    assert admin.post(f"{PAGE}/add", page=PAGE, **form).status_code == 303
    assert rewards(site) == {"Regular": (600, "on")}
    again = admin.post(f"{PAGE}/add", page=PAGE, **form)  # a second click
    assert "is already a reward" in words(again)
    admin.post(f"{PAGE}/{regular}/minutes", page=PAGE, minutes="30")
    admin.post(f"{PAGE}/{regular}/off", page=PAGE)
    assert rewards(site) == {"Regular": (30, "off")}
    assert "Paused" in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/{regular}/remove", page=PAGE).status_code == 303
    assert rewards(site) == {}


def test_role_for_linking(site: Site, admin: Visitor) -> None:
    regular = role(admin.get(PAGE).text, "Regular")
    admin.post(f"{PAGE}/add", page=PAGE, role=regular, **{"for": "linking"})
    assert rewards(site) == {"Regular": (None, "on")}


@pytest.mark.parametrize("minutes", ["0", "5000001", "x"])
def test_declined_minutes_are_kept(site: Site, admin: Visitor, minutes: str) -> None:
    regular = role(admin.get(PAGE).text, "Regular")
    answer = admin.post(f"{PAGE}/add", page=PAGE, role=regular, minutes=minutes)
    assert answer.status_code == 422
    assert f'value="{minutes}"' in answer.text
    assert rewards(site) == {}


def test_moderators_cannot_give_roles_as_high_as_their_own(site: Site) -> None:
    """Nobody may raise themselves."""
    site.grant("Moderator", "roles")
    tomas = site.visitor("tomas")
    page = tomas.get(PAGE).text
    assert role(page, "Regular")
    assert not role(page, "Moderator")
    theirs = role(site.visitor("nora").get(PAGE).text, "Moderator")
    assert tomas.post(f"{PAGE}/add", page=PAGE, role=theirs, minutes="1").status_code == 422
    assert rewards(site) == {}


def test_roles_with_powers_are_neither_offered_nor_accepted(site: Site, admin: Visitor) -> None:
    made = site.discord.role("Helper", permissions=["MANAGE_GUILD"], position=1)["role_id"]
    bot = next(one["id"] for one in site.roles() if one["managed"])
    try:
        site.changed()
        assert not role(admin.get(PAGE).text, "Helper")
        for refused in (made, bot, GUILD, 12345):
            for way in ("watching", "linking"):
                form = {"role": str(refused), "for": way, "minutes": "5"}
                assert admin.post(f"{PAGE}/add", page=PAGE, **form).status_code == 422
        settings = f"/g/{GUILD}/wagers"
        with site.services.work_in(GUILD, IDS["nora"]) as work:
            work.find_role = lambda _role_id: SeenRole("powers")
            with pytest.raises(Refusal, match="moderator permissions"):
                guilds.change_setting(work, WagerSettings.declared["verified_role"], int(made))
        assert made not in admin.get(settings).text
        assert rewards(site) == {}
    finally:
        site.discord.role("Helper", delete=True)


def test_roles_with_command_groups_are_refused(site: Site, admin: Visitor) -> None:
    site.grant("Regular", "points")
    form = {"role": role(admin.get(PAGE).text, "Regular"), "for": "watching", "minutes": "5"}
    assert admin.post(f"{PAGE}/add", page=PAGE, **form).status_code == 422
    assert rewards(site) == {}


def test_a_role_that_the_bot_cannot_give_yet_is_accepted_with_a_warning(
    site: Site, admin: Visitor
) -> None:
    made = site.discord.role("Top", position=90)["role_id"]
    try:
        site.changed()
        form = {"role": made, "for": "watching", "minutes": "5"}
        assert admin.post(f"{PAGE}/add", page=PAGE, **form).status_code == 303
        assert "That role is above mine." in words(admin.get(PAGE))
    finally:
        site.discord.role("Top", delete=True)


def test_members_of_a_role_are_listed_with_their_accounts(site: Site) -> None:
    admin = site.visitor("nora")
    with site.services.work_in(GUILD) as work:
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", viewer_id, work.now)
        work.add(
            RoleReward(
                role_id=RoleId(5), name="Fan", minutes=60, added_by=MemberId(1), added_at=work.now
            )
        )
        work.flush()
        states: tuple[tuple[str, State], ...] = (("mia", "given"), ("leo", "taken"))
        for number, (who, state) in enumerate(states, start=1):
            work.add(
                RoleGrant(
                    number=number,
                    role_id=RoleId(5),
                    discord_id=MemberId(IDS[who]),
                    state=state,
                    reason="reached",
                    at=work.now,
                )
            )
    assert f"/g/{GUILD}/roles/5" in admin.get(f"/g/{GUILD}/roles").text
    shown = words(admin.get(f"/g/{GUILD}/roles/5"))
    assert "MadCats assigned by the bot" in shown
    assert str(IDS["leo"]) not in shown
    assert admin.get(f"/g/{GUILD}/roles/6").status_code == 404


@pytest.fixture
def earned(site: Site, admin: Visitor) -> str:
    """Mia has watched enough for Regular; Leo was given it by hand. Returns the role's id."""
    regular = role(admin.get(PAGE).text, "Regular")
    site.discord.member("leo", roles=["Regular"])
    with site.services.work_in(GUILD) as work:
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", viewer_id, work.now)
        work.tx.exec_driver_sql(
            "INSERT INTO watchtime_totals (guild_id, viewer_id, credited)"
            f" VALUES ({GUILD}, {viewer_id}, INTERVAL '700 minutes')"
        )
        guilds.change_settings(work, RoleSettings, take_manual=True)
        actions.add_reward(work, RoleId(int(regular)), "Regular", 600)
    return regular


@pytest.mark.parametrize("at_once", [1000, 2])
def test_preview_shows_who_would_gain_and_lose_what(
    site: Site, admin: Visitor, earned: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(discord_rest, "LISTED_AT_ONCE", at_once)
    shown = words(admin.get(f"{PAGE}/preview"))
    assert "+1 −1" in shown
    assert "MadCats gains Regular enough watchtime 11 h 40 min" in shown
    assert re.search(r"lil.bean loses Regular", shown)
    assert site.discord.roles_of("mia") == []


def test_preview_leaves_out_deleted_roles(site: Site, admin: Visitor, earned: str) -> None:
    site.discord.role("Short-lived", position=1)
    site.services.bus.publish(discord_rest.DISCORD_CHANGED, guild_id=GUILD)
    gone = role(admin.get(PAGE).text, "Short-lived")
    with site.services.work_in(GUILD) as work:
        actions.add_reward(work, RoleId(int(gone)), "Short-lived", 1)
    site.discord.role("Short-lived", delete=True)
    site.services.bus.publish(discord_rest.DISCORD_CHANGED, guild_id=GUILD)
    shown = words(admin.get(f"{PAGE}/preview"))
    assert "gains Regular" in shown
    assert "Short-lived" not in shown


def test_preview_of_a_huge_server_stays_in_discord(
    admin: Visitor, earned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_rest, "LISTED_AT_ONCE", 2)
    monkeypatch.setattr(discord_rest, "MAX_LISTED", 2)
    assert "too many members" in words(admin.get(f"{PAGE}/preview"))
