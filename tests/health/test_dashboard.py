"""Health on the dashboard, and the public status page."""

from sqlalchemy import update

from core.guilds import actions as guilds
from core.health.pages import HealthSettings
from core.outbox import actions as outbox
from core.outbox.records import Outgoing
from tests.dashboard.site import GUILD, Site, words

PAGE, STATUS = f"/g/{GUILD}/health", f"/p/{GUILD}/status"


def add_dead_letter(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        outbox.post_to_channel(work, 5, "x.y", "one", {})
        work.execute(update(Outgoing).values(state="dead", error="secret reason"))


def test_page_shows_the_same_parts_as_the_machines_see(site: Site) -> None:
    shown = words(site.visitor("nora").get(PAGE))
    parts = site.visitor().get("/health").get_json()["parts"]
    assert len(parts) > 1
    for part in parts:
        assert part["name"] in shown


def test_failed_messages_are_retried_once(site: Site) -> None:
    nora = site.visitor("nora")
    assert "Retry failed messages" not in words(nora.get(PAGE))
    add_dead_letter(site)
    assert "Retry failed messages" in words(nora.get(PAGE))
    assert nora.post(f"{PAGE}/retry", page=PAGE).status_code == 303
    again = words(nora.get(PAGE))
    assert "Retrying 1 message" in again
    assert "Retry failed messages" not in again


def test_public_page_gives_no_details_and_can_be_turned_off(site: Site) -> None:
    shown = words(site.visitor().get(STATUS))
    assert "Database" in shown
    assert "Answering" not in shown
    with site.services.work_in(GUILD) as work:
        guilds.change_settings(work, HealthSettings, public_status=False)
    assert site.visitor().get(f"{STATUS}?again").status_code == 404
