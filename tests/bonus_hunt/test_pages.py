"""A whole hunt on the dashboard, and the public page."""

import csv
import io
from datetime import timedelta

from core.bonus_hunt import actions, guessing, store
from core.bonus_hunt.rules import HuntSettings
from core.guilds import actions as guilds
from core.kit.database.work import Work
from core.people import store as people
from tests.dashboard.site import GUILD, Site, words

PAGE = f"/g/{GUILD}/bonus_hunt"
PUBLIC = f"/p/{GUILD}/hunts"


def viewer(work: Work, name: str) -> int:
    return people.set_viewer(work.tx, GUILD, "kick", 42, name, work.now)


def test_a_hunt_is_run_from_the_dashboard(site: Site) -> None:
    admin = site.visitor("nora")
    with site.services.work_in(GUILD) as work:
        viewer(work, "MadCats")

    def send(form: str, /, **fields: str) -> str:
        """The page after this form."""
        sent = admin.post(f"{PAGE}/{form}", page=PAGE, **fields)
        return words(sent if sent.status_code != 303 else admin.get(PAGE))

    assert "Start a bonus hunt" in words(admin.get(PAGE))
    assert "understand this amount" in send("start", name="Friday", cost="much", currency="EUR")
    assert "Friday has started." in send("start", name="Friday", cost="1.234,50", currency="eur")
    assert "1,234.50 EUR" in words(admin.get(PAGE))
    added = send("add", game="gates of olimpus", bet="0.40", by="madcats")
    assert "Added Gates of Olympus as #1." in added
    assert "Gates of Olympus Pragmatic Play" in added
    assert "MadCats" in added
    send("add", game="Mental", bet="1")
    send("add", game="Cubes", bet="2")
    assert "Mental is skipped" not in send("2/remove")
    assert "Undone: bonus removed." in send("undo")
    assert "Guessing is open." in send("guesses/open")
    opened = send("open")
    assert "All set: enter the first payout." in opened
    assert "#1 Gates of Olympus, bet 0.40" in opened
    assert 'autofocus="autofocus"' in admin.get(PAGE).text
    paid = send("result", position="1", payout="300")
    assert "Gates of Olympus paid 300." in paid
    assert "750.00×" in paid
    assert "311.50×" in paid  # (1234.50 - 300) / 3
    again = send("result", position="1", payout="12")
    assert "already has a result: 300" in again
    assert 'value="12"' in admin.post(f"{PAGE}/result", page=PAGE, position="1", payout="12").text
    assert "Mental skipped." in send("2/skip")
    assert "Corrected." in send("edit", what="bet", value="4", position="3")
    assert admin.post(f"{PAGE}/edit", page=PAGE, what="x", value="4").status_code == 400
    send("result", position="3", payout="1000")
    assert "Hunt finished." in send("finish")
    assert "+65.50 EUR" in words(admin.get(PAGE))
    assert "Hunt resumed." in send("reopen")
    send("finish")
    history = words(admin.get(f"{PAGE}/history"))
    assert "Friday" in history
    assert "EUR · 1 +65.50" in history
    assert admin.get(f"{PAGE}/77").status_code == 404
    assert "Gates of Olympus" in words(admin.get(f"{PAGE}/1"))


def test_undo_on_an_old_page_is_refused(site: Site) -> None:
    admin = site.visitor("nora")
    with site.services.work_in(GUILD) as work:
        hunt = actions.start(work, "Friday", "100", "EUR", 0)
        seen = hunt.version
    with site.services.work_in(GUILD) as work:
        actions.add_bonus(work, "Mental", "1")
    sent = admin.post(f"{PAGE}/undo", page=PAGE, hunt="1", version=str(seen))
    assert "changed in the meantime" in words(sent)


def test_start_posts_only_in_an_offered_channel(site: Site) -> None:
    admin = site.visitor("nora")
    fields = {"name": "Friday", "cost": "5", "currency": "EUR"}
    admin.post(f"{PAGE}/start", page=PAGE, channel="12345", **fields)
    with site.services.work_in(GUILD) as work:
        assert store.get_view(work).hunt.channel_id == 0
        actions.finish(work)
    offered = admin.get(PAGE).text.split('id="field-channel"')[1].split('<option value="')[2]
    channel_id = offered.split('"')[0]
    admin.post(f"{PAGE}/start", page=PAGE, channel=channel_id, **fields)
    with site.services.work_in(GUILD) as work:
        assert store.get_view(work).hunt.channel_id == int(channel_id)


def test_guesses_are_listed_and_the_winner_is_marked(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        people.add_link(work.tx, GUILD, 5, "kick", viewer(work, "MadCats"), work.now)
        actions.start(work, "Friday", "100", "EUR", 0)
        actions.add_bonus(work, "Mental", "1")
        actions.set_guessing(work, opened=True)
    with site.services.work_in(GUILD, 5) as work:
        guessing.guess_here(work, "77,50")
    assert "MadCats 77.50" in words(site.visitor("nora").get(PAGE))
    with site.services.work_in(GUILD) as work:
        work.now += timedelta(seconds=1)
        actions.open_hunt(work)
        actions.record_result(work, "60")
        actions.finish(work)
    assert "MadCats closest 77.50" in words(site.visitor("nora").get(PAGE))
    assert "Best guess: MadCats with 77.50 EUR." in words(site.visitor().get(f"{PUBLIC}/1"))
    assert "Friday is finished." in words(site.visitor("nora").get(f"/g/{GUILD}/activity"))


def test_csv_has_one_line_for_each_bonus(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        actions.start(work, "Friday", "100", "EUR", 0)
        actions.add_bonus(work, "=1+1", "0.40", viewer(work, "MadCats"))
        actions.add_bonus(work, "Mental", "1")
        actions.open_hunt(work)
        actions.record_result(work, "6")
        actions.skip_bonus(work)
    file = site.visitor("nora").get(f"{PAGE}/1/csv")
    rows = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert rows == [
        *(
            [
                "number",
                "game",
                "provider",
                "requested by",
                "platform",
                "bet",
                "payout",
                "multiplier",
                "skipped",
            ],
        ),
        ["1", "'=1+1", "", "MadCats", "Kick", "0.4", "6", "15.00", ""],
        ["2", "Mental", "Nolimit City", "", "", "1", "", "", "yes"],
    ]
    assert site.visitor("nora").get(f"{PAGE}/9/csv").status_code == 404


def test_public_page_lists_hunts_and_can_be_turned_off(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        actions.start(work, "<Friday>", "100", "EUR", 0)
        actions.add_bonus(work, "Mental", "1", viewer(work, "<MadCats>"))
    assert "&lt;Friday&gt; 0/1 100 EUR" in words(site.visitor().get(PUBLIC))
    shown = words(site.visitor().get(f"{PUBLIC}/1"))
    assert "Mental Nolimit City &lt;MadCats&gt; 1" in shown
    assert site.visitor().get(f"{PUBLIC}/2").status_code == 404
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, HuntSettings, public_page=False)
    assert site.visitor().get(f"{PUBLIC}?again").status_code == 404


def test_overview_shows_the_hunt_that_is_in_progress(site: Site) -> None:
    overview = f"/g/{GUILD}/"
    assert "Bonuses opened" not in words(site.visitor("nora").get(overview))
    with site.services.work_in(GUILD) as work:
        actions.start(work, "Friday", "100", "EUR", 0)
        actions.add_bonus(work, "Mental", "1")
    assert "Bonuses opened 0/1 Friday" in words(site.visitor("nora").get(overview))
