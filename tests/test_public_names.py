"""Nobody who is hidden, was forgotten, or is excluded from everything is named in public: on every
public page, overlay and list, in every post and chat answer. What there is comes from what the
features declare, so that a new one is walked without being named here."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from sqlalchemy import Connection, func, select

from core.bonus_hunt import actions as hunts
from core.bonus_hunt import panel as hunt_panel
from core.features import load_features
from core.guilds import store as guilds
from core.guilds.actions import change_setting, change_settings
from core.heist import widget
from core.kit.crypto import vault_of
from core.kit.database import cache_of
from core.kit.errors import Refusal
from core.kit.paginator import Reader
from core.kit.records import ViewerId
from core.kit.work import Work
from core.outbox.records import messages as outbox
from core.people import names as public
from core.people import store as people
from core.people.exclusions.actions import exclude_viewer
from core.people.records import Viewer
from core.points import ledger
from core.points.ledger import NewEntry
from core.privacy import actions as privacy
from core.raffle.records import Period
from core.slot_calls import panel as slot_panel
from core.slot_calls.rules import SlotCallSettings
from core.vips import announcements
from core.watchtime.records import Total
from tests.bonus_hunt.scene import HuntGuild
from tests.dashboard.site import GUILD, PUBLIC, Site
from tests.heist.scene import HeistGuild
from tests.raffle.draw import rig
from tests.raffle.scene import CONFIG
from tests.slot_calls.scene import CHANNEL_ID, KICK_CHANNEL, chat_message
from tests.slot_calls.scene import Guild as SlotGuild

LATER = datetime(2027, 1, 1, tzinfo=UTC)
"""When they got the names that they have now."""

SHOWN, HIDDEN, FORGOTTEN, EXCLUDED = "mia", "leo", "yuki", "sam"
CALLED = {SHOWN: "ShownShaw", HIDDEN: "HiddenHugo", FORGOTTEN: "GoneGwen", EXCLUDED: "BarredBo"}
UNNAMED = [CALLED[one] for one in (HIDDEN, FORGOTTEN, EXCLUDED)] + ["forgotten-", "<@0>"]


def check(text: str, where: str) -> None:
    found = [one for one in UNNAMED if one.casefold() in text.casefold()]
    assert not found, f"{where} shows {found}"


@pytest.fixture
def town(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Four people who have done everything that there is; then three of them are not named."""
    monkeypatch.setattr(CONFIG.vault, "_fernet", vault_of(site.services.settings)._fernet)
    with site.services.database.begin() as tx:
        _live(tx, site)
    with site.services.database.begin() as tx:
        _leave(tx, site)
    return site


def _live(tx: Connection, site: Site) -> None:
    guilds.set_channel(tx, guilds.Channel(GUILD, "kick", KICK_CHANNEL, "noraplays"))
    number = rig.ended(tx, GUILD, tuple(CALLED), winners=4)
    rig.drew(tx, GUILD, number)
    viewers = {}
    for at, (name, called) in enumerate(CALLED.items()):
        user_id = int.from_bytes(name.encode()[:6], "big")
        viewers[name] = people.set_viewer(tx, GUILD, "kick", user_id, called, LATER)
        with Work(tx, GUILD, now=rig.DUE) as work:
            new = [NewEntry(f"t:{at}", viewers[name], "earned", 1000 * (at + 1))]
            ledger.post(work, "test", new)
            hours = timedelta(hours=9 - at)
            work.add(Total(viewer_id=ViewerId(viewers[name]), credited=hours, adjusted=timedelta()))
    cache_of(tx).clear()
    slots, hunt, heist = SlotGuild(tx, GUILD), HuntGuild(tx, GUILD), HeistGuild(tx, GUILD)
    slots.do(change_settings, SlotCallSettings, enabled=True, channel=CHANNEL_ID)
    heist.open()
    hunt.start()
    hunt.do(hunts.set_guessing, opened=True)
    for at, (name, called) in enumerate(CALLED.items()):
        who: dict[str, Any] = {"user_id": int.from_bytes(name.encode()[:6], "big"), "name": called}
        slots.call(f"Slot number {at}", **who)
        hunt.do(hunts.add_bonus, f"Game {at}", "1", viewers[name], None)
        hunt.say(f"!guess {at + 10}", **who)
        text = "!heist" if at == 0 else "!join 100"
        heist.handle([chat_message(GUILD, text, **who)])
    heist.finish()
    hunt.do(hunts.set_guessing, opened=False)
    hunt.do(hunts.open_hunt)
    for payout in ("1", "2", "3", "5"):
        hunt.do(hunts.record_result, payout)
    hunt.do(hunts.finish)


def _leave(tx: Connection, site: Site) -> None:
    cache_of(tx).clear()
    with Work(tx, GUILD, actor=rig.discord_id(HIDDEN), now=site.clock()) as work:
        public.set_hidden(work, True)
    with Work(tx, GUILD, now=site.clock()) as work:
        link = people.find_link(work, rig.discord_id(EXCLUDED))
        assert link is not None
        exclude_viewer(work, link.viewer_id, "everything")
    cache_of(tx).clear()
    personals = [one.personal for one in load_features() if one.personal is not None]
    subject = privacy.who_asks(tx, GUILD, rig.discord_id(FORGOTTEN), [], site.clock())
    privacy.forget(tx, personals, subject, vault_of(site.services.settings))


def test_no_public_page_names_them(town: Site) -> None:
    with town.services.work_in(GUILD) as work:
        for feature in load_features():
            for page in feature.public:
                change_setting(work, page.setting, True)
        period = work.scalars(select(Period)).one()
    draw = f"/draws/{period.public_id}"
    addresses = [f"/p/{GUILD}/", draw, f"{draw}/snapshot.txt", f"{draw}/bundle.json"]
    for page in PUBLIC:
        address = f"/p/{GUILD}/{page.name}"
        addresses += [address, *([f"{address}/1", f"{address}/1?proof=1"] if page.numbered else [])]
    for address in addresses:
        answer = town.visitor().get(address)
        assert answer.status_code == 200, address
        check(answer.text, address)
    seen = town.visitor().get(f"/p/{GUILD}/points").text
    assert CALLED[SHOWN] in seen
    nora = town.visitor("nora")
    assert CALLED[HIDDEN] in nora.get(f"/g/{GUILD}/points").text, "admins see names"


def test_no_overlay_names_them(town: Site) -> None:
    shown = ""
    with town.services.work_in(GUILD) as work, town.app.test_request_context():
        overlays: Any = town.app.extensions["overlays"]
        for kind, overlay in overlays.overlays.items():
            html = overlays.render(work, overlay)
            check(html, f"overlay {kind}")
            shown += html
        check(json.dumps(widget.show(work), default=str), "heist widget")
    assert CALLED[SHOWN] in shown


def test_no_list_in_discord_names_them_and_ones_own_rank_is_shown(town: Site) -> None:
    guild = MagicMock(id=GUILD)

    async def read(who: str) -> dict[str, str]:
        found = {}
        reader = Reader(town.services, guild, rig.discord_id(who), is_admin=False)
        for feature in load_features():
            for one in feature.paginators:
                for key in ("10.", ""):
                    try:
                        page = await one.open(reader, key, 1)
                    except (Refusal, ValueError):
                        continue
                    found[one.name] = json.dumps(page.embed.to_dict(), ensure_ascii=False)
        return found

    lists = asyncio.run(read(SHOWN))
    assert {"watchtime", "points_board", "raffle_board", "slot_calls_queue"} <= set(lists)
    for name, text in lists.items():
        check(text, name)
    own = asyncio.run(read(HIDDEN))["points_board"]
    assert "You: 🥈" in own or "You: `#" in own or "You: 🥉" in own or "You: 🥇" in own
    check(own.replace("mystery", ""), "one's own rank")


def test_no_chat_answer_names_them(town: Site) -> None:
    said = ""
    with town.services.database.begin() as tx:
        for feature in load_features():
            for command in feature.chat_commands:
                for argument in ("", " 1"):
                    cache_of(tx).clear()
                    text = f"!{command.names[0]}{argument}"
                    with tx.begin_nested() as attempt:
                        command.run(tx, [chat_message(GUILD, text, name="Asker", user_id=7)])
                        said += _said(tx)
                        attempt.rollback()
    check(said, "chat")
    assert CALLED[SHOWN] in said, "!pointsboard names who may be named"


def _said(tx: Connection) -> str:
    """What waits to be said in chat since the night, in words."""
    lines = {kind: line for one in load_features() for kind, line in one.lines.items()}
    rows = tx.execute(select(outbox).where(outbox.c.service.in_(("kick", "twitch"))))
    return "\n".join(lines[row.kind](row.payload) for row in rows if row.kind.startswith("points."))


def test_no_post_names_them(town: Site) -> None:
    with town.services.database.begin() as tx:
        before = tx.scalar(select(func.max(outbox.c.id))) or 0
        cache_of(tx).clear()
        with Work(tx, GUILD, actor=5, now=rig.DUE) as work:
            slot_panel.post_panel(work, CHANNEL_ID)
            hunt_panel.show(work, CHANNEL_ID)
            for viewer in work.tx.execute(select(Viewer.viewer_id)).scalars():
                announcements.post_line(work, "granted", viewer, f"k{viewer}", {})
        rows = tx.execute(select(outbox).where(outbox.c.id > before)).all()
    assert len(rows) >= 2
    for row in rows:
        check(json.dumps(row.payload, ensure_ascii=False), row.kind)
