"""The public page of the queue."""

from core.bonus_hunt import actions as hunts
from core.drand.chain import QUICKNET
from core.guilds import actions as guilds
from core.kit.database.records import ChannelId, ViewerId
from core.people import store as people
from core.slot_calls import actions, panel, picks
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings
from tests.dashboard.site import GUILD, Site, words
from tests.draws.verifier import verify
from tests.slot_calls.scene import Guild
from tests.slot_calls.test_picks import answer

PAGE = f"/p/{GUILD}/queue"


def test_public_queue_shows_open_requests_and_can_be_turned_off(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 42, "<MadCats>", work.now)
        for number, state in ((1, "done"), (2, "open")):
            work.add(
                SlotCall(
                    number=number,
                    slot=f"Slot {number}",
                    platform="kick",
                    viewer_id=ViewerId(viewer_id),
                    message_id=f"m{number}",
                    called_at=work.now,
                    channel_id=ChannelId(1),
                    state=state,  # type: ignore[arg-type]
                )
            )
    shown = site.visitor().get(PAGE)
    assert "Slot 2 &lt;MadCats&gt;" in words(shown)
    assert "Slot 1" not in words(shown)
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, SlotCallSettings, public_queue=False)
    assert site.visitor().get(f"{PAGE}?again").status_code == 404


def test_queue_is_run_from_the_dashboard(site: Site) -> None:
    admin, page = site.visitor("nora"), f"/g/{GUILD}/slot_calls"
    with site.services.work_in(GUILD) as work:
        actions.configure(work, channel=1)
        panel.post_panel(work, 2)
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        for number, slot in enumerate(("Mental", "Cubes", "Pirots"), start=1):
            work.add(
                SlotCall(
                    number=number,
                    slot=slot,
                    platform="kick",
                    viewer_id=ViewerId(viewer_id),
                    message_id=f"m{number}",
                    called_at=work.now,
                    channel_id=ChannelId(1),
                    suggestion="Pirots 2" if slot == "Pirots" else "",
                )
            )

    def send(what: str, shown: str = page, **fields: str) -> str:
        admin.post(f"{page}/{what}", page=shown, **fields)
        return words(admin.get(shown))

    assert "Pirots maybe Pirots 2" in words(admin.get(page))
    assert "Marked Mental as played." in send("1/done")
    assert "Banned Cubes." in send("2/ban")
    assert "Not taking new requests." in send("close")
    assert "Closed" in words(admin.get(page))
    assert "Taking new requests." in send("open")
    history = f"{page}/history"
    shown = send("1/result", history, bet="0,20", win="1.234,50")
    assert "Saved the result of Mental." in shown
    assert "6,172.50×" in shown
    refused = admin.post(f"{page}/1/result", page=history, bet="x", win="1")
    assert "understand this amount" in words(refused)
    assert "Next up: Pirots" in send("pick/oldest")
    assert "Add to hunt" not in words(admin.get(page))
    refused = admin.post(f"{page}/3/hunt", page=page, bet="1")
    assert "No bonus hunt is in progress" in words(refused)
    assert "no requests to pick" in words(admin.post(f"{page}/pick/random", page=page))
    assert "Skip all" in words(admin.get(page))
    assert "1 request skipped." in send("clear")


def test_request_is_added_to_the_hunt(site: Site) -> None:
    admin, page = site.visitor("nora"), f"/g/{GUILD}/slot_calls"
    with site.services.work_in(GUILD) as work:
        guild = Guild(work.tx, GUILD)
        guild.open()
        guild.call("Mental", name="Mia")
        guild.do(hunts.start, "Friday", "100", "EUR", 0)
    assert "Add to hunt" in words(admin.get(page))
    admin.post(f"{page}/1/hunt", page=page, bet="0.40")
    assert "Added Mental to the hunt as bonus #1." in words(admin.get(page))
    assert "Mental" in words(admin.get(f"/g/{GUILD}/bonus_hunt"))


def test_random_picks_are_public_with_their_proof(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        guild = Guild(work.tx, GUILD)
        guild.open()
        guild.call("Mental")
        pick = guild.do(picks.start_random_pick, QUICKNET)
        guild.do(picks.finish_pick, 1, answer(pick))
    assert "Random picks" in words(site.visitor().get(f"{PAGE}?1"))
    proof = site.visitor().get(f"{PAGE}?proof=1")
    assert proof.headers["Content-Disposition"] == 'attachment; filename="pick-1.json"'
    verify(proof.data, ahead=15)
    assert site.visitor().get(f"{PAGE}?proof=2").status_code == 422
