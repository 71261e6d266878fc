"""No page runs too many database queries, however much it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from core.bonus_hunt import actions as hunts
from core.bonus_hunt import guessing
from core.guilds.actions import change_settings
from core.heist import actions as heists
from core.kit.database.records import ChannelId, MemberId, RoleId, ViewerId
from core.people import store as people
from core.points.rules import PointsSettings
from core.roles.records import RoleReward
from core.slot_calls.records import SlotCall
from core.wagers import actions as wagers
from tests.dashboard.site import GUILD, IDS, Site, words

MAX_STATEMENTS = 16

EXEMPT = {
    "dashboard.me_privacy.download": "everything that is stored about somebody",
    "dashboard.health.health": "runs the checks of every package",
    "dashboard.public.status": "the same, for everybody",
}


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """What is run inside the block."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        found.append(sql)

    engine = site.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill(site: Site) -> int:
    """A server with something on every page; the viewer id of Mia, who has a part of everything."""
    with site.services.work_in(GUILD, IDS["mia"]) as work:
        viewer_id = people.set_viewer(work.tx, GUILD, "kick", 42, "MadCats", work.now)
        people.add_link(work.tx, GUILD, IDS["mia"], "kick", viewer_id, work.now)
        people.set_viewer(work.tx, GUILD, "kick", 43, "LeoLion", work.now)
        wagers.link(work, "shuffle", "MiaSpins")
        reward: dict[str, Any] = {"minutes": 60, "added_by": MemberId(1), "added_at": work.now}
        work.add(RoleReward(role_id=RoleId(5), name="Fan", **reward))
        work.add(
            SlotCall(
                number=1,
                slot="Book of Dead",
                platform="kick",
                viewer_id=ViewerId(viewer_id),
                message_id="m",
                called_at=work.now,
                channel_id=ChannelId(1),
            )
        )
    with site.services.work_in(GUILD, IDS["mia"]) as work:
        hunts.start(work, "Friday", "100", "EUR", 0)
        for game in ("Mental", "Cubes", "Pirots"):
            hunts.add_bonus(work, game, "1", viewer_id)
        hunts.set_guessing(work, opened=True)
        guessing.guess_here(work, "50")
        hunts.open_hunt(work)
        hunts.record_result(work, "20")
    with site.services.work_in(GUILD) as work:
        change_settings(work, PointsSettings, enabled=True)
        heists.start(work)
        change_settings(work, PointsSettings, enabled=False)
    admin = site.visitor("nora")
    here = f"/g/{GUILD}"
    person = f"{here}/people/{viewer_id}"
    forms: list[tuple[str, str, dict[str, str]]] = [
        (f"{here}/kick", "channel", {"channel": "noraplays"}),
        (f"{here}/raffle", "start", {}),
        (f"{here}/people", "exclude", {"viewer": "Cheater"}),
        (person, "note", {"note": "kind"}),
        (person, "exclude", {"scope": "slot_calls", "reason": "spam"}),
    ]
    for who in ("MadCats", "LeoLion"):
        tickets = {"viewer": who, "what": "give", "amount": "5", "reason": "why"}
        forms.append((f"{here}/raffle", "tickets", tickets))
        time = {"viewer": who, "minutes": "90", "reason": "why"}
        forms.append((f"{here}/watchtime", "adjust", time))
    for page, form, fields in forms:
        sent = admin.post(f"{page}/{form}", page=page, **fields)
        assert sent.status_code == 303, words(sent)
    return viewer_id


def test_no_page_needs_more_than_sixteen_statements(site: Site) -> None:
    viewer_id = fill(site)
    people_in = {"g": site.visitor("nora"), "me": site.visitor("mia")}
    for visitor in people_in.values():
        visitor.get(f"/me/{GUILD}")  # what Discord says is known from here on
    people_in["g"].get(f"/g/{GUILD}/setup")
    parts: dict[str, Any] = {"guild_id": GUILD, "viewer_id": viewer_id, "number": 1, "role_id": 5}
    parts |= {"kind": "events", "name": "fields.json"}
    counted, missing = {}, set()
    for endpoint, path in site.pages(**parts):
        visitor = people_in["me" if endpoint == "dashboard.me" else "g"]
        with statements(site) as found:
            answer = visitor.get(path)
            answer.close()
        counted[endpoint] = len(found)
        if answer.status_code == 404:
            missing.add(endpoint)
    assert missing <= {"dashboard.webhooks.delivery"}
    assert max(counted.values()) > 3
    too_many = {name: count for name, count in counted.items() if count > MAX_STATEMENTS}
    assert set(too_many) <= set(EXEMPT), too_many
