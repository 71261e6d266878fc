"""Points on the dashboard, the public page and the overlay's data."""

from datetime import timedelta
from io import BytesIO
from typing import Any

from openpyxl import Workbook

from core.guilds import actions as guilds
from core.people import store as people
from core.points import actions
from core.points.rules import PointsSettings
from tests.dashboard.site import GUILD, IDS, Site, words

PAGE = f"/g/{GUILD}/points"


def test_points_are_managed_on_the_dashboard(site: Site) -> None:
    admin = site.visitor("nora")
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True, plural="beans")
        mia = people.set_viewer(work.tx, GUILD, "kick", 42, "<MadCats>", work.now)
        people.set_viewer(work.tx, GUILD, "kick", 43, "Tom", work.now)

    def send(form: str, /, **fields: str) -> str:
        sent = admin.post(f"{PAGE}/{form}", page=PAGE, **fields)
        return words(sent if sent.status_code != 303 else admin.get(PAGE))

    assert "Nobody has points yet" in words(admin.get(PAGE))
    assert "Enter a reason." in send("change", viewer="Tom", what="add", amount="5")
    changed = send("change", viewer="tom", what="add", amount="1500", reason="quiz")
    assert "Tom now has 1,500." in changed
    assert "1 Tom 1,500" in changed
    wrong = send("grant", list="<MadCats>,2k\nNobody,5", reason="event")
    assert "Invalid lines: Nobody,5." in wrong
    given = send("grant", list="<MadCats>,2k\nNobody,5", reason="event", skip="1")
    assert "1 viewer got points." in given
    assert "1 &lt;MadCats&gt; 2,000" in given or "1 <MadCats> 2,000" in given
    ledger = words(admin.get(f"{PAGE}/viewer/{mia}"))
    assert "Changed by an admin" in ledger
    assert "event" in ledger
    assert "event,2000" in admin.get(f"{PAGE}/viewer/{mia}.csv").text
    economy = words(admin.get(f"{PAGE}/economy"))
    assert "Changed by an admin 3,500 0 +3,500" in economy
    assert admin.get(f"{PAGE}/viewer/999999").status_code == 404
    public = words(site.visitor().get(f"/p/{GUILD}/points"))
    assert "2 Tom 1,500" in public
    assert "Season 2 has started." in send("season/1/end")
    assert "Season 1 has already ended." in send("season/1/end")
    assert "2 Tom 1,500" in words(admin.get(f"{PAGE}?season=1"))
    assert "2 Tom 1,500" in words(site.visitor().get(f"/p/{GUILD}/points?season=1"))


def test_prices_are_set_with_the_other_settings(site: Site) -> None:
    admin = site.visitor("nora")
    fields = {one: str(value) for one, value in _form(admin.get(PAGE).text).items()}
    assert fields["points.raffle_tickets_price"] == "100"
    admin.post(f"{PAGE}/settings", page=PAGE, **fields | {"points.raffle_tickets_price": "7"})
    assert _form(admin.get(PAGE).text)["points.raffle_tickets_price"] == "7"


def _form(html: str) -> dict[str, str]:
    """Name and value of the fields of settings."""
    import re

    found = re.findall(r'name="(points\.[a-z0-9_]+)" type="(?:number|text)" value="([^"]*)"', html)
    return dict(found) | {"points.provider": "own", "points.enabled": "1"}


def test_a_person_sees_their_points_and_limits(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True)
        mia = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        actions.grant_many(work, {mia: 5}, "add", "", "x")
        actions.set_loss_limit(work, mia, 100)
        actions.take_break(work, mia, timedelta(days=2))
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", mia, work.now)
    shown = words(site.visitor("nora").get(f"/g/{GUILD}/people/{mia}/cards"))
    assert "Daily loss limit 100" in shown
    assert "On a break from games until" in shown
    own, me = site.visitor("mia"), f"/me/{GUILD}"
    assert "Daily loss limit in games" in words(own.get(me))
    assert own.post(f"{me}/points/limit", page=me, loss="50").status_code == 303
    assert own.post(f"{me}/points/break", page=me, days="9").status_code == 303
    assert "Daily loss limit 50" in words(own.get(me))


def test_balances_of_another_bot_are_imported_after_a_preview(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True)
        people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
    nora = site.visitor("nora")
    refused = words(nora.post(f"{PAGE}/import/read", page=PAGE))
    assert "/connect_streamelements" in refused
    balances = "madcats,700\nghost,5\nwhat"
    assert nora.post(f"{PAGE}/import/list", page=PAGE, balances=balances).status_code == 303
    shown = words(nora.get(f"{PAGE}/import"))
    assert "Would be added 700" in shown
    assert "Not found, skipped 1: ghost" in shown
    done = nora.post(f"{PAGE}/import/1/confirm", page=f"{PAGE}/import")
    assert done.status_code == 303
    assert "700 in total" in words(nora.get(PAGE))
    assert "No import in progress" in words(nora.get(f"{PAGE}/import"))


def test_columns_of_a_list_are_recognised_shown_and_changed(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True)
        people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
    nora, book = site.visitor("nora"), Workbook()
    sheet: Any = book.active
    for row in (["user", "time", "points"], ["MadCats", 9000, 700], ["ghost", None, 5]):
        sheet.append(row)
    book.save(file := BytesIO())
    file.seek(0)
    preview = words(nora.post(f"{PAGE}/import/list", page=PAGE, file=(file, "export.xlsx")))
    assert "Would be added 700" in preview
    assert "column 3 · points · 700" in preview
    text, other = "user,time,points\nMadCats,9000,700", {"column_name": "0", "column_points": "1"}
    changed = nora.post(f"{PAGE}/import/list", page=PAGE, balances=text, instead_of="1", **other)
    assert "Would be added 9,000" in words(changed)
    nora.post(f"{PAGE}/import/2/cancel", page=f"{PAGE}/import")
    unclear = "MadCats,7,500\nghost,30,12"
    asked = words(nora.post(f"{PAGE}/import/list", page=PAGE, balances=unclear))
    assert "Which columns?" in asked
    given = {"list": unclear, "reason": "event", "skip": "1"}
    assert "Which columns?" in words(nora.post(f"{PAGE}/grant", page=PAGE, **given))
    nora.post(f"{PAGE}/grant", page=PAGE, **given, column_name="0", column_points="2")
    assert "500 in total" in words(nora.get(PAGE))


def test_a_name_on_both_platforms_is_chosen_in_the_preview(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True)
        for platform, user_id in (("kick", 42), ("twitch", 43)):
            people.set_viewer(work.tx, GUILD, platform, user_id, "MadCats", work.now)
        chosen = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
    nora, form = site.visitor("nora"), f"{PAGE}/import/1/choose"
    nora.post(f"{PAGE}/import/list", page=PAGE, balances="madcats,700")
    preview = nora.get(f"{PAGE}/import")
    assert "Ambiguous names, skipped until you choose 1" in words(preview)
    for label in ("MadCats (Kick)", "MadCats (Twitch)"):
        assert label in words(preview)
    page = f"{PAGE}/import"
    assert nora.post(form, page=page, name="madcats", viewer="x").status_code == 422
    done = nora.post(form, page=page, platform="", name="madcats", viewer=str(chosen))
    assert done.status_code == 303
    assert f'value="{chosen}" selected' in nora.get(page).text
    assert "Would be added 700" in words(nora.get(page))
    given = {"list": "madcats,5", "reason": "event"}
    asked = nora.post(f"{PAGE}/grant", page=PAGE, **given)
    assert "Write which one: kick:madcats, twitch:madcats" in words(asked)
    assert ">madcats,5</textarea>" in asked.text
    assert 'value="event"' in asked.text
    sent = nora.post(f"{PAGE}/grant", page=PAGE, list="kick:madcats,5", reason="event")
    assert sent.status_code == 303


def test_an_empty_file_and_one_with_headings_alone_are_refused_kindly(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, PointsSettings, enabled=True)
    nora = site.visitor("nora")
    for content, says in ((b"", "The list is empty."), (b"Name,Points\r\n", "No valid lines")):
        file = BytesIO(content), "export.csv"
        refused = nora.post(f"{PAGE}/import/list", page=PAGE, file=file)
        assert (refused.status_code, says in words(refused)) == (422, True), words(refused)
