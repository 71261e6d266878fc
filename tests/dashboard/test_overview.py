"""The overview, the checklist and the latest activity."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from core.kit.database.records import ChannelId, ViewerId
from core.people import store as people
from core.slot_calls.records import SlotCall
from tests.dashboard.site import GUILD, IDS, Site, Visitor, words

OVERVIEW, SETUP, ACTIVITY = (f"/g/{GUILD}/{page}" for page in ("", "setup", "activity"))


@contextmanager
def moderator(site: Site) -> Iterator[Visitor]:
    """Somebody who may use slot requests only."""
    site.grant("Regular", "slot_calls")
    site.discord.member("mia", roles=["Regular"])
    try:
        yield site.visitor("mia")
    finally:
        site.discord.member("mia", roles=[])


def test_overview_loads_the_other_cards_afterwards_and_links_to_them(site: Site) -> None:
    found = site.visitor("nora").get(OVERVIEW).text
    for address in (SETUP, ACTIVITY):
        assert f'hx-get="{address}"' in found
        assert f'href="{address}"' in found
    with moderator(site) as mia:
        assert SETUP not in mia.get(OVERVIEW).text


def test_numbers_lead_to_their_pages(site: Site) -> None:
    found = site.visitor("nora").get(OVERVIEW).text
    assert f'href="/g/{GUILD}/slot_calls">Requests in the queue' in found


def test_checklist_names_permissions_that_the_bot_lacks(site: Site) -> None:
    nora = site.visitor("nora")
    assert "All permissions granted" in words(nora.get(SETUP))
    before = next(role for role in site.roles() if role["name"] == "Regulars")["permissions"]
    site.discord.role("Regulars", permissions=0)
    try:
        site.changed()
        lacking = nora.get(SETUP)
        assert "Manage Roles" in words(lacking)
        assert f"guild_id={GUILD}" in lacking.text
    finally:
        site.discord.role("Regulars", permissions=int(before))


def call(site: Site, viewer_id: ViewerId, number: int) -> SlotCall:
    return SlotCall(
        number=number,
        slot=f"Slot {number}",
        platform="kick",
        viewer_id=viewer_id,
        message_id=f"m{number}",
        called_at=site.clock() + timedelta(seconds=number),
        channel_id=ChannelId(1),
    )


def test_activity_shows_what_the_person_may_use(site: Site) -> None:
    now = site.clock()
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        found = people.set_viewer(work.tx, GUILD, "kick", 4200001, "Mad_*Cats*", now)
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", found, now)
        for number in (1, 2):
            work.add(call(site, ViewerId(found), number))
    mine = words(site.visitor("nora").get(ACTIVITY))
    assert "Mad_*Cats* linked their Kick account." in mine
    second, first = "Mad_*Cats* requested Slot 2.", "Mad_*Cats* requested Slot 1."
    assert mine.index(second) < mine.index(first) < mine.index("linked")
    with moderator(site) as mia:
        theirs = words(mia.get(ACTIVITY))
    assert second in theirs
    assert "linked their" not in theirs


def test_activity_says_when_there_is_none(site: Site) -> None:
    assert "Nothing has happened yet" in words(site.visitor("nora").get(ACTIVITY))


def test_sentences_for_discord_are_shown_without_markup(site: Site) -> None:
    template = site.app.jinja_env.from_string("{{ text | plain }}")
    shown = template.render(text=r"**Mia\_X** runs `/link` \> 5\%")
    assert shown == "Mia_X runs /link &gt; 5%"
