"""Watchtime on the dashboard: the same numbers as the commands, and the same corrections."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.events import Person
from core.kit.database.records import MemberId
from core.kit.errors import Refusal
from core.people.actions import get_or_create_person
from core.people.lookup import find_person
from core.people.store import add_link, get_viewer
from core.watchtime import actions, views
from core.watchtime.records import Adjustment
from core.watchtime.rules import WatchtimeSettings
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words

PAGE = f"/g/{GUILD}/watchtime"


@pytest.fixture(autouse=True)
def three_viewers(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        for number, name in enumerate(("MadCats", "LeoLion", "<b>Yuki</b>"), 1):
            person = Person(user_id=number, name=name)
            get_or_create_person(work.tx, GUILD, "kick", person, work.now)
            actions.adjust(work, name, number * 60, "to begin with", f"start:{number}")


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def test_board_shows_what_the_command_shows(site: Site, admin: Visitor) -> None:
    shown = words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        board = views.get_board(work)
    assert [place.rank for place in board.places] == [1, 2, 3]
    assert "🥇 &lt;b&gt;Yuki&lt;/b&gt; 3 h 00 min 🥈 LeoLion 2 h 00 min" in shown


@pytest.mark.parametrize("number", ["0", "101", "9" * 30, "many"])
@pytest.mark.parametrize("period", ["all", "week"])
def test_page_that_does_not_exist(admin: Visitor, period: str, number: str) -> None:
    assert "LeoLion" in words(admin.get(f"{PAGE}?period={period}&page={number}"))


def test_period_and_file(admin: Visitor) -> None:
    assert "LeoLion" in words(admin.get(f"{PAGE}?period=week"))
    file = admin.get(f"{PAGE}/leaderboard.csv")
    assert file.text.splitlines()[1:] == [
        *("1,<b>Yuki</b>,Kick,10800", "2,LeoLion,Kick,7200", "3,MadCats,Kick,3600")
    ]


def test_correction_counts_once_however_often_it_is_sent(site: Site, admin: Visitor) -> None:
    form = {"viewer": "LeoLion", "minutes": "-30", "reason": "counted twice", "form_key": "same"}
    for _click in range(2):
        assert admin.post(f"{PAGE}/adjust", page=PAGE, **form).status_code == 303
    assert "LeoLion now has 1 h 30 min." in words(admin.get(PAGE))
    with site.services.work_in(GUILD) as work:
        viewer_id = next(p.viewer_id for p in views.get_board(work).places if p.name == "LeoLion")
    history = words(admin.get(f"{PAGE}/viewer/{viewer_id}"))
    assert "Correction: counted twice by Nora" in history
    assert "−30 min" in history
    assert "1 h 30 min in all" in history


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"viewer": "Nobody", "minutes": "5", "reason": "x"}, "Nobody"),
        ({"viewer": "LeoLion", "minutes": "many", "reason": "x"}, "must be a whole number"),
        ({"viewer": "LeoLion", "minutes": "-500", "reason": "x"}, "so you can"),
        ({"viewer": "LeoLion", "minutes": "9" * 30, "reason": "x"}, "This amount is too large"),
        ({"viewer": "LeoLion", "minutes": "5", "reason": " "}, "Enter a number of minutes"),
    ],
)
def test_declined_correction_keeps_what_was_typed(
    admin: Visitor, form: dict[str, str], reason: str
) -> None:
    answer = admin.post(f"{PAGE}/adjust", page=PAGE, **form)
    assert (answer.status_code, reason in words(answer)) == (422, True)
    assert f'value="{form["viewer"]}"' in answer.text


def test_settings_are_saved_and_checked(site: Site, admin: Visitor) -> None:
    form = {"watchtime.window_minutes": "20", "watchtime.daily_limit_minutes": "0"}
    assert admin.post(f"{PAGE}/settings", page=PAGE, **form).status_code == 303
    with site.services.work_in(GUILD) as work:
        settings = views.get_overview(work).settings
    assert settings == WatchtimeSettings(enabled=False, window_minutes=20, public_leaderboard=False)
    assert "Watchtime is off" in words(admin.get(PAGE))
    too_much = admin.post(
        f"{PAGE}/settings", page=PAGE, **form | {"watchtime.window_minutes": "61"}
    )
    assert (too_much.status_code, "Maximum: 60" in words(too_much)) == (422, True)


def test_public_leaderboard_can_be_switched_off(site: Site, admin: Visitor) -> None:
    anyone = site.visitor()
    page = anyone.get(f"/p/{GUILD}/leaderboard")
    assert (page.status_code, "LeoLion" in words(page)) == (200, True)
    form = {"watchtime.enabled": "1", "watchtime.window_minutes": "10"}
    admin.post(f"{PAGE}/settings", page=PAGE, **form, **{"watchtime.daily_limit_minutes": "0"})
    assert anyone.get(f"/p/{GUILD}/leaderboard?page=2").status_code == 404


def test_viewer_of_another_server_is_not_found(site: Site, admin: Visitor) -> None:
    assert admin.get(f"{PAGE}/viewer/999999").status_code == 404


def test_form_that_is_changed_and_sent_again_is_another_correction(
    site: Site, admin: Visitor
) -> None:
    """Such as after the browser's Back button."""
    form = {"viewer": "LeoLion", "minutes": "5", "reason": "x", "form_key": "same"}
    for who in ("LeoLion", "LeoLion", "MadCats"):
        sent = admin.post(f"{PAGE}/adjust", page=PAGE, **form | {"viewer": who})
        assert sent.status_code == 303
    with site.services.work_in(GUILD) as work:
        given = work.scalars(select(Adjustment.viewer_name).where(Adjustment.reason == "x")).all()
    assert sorted(given) == ["LeoLion", "MadCats"]


def test_key_of_another_correction_is_declined(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        actions.adjust(work, "LeoLion", 5, "x", "same")
        with pytest.raises(Refusal, match="already sent"):
            actions.adjust(work, "MadCats", 5, "x", "same")


def test_correction_on_a_viewers_page_is_about_that_viewer(site: Site, admin: Visitor) -> None:
    """However many have the name."""
    with site.services.work_in(GUILD) as work:
        ids = [
            get_or_create_person(
                work.tx, GUILD, "kick", Person(user_id=number, name="Twin"), work.now
            )
            for number in (50, 51)
        ]
    for viewer_id in ids:
        page = f"{PAGE}/viewer/{viewer_id}"
        minutes = str(viewer_id - ids[0] + 10)
        answer = admin.post(f"{page}/adjust", page=page, minutes=minutes, reason="x")
        assert answer.status_code == 303
        assert f"+{minutes} min" in words(admin.get(page))


def test_overview_has_a_card_with_the_viewers_of_the_stream(site: Site, admin: Visitor) -> None:
    overview = admin.get(f"/g/{GUILD}/")
    assert f'hx-get="{PAGE}/viewers" hx-select="#viewers"' in overview.text
    assert "Watchtime today" in words(overview)
    assert "No stream yet" in words(admin.get(f"{PAGE}/viewers"))
    with site.services.work_in(GUILD) as work:
        start = work.now - timedelta(hours=2)
        actions.note_live(work.tx, GUILD, "kick", start, work.now)
    page = admin.get(f"{PAGE}/viewers")
    assert 'id="viewers"' in page.text
    assert page.text.count("</td></tr>") == views.CHART_POINTS + 1


def viewer_id_of(site: Site, name: str) -> int:
    with site.services.work_in(GUILD) as work:
        return next(p.viewer_id for p in views.get_board(work).places if p.name == name)


def test_search_keeps_the_rank_among_all(site: Site, admin: Visitor) -> None:
    for period in ("all", "day", "month"):
        page = words(admin.get(f"{PAGE}?period={period}&search=@leoL"))
        assert "🥈 LeoLion 2 h 00 min" in page
        assert "MadCats" not in page
        file = admin.get(f"{PAGE}/leaderboard.csv?period={period}&search=leo")
        assert file.text.splitlines()[1:] == ["2,LeoLion,Kick,7200"]
    assert "Nobody found" in words(admin.get(f"{PAGE}?search=Lion"))


def test_earlier_months_and_streams_have_their_own_leaderboard(site: Site, admin: Visitor) -> None:
    with site.services.work_in(GUILD) as work:
        month = (work.now.replace(day=1) - timedelta(days=1)).replace(hour=12)
        start = month - timedelta(minutes=5)
        actions.note_live(work.tx, GUILD, "kick", start, month + timedelta(minutes=5))
        viewer = find_person(work, "MadCats").viewer_id
        work.add(
            Adjustment(
                key="before",
                viewer_id=viewer,
                amount=timedelta(minutes=7),
                reason="x",
                actor=MemberId(1),
                at=month,
            )
        )
        earlier = list(views.list_earlier(work))
    assert earlier == [f"{month:%Y-%m}", f"{start:%Y-%m-%dT%H:%M:%S}"]
    for period in earlier:
        page = words(admin.get(f"{PAGE}?period={period}"))
        assert "🥇 MadCats 7 min" in page
        assert "LeoLion" not in page
    assert "LeoLion" in words(admin.get(f"{PAGE}?period=2001-01"))


def test_hidden_viewer_is_left_out_in_public_only(site: Site, admin: Visitor) -> None:
    viewer_id = viewer_id_of(site, "LeoLion")
    me = f"/me/{GUILD}"
    assert admin.post(f"{me}/watchtime/hidden", page=me, hide="1").status_code == 422
    with site.services.work_in(GUILD) as work:
        add_link(work.tx, GUILD, IDS["nora"], "kick", viewer_id, work.now)
    assert "show your name" in words(admin.get(me))
    for _click in range(2):
        assert admin.post(f"{me}/watchtime/hidden", page=me, hide="1").status_code == 303
    assert "leave you out" in words(admin.get(me))
    page = words(site.visitor().get(f"/p/{GUILD}/leaderboard"))
    assert "LeoLion" not in page
    assert "🥉 MadCats" in page
    assert "🥈 LeoLion" in words(admin.get(PAGE))
    admin.post(f"{me}/watchtime/hidden", page=me)
    assert "LeoLion" in words(site.visitor().get(f"/p/{GUILD}/leaderboard?page=1"))


def test_person_card_has_the_numbers_of_the_command(site: Site, admin: Visitor) -> None:
    viewer_id = viewer_id_of(site, "LeoLion")
    with site.services.work_in(GUILD) as work:
        found = views.get_status(work, get_viewer(work.tx, GUILD, viewer_id))
        standing = views.list_standings(work, [viewer_id])[0]
    assert standing.place.rank == found.rank.rank == 2
    assert standing.place.watched == found.rank.watched == timedelta(hours=2)
    assert standing.this_month == found.this_month
    assert "Rank 2 Public name shown" in words(admin.get(f"/g/{GUILD}/people/{viewer_id}/cards"))
