"""Link panels on the dashboard."""

import re
from datetime import UTC, datetime

from sqlalchemy import select, update

from core.outbox.records import Outgoing
from core.people.panels import actions
from core.people.panels.discord import render_panel
from tests.dashboard.site import GUILD, IDS, Site, words

PAGE = f"/g/{GUILD}/link_panels"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def channel(site: Site) -> str:
    """The first channel that the page offers."""
    found = re.search(r'<option value="(\d{5,})"', site.visitor("nora").get(PAGE).text)
    assert found
    return found[1]


def requested(site: Site) -> list[Outgoing]:
    with site.services.work_in(GUILD) as work:
        of_kind = select(Outgoing).where(Outgoing.kind == actions.POST_KIND)
        return list(work.scalars(of_kind.order_by(Outgoing.id)))


def deliver(site: Site, message: Outgoing, message_id: int) -> None:
    """What the sender does once Discord has the message."""
    receipt = {"message_id": message_id, "channel_id": message.target["channel_id"]}
    with site.services.database.begin() as tx:
        actions.note_posted(tx, message, receipt, NOON)


def test_a_panel_is_posted_once_and_replaces_the_former(site: Site) -> None:
    nora, form = site.visitor("nora"), {"channel": channel(site)}
    assert "There is no link panel yet" in words(nora.get(PAGE))
    for key in ("one", "one", "two"):
        assert nora.post(f"{PAGE}/post", page=PAGE, form_key=key, **form).status_code == 303
    first, second = requested(site)
    embed = render_panel(first.payload).embed
    assert "Nora's Corner" in (embed.description or "").replace("\\", "")
    deliver(site, first, 77)
    assert "Works" in words(nora.get(PAGE))
    deliver(site, second, 78)
    with site.services.work_in(GUILD) as work:
        found = {
            panel.message_id: (panel.state, panel.posted_by) for panel in actions.list_panels(work)
        }
    assert found == {77: ("withdrawn", IDS["nora"]), 78: ("posted", IDS["nora"])}
    assert words(nora.get(PAGE)).count("Open in Discord") == 1


def test_a_panel_is_removed(site: Site) -> None:
    nora = site.visitor("nora")
    nora.post(f"{PAGE}/post", page=PAGE, channel=channel(site))
    deliver(site, requested(site)[0], 77)
    remove = f"{PAGE}/{channel(site)}/remove"
    assert nora.post(remove, page=PAGE).status_code == 303
    assert "There is no link panel yet" in words(nora.get(PAGE))
    again = nora.post(remove, page=PAGE)
    assert (again.status_code, "no link panel in this channel" in words(again)) == (422, True)


def test_channels_of_other_servers_are_refused(site: Site) -> None:
    nora = site.visitor("nora")
    for channel in ("", "1", "x"):
        refused = nora.post(f"{PAGE}/post", page=PAGE, channel=channel)
        assert (refused.status_code, "Choose a channel" in words(refused)) == (422, True)
    assert requested(site) == []


def test_the_reason_for_waiting_is_shown(site: Site) -> None:
    nora = site.visitor("nora")
    nora.post(f"{PAGE}/post", page=PAGE, channel=channel(site))
    with site.services.work_in(GUILD) as work:
        lacks = "I lack the permission Pin Messages"
        work.execute(update(Outgoing).values(state="dead", error=lacks))
    assert "I lack the permission Pin Messages" in words(nora.get(PAGE))
