"""The public page of the queue."""

from core.guilds import actions as guilds
from core.kit.records import ChannelId, ViewerId
from core.people import store as people
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings
from tests.dashboard.site import GUILD, Site, words

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
