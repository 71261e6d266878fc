"""Nobody who is hidden, was forgotten, or is excluded from everything is named in public: on every
public page, overlay and list, in every post and chat answer. What there is comes from what the
features declare, so that a new one is walked without being named here."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import pytest
from sqlalchemy import Connection, func, select

from core.bonus_hunt import actions as hunts
from core.events import ChatMessageSent, Person, SubGifted
from core.features import load_features
from core.guilds import store as guilds
from core.guilds.actions import change_setting, change_settings, load_settings
from core.heist import actions as heists
from core.heist import widget
from core.kit.database.connection import cache_of
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.discord.paginator import Reader
from core.kit.errors import Refusal
from core.kit.runtime.crypto import vault_of
from core.outbox.records import messages as outbox
from core.people import names as public
from core.people import store as people
from core.people.exclusions.actions import exclude_viewer
from core.people.records import Viewer
from core.points import ledger
from core.points.ledger import NewEntry
from core.privacy import actions as privacy
from core.raffle import actions as raffles
from core.raffle.draw import posts
from core.raffle.ledger import gifts
from core.raffle.records import Period
from core.raffle.rules import RaffleSettings
from core.slot_calls import actions as slot_actions
from core.slot_calls import panel as slot_panel
from core.slot_calls import picks as slot_picks
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
UNNAMED = [CALLED[name] for name in (HIDDEN, FORGOTTEN, EXCLUDED)] + ["forgotten-", "<@0>"]


def check(text: str, where: str) -> None:
    found = [name for name in UNNAMED if name.casefold() in text.casefold()]
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
        user_id = user_id_of(name)
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
        who: dict[str, Any] = {"user_id": user_id_of(name), "name": called}
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
    personals = [feature.personal for feature in load_features() if feature.personal is not None]
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
            for paginator in feature.paginators:
                for key in ("10.", ""):
                    try:
                        page = await paginator.open(reader, key, 1)
                    except (Refusal, ValueError):
                        continue
                    found[paginator.name] = json.dumps(page.embed.to_dict(), ensure_ascii=False)
        return found

    lists = asyncio.run(read(SHOWN))
    assert {"watchtime", "points_board", "raffle_board", "slot_calls_queue"} <= set(lists)
    for name, text in lists.items():
        check(text, name)
    own = asyncio.run(read(HIDDEN))["points_board"]
    assert "You: 🥈" in own or "You: `#" in own or "You: 🥉" in own or "You: 🥇" in own
    check(own.replace("mystery", ""), "one's own rank")


NAMING = {
    "bonus_hunt.guesses",
    "bonus_hunt.message",
    "heist.cancelled",
    "heist.locked",
    "heist.message",
    "heist.opened",
    "heist.result",
    "points.balance",
    "points.board",
    "points.given",
    "raffle.gift",
    "raffle.winner",
    "slot_calls.next",
    "slot_calls.panel",
    "slot_calls.post",
    "vips.line",
    "vips.loss",
}
"""Kinds of lines and posts that name people in public; each is made below."""

ELSEWHERE = {
    "roles.reached": "tests/roles/test_reconcile.py: hidden members get a direct message",
}
TO_ASKER = {
    *("bonus_hunt.guessed", "bonus_hunt.rejected", "bonus_hunt.status"),
    *("heist.not_joined", "heist.not_started", "heist.odds", "heist.ready"),
    *("points.bought", "points.limit", "points.offers", "points.refused", "points.returned"),
    *("raffle.info", "raffle.tickets", "watchtime.reply", "vips.left"),
    *("slot_calls.accepted", "slot_calls.mine", "slot_calls.nothing"),
    *("slot_calls.rejected", "slot_calls.withdrawn"),
}
"""Lines that name nobody, or only the person who typed the command."""

OF_THE_ADMINS = {"kick.line", "twitch.line"}
"""Lines that an admin wrote."""

NOBODY = {
    *("raffle.opened", "raffle.dates", "raffle.planned", "raffle.frozen", "raffle.given_up"),
    *("raffle.reveal", "raffle.skipped", "raffle.nobody", "raffle.refrozen", "slot_calls.pick"),
    "people.requested_panel",
}
"""Public posts without names; a raffle's say pseudonyms."""

PRIVATE = {
    *("guilds.connected", "guilds.reconnect", "kick.missed", "kick.no_events"),
    *("kick.no_events_over", "kick.primary", "kick.wrong_chatroom", "streamelements.not_made"),
    *("streamelements.unclear", "wagers.linked", "wagers.odd", "wagers.role_refused"),
    *("wagers.verified", "raffle.changed", "raffle.hunt", "raffle.waited", "raffle.unreachable"),
    *("raffle.won", "raffle.undelivered", "roles.stopped", "heist.owed", "points.refunded"),
    *("people.interrupted", "people.link_log", "people.linked", "people.panel_log"),
    *("vips.alert", "vips.log", "vips.warning", "settings.channel_trouble"),
}
"""Direct messages, and posts in the channels of admins."""


def user_id_of(name: str) -> int:
    return int.from_bytes(name.encode()[:6], "big")


def _said_by(name: str, text: str, at: datetime) -> ChatMessageSent:
    said = chat_message(GUILD, text, name=CALLED[name], user_id=user_id_of(name))
    return replace(said, at=at)


def _viewer_of(tx: Connection, name: str) -> int:
    return people.set_viewer(tx, GUILD, "kick", user_id_of(name), CALLED[name], LATER)


def test_every_kind_of_line_and_post_is_classified() -> None:
    declared = {kind for feature in load_features() for kind in (*feature.lines, *feature.embeds)}
    sets = (NAMING, set(ELSEWHERE), TO_ASKER, OF_THE_ADMINS, NOBODY, PRIVATE)
    classified = [kind for kinds in sets for kind in kinds]
    assert sorted(classified) == sorted(declared)


def test_no_line_or_post_names_them(town: Site) -> None:
    features, made, shown = load_features(), set(), ""
    lines = {kind: line for feature in features for kind, line in feature.lines.items()}
    embeds = {kind: embed for feature in features for kind, embed in feature.embeds.items()}
    with town.services.database.begin() as tx:
        before = tx.scalar(select(func.max(outbox.c.id))) or 0
        _another_evening(tx)
        rows = tx.execute(select(outbox).where(outbox.c.id > before)).all()
    for row in rows:
        payload = dict(row.payload)
        if row.target.get("reply_to"):
            payload["viewer"] = "Asker"
        if row.kind in lines:
            text = lines[row.kind](payload)
        else:
            text = json.dumps(embeds[row.kind](payload).embed.to_dict(), ensure_ascii=False)
        if row.kind not in PRIVATE:
            check(text, row.kind)
            made.add(row.kind)
            shown += text
    assert made >= NAMING, NAMING - made
    assert CALLED[SHOWN] in shown


def _another_evening(tx: Connection) -> None:
    """Whoever is hidden starts, requests, guesses, wins and gets things, and others ask about
    everybody who is not named."""
    slots, hunt, heist = SlotGuild(tx, GUILD), HuntGuild(tx, GUILD), HeistGuild(tx, GUILD)
    hunt.at = heist.at = LATER + timedelta(days=1)
    heist.handle([_said_by(HIDDEN, "!heist", heist.at)])
    heist.handle([_said_by(SHOWN, "!join 100", heist.at)])
    heist.finish()
    _cancel_a_heist(heist)
    _give_subs(tx)
    hunt.start(name="Saturday")
    hunt.do(hunts.set_guessing, opened=True)
    for name, text in ((HIDDEN, "!guess 10"), (SHOWN, "!guess 900")):
        hunt.say(text, CALLED[name], user_id_of(name))
    hunt.do(hunts.add_bonus, "Game", "1", _viewer_of(tx, HIDDEN), None)
    hunt.do(hunts.set_guessing, opened=False)
    hunt.do(hunts.open_hunt)
    hunt.do(hunts.record_result, "10")
    hunt.do(hunts.finish)
    slots.call("A new slot", name=CALLED[HIDDEN], user_id=user_id_of(HIDDEN))
    slots.call("Another slot", name=CALLED[SHOWN], user_id=user_id_of(SHOWN))
    while slots.queue():
        call = slots.do(slot_picks.pick_first)
        slots.do(slot_actions.close_call, call.number, "done")
    _ask(tx)
    with Work(tx, GUILD, actor=5, now=rig.DUE) as work:
        slot_panel.post_panel(work, CHANNEL_ID)
        guilds.set_channel(work.tx, guilds.Channel(GUILD, "twitch", 9, "nora"))
        for viewer in work.tx.execute(select(Viewer.viewer_id)).scalars():
            announcements.post_line(work, "granted", viewer, f"k{viewer}", {})
            announcements.announce_loss(work, viewer, "full", "VIP", f"k{viewer}")
    for pick in rig.picks_of(tx, GUILD, 1):
        rig.with_frozen(tx, GUILD, 1, partial(posts.announce_end, pick=pick))


def _cancel_a_heist(heist: HeistGuild) -> None:
    """Nobody's stake is high enough: those who are refused are named in the line about it."""
    heist.wait(3600)
    heist.handle([_said_by(SHOWN, "!heist", heist.at)])
    for name in (SHOWN, HIDDEN, EXCLUDED):
        heist.handle([_said_by(name, "!join 1", heist.at)])
    heist.do(heists.cancel)


def _give_subs(tx: Connection) -> None:
    """Those who are here each give a sub, and the bot thanks for it in Discord."""
    at = LATER + timedelta(days=1)
    given = [
        SubGifted(
            key=f"gift:{name}",
            guild_id=GUILD,
            at=at,
            platform="kick",
            channel_id=1,
            gifter=Person(user_id=user_id_of(name), name=CALLED[name]),
            giftee=Person(user_id=number, name="a giftee"),
            drop=name,
        )
        for number, name in enumerate((SHOWN, HIDDEN, EXCLUDED), 900_001)
    ]
    cache_of(tx).clear()
    with Work(tx, GUILD, actor=5, now=at) as work:
        change_settings(work, RaffleSettings, channel=CHANNEL_ID)
        settings = load_settings(work, RaffleSettings)
        raffles.open_period(work, CONFIG, at - timedelta(days=1), at + timedelta(days=9), settings)
        work.flush()
        gifts.on_subs_gifted(work, given)
        for guild_id, drop in gifts.list_unannounced(tx):
            if guild_id == GUILD:
                gifts.announce_drop(work, drop)


def _ask(tx: Connection) -> None:
    """Every command of chat, about nobody and about each of them."""
    asked = [*CALLED.values(), *("forgotten-1", "forgotten-2", "forgotten-3")]
    arguments = ["", " 1", *(f" @{path}" for path in asked), *(f" @{path} 100" for path in asked)]
    for feature in load_features():
        for command in feature.chat_commands:
            for argument in arguments:
                cache_of(tx).clear()
                text = f"!{command.names[0]}{argument}"
                command.run(tx, [_said_by(SHOWN, text, LATER + timedelta(days=2))])
