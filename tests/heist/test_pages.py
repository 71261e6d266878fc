"""Heists on the dashboard, on the public page, and on stream."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.drand.chain import QUICKNET
from core.guilds.actions import change_settings, load_settings
from core.heist import actions, store
from core.heist.joining import join
from core.heist.pages import OVERLAY
from core.heist.records import Player
from core.heist.rules import HeistSettings
from core.people import store as people
from core.points import ledger
from core.points.ledger import NewEntry
from core.points.rules import PointsSettings
from tests.dashboard.site import GUILD, Site, words
from tests.draws.test_rolls import verify
from tests.heist.scene import CHAIN
from tests.slot_calls.scene import chat_message

PAGE = f"/g/{GUILD}/heist"
PUBLIC = f"/p/{GUILD}/heists"


@pytest.fixture
def ready(site: Site) -> Site:
    """A server with points, and a viewer called <MadCats> who has 1,000."""
    with site.services.work_in(GUILD) as work:
        change_settings(work, PointsSettings, enabled=True)
        change_settings(work, HeistSettings, start_heist_cooldown=0, user_cooldown=0)
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 7, "<MadCats>", work.now)
        ledger.post(work, "test", [NewEntry("test:1", viewer_id, "earned", 1000)])
    return site


def joins(site: Site, text: str = "!join 100") -> None:
    message = chat_message(GUILD, text, name="<MadCats>", badges=("subscriber",))
    with site.services.work_in(GUILD) as work:
        join(work, [replace(message, at=work.now)])


def finish(site: Site) -> None:
    """From the end of joining to the payout."""
    with site.services.work_in(GUILD) as work:
        heist = store.find_newest(work)
        assert heist is not None
        work.now = heist.closes_at + timedelta(seconds=3)
        actions.lock(work, heist.number, CHAIN)
    with site.services.work_in(GUILD) as work:
        heist = store.find_newest(work)
        assert heist is not None
        heist.signature = "cd" * 48
        heist.randomness = hashlib.sha256(bytes.fromhex("cd" * 48)).hexdigest()
        heist.state = "resolving"
    with site.services.work_in(GUILD) as work:
        actions.roll(work, 1)
    with site.services.work_in(GUILD) as work:
        actions.pay(work, 1)


def test_without_points_the_page_says_what_is_missing(site: Site) -> None:
    admin = site.visitor("nora")
    page = admin.get(PAGE)
    assert "Heists need points, which are turned off on this server. Turn on points" in words(page)
    assert "Start a heist" not in words(page)
    assert f'href="/g/{GUILD}/points"' in page.text
    refused = admin.post(f"{PAGE}/start", page=PAGE)
    assert "Heists need points" in words(refused)
    fields = {declared.key: declared.default for declared in HeistSettings.declared.values()}
    form = {key: str(one) for key, one in fields.items() if one is not False and one is not None}
    kept = {**form, "heist.min_bet": "20"}
    assert admin.post(f"{PAGE}/settings", page=PAGE, **kept).status_code == 303
    off = {key: value for key, value in kept.items() if key != "heist.enabled"}
    assert admin.post(f"{PAGE}/settings", page=PAGE, **off).status_code == 303
    refused = admin.post(f"{PAGE}/settings", page=PAGE, **kept)
    assert "Heists need points, which are turned off here." in words(refused)
    with site.services.work_in(GUILD) as work:
        assert not load_settings(work, HeistSettings).enabled


def test_a_heist_is_run_and_cancelled_from_the_dashboard(ready: Site) -> None:
    admin = ready.visitor("nora")

    def send(form: str, **fields: str) -> str:
        sent = admin.post(f"{PAGE}/{form}", page=PAGE, **fields)
        return words(sent if sent.status_code != 303 else admin.get(PAGE))

    assert "No heists yet" in words(admin.get(PAGE))
    assert "Cancel heist" not in words(admin.get(PAGE))
    assert "No heist is running." in send("cancel")
    assert "Heist #1 has started." in send("start")
    assert "Cancel heist" in words(admin.get(PAGE))
    assert "Start a heist" not in words(admin.get(PAGE))
    assert "A heist is already running." in send("start")
    joins(ready)
    shown = words(admin.get(PAGE))
    assert "&lt;MadCats&gt; Tier 1 Bank Vault 100" in shown
    assert "Heist crew 1 100" in words(admin.get(f"/g/{GUILD}/"))
    assert "Heist #1 was cancelled." in send("cancel")
    assert "All stakes were refunded." in words(admin.get(f"{PAGE}/history"))
    assert admin.get(f"{PAGE}/9").status_code == 404
    assert "Heist #1" in words(admin.get(f"{PAGE}/1"))


def fields_of(site: Site) -> dict[str, str]:
    """What the settings form sends."""
    with site.services.work_in(GUILD) as work:
        settings = load_settings(work, HeistSettings)
    found = {}
    for name, declared in HeistSettings.declared.items():
        value = getattr(settings, name)
        if value is not False:
            found[declared.key] = str(value)
    return found


def test_guard_is_previewed_and_refuses_with_the_number(ready: Site) -> None:
    admin = ready.visitor("nora")
    assert "low – 0.8775" in words(admin.get(PAGE))
    wild = {"heist.low_success_rate": "100"}
    shown = words(admin.get(f"{PAGE}/preview", query_string={**fields_of(ready), **wild}))
    assert "low – 1.3500 ⚠️" in shown
    assert "These odds can't be saved" in shown
    bonus = {**fields_of(ready), "heist.enable_sub_bonus": "on"}
    assert "medium Tier 3 0.9988" in words(admin.get(f"{PAGE}/preview", query_string=bonus))
    sent = admin.post(f"{PAGE}/settings", page=PAGE, **{**fields_of(ready), **wild})
    assert "get back 1.3500 per point" in words(sent)

    with ready.services.work_in(GUILD) as work:
        assert load_settings(work, HeistSettings).low_success_rate == 65
    allowed = {**fields_of(ready), **wild, "heist.allow_inflation": "on"}
    assert admin.post(f"{PAGE}/settings", page=PAGE, **allowed).status_code == 303
    assert "players win in the long run" in words(admin.get(PAGE))
    assert "players win in the long run" in words(ready.visitor().get(PUBLIC))
    back = {name: value for name, value in allowed.items() if name != "heist.allow_inflation"}
    assert "1.3500" in words(admin.post(f"{PAGE}/settings", page=PAGE, **back))


def test_form_whose_fields_fit_only_together_is_saved(ready: Site) -> None:
    fields = fields_of(ready)
    fields |= {"heist.low_multiplier_min": "160", "heist.low_multiplier_max": "170",
               "heist.low_success_rate": "10"}  # fmt: skip
    sent = ready.visitor("nora").post(f"{PAGE}/settings", page=PAGE, **fields)
    assert sent.status_code == 303, words(sent)


def test_everybody_can_verify_a_heist(ready: Site) -> None:
    anybody = ready.visitor()
    with ready.services.work_in(GUILD) as work:
        actions.start(work)
    joins(ready)
    assert anybody.get(f"{PUBLIC}/1?proof=1").status_code == 404, "nothing is decided"
    finish(ready)
    page = anybody.get(f"{PUBLIC}/1?again")
    assert "&lt;MadCats&gt;" in page.text
    assert "/heist/static/heist.js" in page.text
    assert anybody.get("/heist/static/heist.js").status_code == 200
    assert anybody.get("/draws/static/verify.js").status_code == 200
    assert b"Repeats a game's rolls" in anybody.get("/heist/verify_game.py").data
    bundle, posted = verify(anybody.get(f"{PUBLIC}/1?proof=1&again").data)
    assert all(one in page.text for one in posted)
    assert bundle["results"][0]["account"] == "kick:7"
    assert QUICKNET.hash not in page.text
    assert "#1" in words(ready.visitor("nora").get(f"/g/{GUILD}/activity"))
    with ready.services.work_in(GUILD) as work:
        change_settings(work, HeistSettings, public_page=False)
    assert anybody.get(f"{PUBLIC}/1?hidden").status_code == 404


def test_files_of_the_widget_come_with_the_bonus_of_the_server(ready: Site) -> None:
    admin = ready.visitor("nora")
    with ready.services.work_in(GUILD) as work:
        change_settings(work, HeistSettings, enable_sub_bonus=True, enable_tier2_bonus=False)
    page = admin.get(PAGE).text
    assert 'id="group-heist.enable_sub_bonus"' in page
    for name in ("widget.html", "widget.css", "widget.js", "fields.json"):
        assert f"{PAGE}/widget/{name}" in page
        assert admin.get(f"{PAGE}/widget/{name}").status_code == 200
    fields = admin.get(f"{PAGE}/widget/fields.json").get_json(force=True)
    assert fields["serverUrl"]["value"] == "http://localhost:8080"
    bonuses = {name: one for name, one in fields.items() if name.startswith("bonus_tier")}
    assert [next(iter(bonus["options"].values())) for bonus in bonuses.values()] == [
        *("winnings × 1.2", "no bonus", "winnings × 1.5")
    ]
    assert (
        fields["bonus_settings"]["value"]
        == f"http://localhost:8080{PAGE}#group-heist.enable_sub_bonus"
    )
    assert admin.get(f"{PAGE}/widget/records.py").status_code == 404
    assert ready.visitor("leo").get(f"{PAGE}/widget/fields.json").status_code in (302, 403, 404)


def shown(site: Site) -> str:
    with site.services.work_in(GUILD) as work, site.app.app_context():
        html: str = site.app.extensions["overlays"].render(work, OVERLAY)
    return html


def test_overlay_follows_the_heist(ready: Site) -> None:
    assert "No heists yet." in shown(ready)

    with ready.services.work_in(GUILD) as work:
        actions.start(work)
    joins(ready)
    html = shown(ready)
    assert "data-until=" in html
    assert "&lt;MadCats&gt;" in html
    assert "Tier 1" in html
    assert "!join amount" in html
    finish(ready)
    with ready.services.work_in(GUILD) as work:
        heist = store.find_newest(work)
        assert heist is not None
        won = heist.won
    assert f"{won}/1" in shown(ready)


@pytest.mark.parametrize(
    ("form", "answer"),
    [("pay_again", "Retrying the payout of heist #1"), ("write_off", "Wrote off")],
)
def test_admins_settle_what_was_not_paid_on_the_dashboard(
    ready: Site, form: str, answer: str
) -> None:
    admin = ready.visitor("nora")
    with ready.services.work_in(GUILD) as work:
        actions.start(work)
    joins(ready)
    with ready.services.work_in(GUILD) as work:
        actions.cancel(work)
        work.scalars(select(Player)).one().owed = 100
    assert "Not paid" in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/1/{form}", page=PAGE).status_code == 303
    shown = words(admin.get(PAGE))
    assert answer in shown
    assert "Not paid" not in shown
    assert admin.post(f"{PAGE}/1/{form}", page=PAGE).status_code == 422
