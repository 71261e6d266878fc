"""Overlays: their addresses, what they show, and the stream that keeps them up to date."""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from core.bonus_hunt import actions as hunts
from core.guilds.actions import change_setting, change_settings
from core.kit.runtime.crypto import hash_of, vault_of
from core.kit.web import live
from core.kit.web.live import MAX_STREAMS
from core.kit.web.live_pages import MAX_PER_OVERLAY
from core.kit.web.worker import OVERLAY_THREADS
from core.overlays import actions
from core.overlays.records import OverlayKey
from core.overlays.rules import OverlaySettings, css_classes, styled
from core.overlays.show import OverlayPages, title_setting
from core.slot_calls import actions as slot_calls
from tests.dashboard.site import GUILD, OTHER_GUILD, Site, words
from tests.slot_calls.scene import Guild

KINDS = ("requests", "leaderboard", "raffle", "hunt", "points", "heist", "events")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.05)


def address(site: Site, kind: str = "requests", guild_id: int = GUILD) -> str:
    with site.services.work_in(guild_id) as work:
        found = actions.get_addresses(work, vault_of(site.services.settings), KINDS)
    return f"/overlay/{found[kind].key}/{kind}"


def stream(site: Site, path: str) -> Iterator[str]:
    """The messages of a stream, those that open it left out."""
    client = site.app.test_client()
    answer: TestResponse = client.get(f"/overlay/live?t=unknown,{path}", buffered=False)
    assert answer.status_code == 200
    messages = (part.decode() if isinstance(part, bytes) else part for part in answer.response)
    assert "open" in next(messages)
    return Untagged(messages, path)


class Untagged(Iterator[str]):
    """The messages of a stream with one topic, without what belongs to the stream itself."""

    def __init__(self, messages: Iterator[str], path: str) -> None:
        self._messages = messages
        self._topic = f"event: topic\ndata: {path}\n\n"

    def __next__(self) -> str:
        message = next(self._messages).removeprefix(self._topic)
        return re.sub(r"id: [0-9a-f.]+\nevent: told\ndata:\n\n$", "", message)

    def close(self) -> None:
        self._messages.close()  # type: ignore[attr-defined]


def call(site: Site, slot: str, guild_id: int = GUILD, **who: Any) -> None:
    with site.services.work_in(guild_id) as work:
        guild = Guild(work.tx, guild_id)
        guild.open()
        guild.call(slot, **who)


def test_page_shows_nothing_by_itself_and_only_in_our_frames(site: Site) -> None:
    page = site.visitor().get(address(site))
    assert (page.status_code, words(page)) == (200, "requests")
    assert 'class="theme-dark accent-green size-medium corner-top-left"' in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_stream_begins_with_what_there_is_and_follows_changes(site: Site) -> None:
    call(site, "Mental", name="<b>Mia</b>")
    messages = stream(site, address(site))
    first = next(messages)
    assert first.startswith("event: style\ndata: theme-dark")
    assert "Mental" in first
    assert "&lt;b&gt;Mia" in first
    assert "<b>Mia" not in first
    call(site, "Cubes", user_id=8, name="Leo")
    assert "Cubes" in next(messages)
    call(site, "Elsewhere", OTHER_GUILD)
    with site.services.work_in(GUILD) as work:
        slot_calls.clear_queue(work)
    assert "Mental" not in next(messages), "the other server's request is no change here"


def test_settings_and_headings_reach_open_overlays(site: Site) -> None:
    messages = stream(site, address(site))
    next(messages)
    with site.services.work_in(GUILD) as work:
        change_settings(work, OverlaySettings, theme="light", accent="pink")
    assert "data: theme-light accent-pink" in next(messages)
    overlay = site.app.extensions["overlays"].overlays["requests"]
    with site.services.work_in(GUILD) as work:
        change_setting(work, title_setting(overlay), "<i>Wünsche</i>" + "x" * 99)
    heading = next(messages)
    assert "&lt;i&gt;Wünsche" in heading
    assert "x" * 40 not in heading


def test_part_is_made_once_for_each_change(site: Site) -> None:
    path = address(site)
    with patch.object(OverlayPages, "render", autospec=True, return_value="made") as render:
        for _overlay in range(3):
            assert "made" in next(stream(site, path))
        assert render.call_count == 1
        call(site, "Mental")
        assert "made" in next(stream(site, path))
        assert render.call_count == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_overlay_is_shown_in_an_empty_and_in_a_busy_server(site: Site, kind: str) -> None:
    assert 'class="panel"' in next(stream(site, address(site, kind)))
    call(site, "Mental", name="Mia")
    shown = next(stream(site, address(site, kind)))
    assert ("Mia" in shown) == (kind in ("requests", "events"))


def test_key_opens_its_own_overlay_of_its_own_server_only(site: Site) -> None:
    call(site, "Mental")
    ours, theirs = address(site), address(site, guild_id=OTHER_GUILD)
    assert ours != theirs
    assert "Mental" not in next(stream(site, theirs))
    visitor = site.visitor()
    wrong = (
        ours.replace("requests", "raffle"),
        ours.replace("requests", "nothing"),
        "/overlay/x/requests",
    )
    for path in wrong:
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "<body" not in answer.text, "nothing to be seen on stream"
        assert next(stream(site, path)) == live.GONE


def test_wrong_keys_are_limited(site: Site) -> None:
    visitor, ours = site.visitor(), address(site)
    answers = [visitor.get("/overlay/x/requests").status_code for _try in range(40)]
    assert (answers[0], answers[-1]) == (404, 429)
    asked: list[str] = []
    event.listen(
        site.services.database.engine,
        "before_cursor_execute",
        lambda *given: asked.append(given[2]),
    )
    assert visitor.get("/overlay/y/requests").status_code == 429
    assert next(stream(site, "/overlay/y/requests")) == live.LATER
    assert not [sql for sql in asked if "overlays_keys" in sql], "counted before it is looked up"
    assert visitor.get(ours).status_code == 200


def test_overlays_are_not_counted_as_guesses(site: Site) -> None:
    visitor = site.visitor()
    for kind in KINDS:
        assert visitor.get(address(site, kind)).status_code == 200
    guesses = [visitor.get("/overlay/x/requests").status_code for _try in range(31)]
    assert guesses == [404] * 30 + [429]


def test_new_address_ends_the_old_one_at_once(site: Site) -> None:
    old, raffle = address(site), address(site, "raffle")
    messages = stream(site, old)
    next(messages)
    admin, page = site.visitor("nora"), f"/g/{GUILD}/overlays"
    assert admin.post(f"{page}/requests/rotate", page=page).status_code == 303
    assert next(messages) == "event: gone\ndata:\n\n"
    assert site.visitor().get(old).status_code == 404
    assert site.visitor().get(address(site)).status_code == 200
    assert address(site, "raffle") == raffle, "others keep theirs"
    assert admin.post(f"{page}/nothing/rotate", page=page).status_code == 422


def test_keys_are_stored_encrypted_and_found_by_their_hash(site: Site) -> None:
    key = address(site).split("/")[2]
    with site.services.work_in(GUILD) as work:
        record = work.find(OverlayKey, "requests")
    assert record is not None
    assert key not in record.sealed
    assert record.digest == hash_of(key)
    assert len(key) >= 32


def test_page_gives_addresses_previews_and_who_looks(site: Site) -> None:
    admin, page = site.visitor("nora"), f"/g/{GUILD}/overlays"
    shown = admin.get(page)
    assert words(shown).count("never opened") == len(KINDS)
    found = re.findall(r'value="(http[^"]+/overlay/[^"]+)"', shown.text)
    assert sorted(overlay.rsplit("/", 1)[1] for overlay in found) == sorted(KINDS)
    messages = stream(site, address(site))
    next(messages)
    assert "open in 1 place" in words(admin.get(page))
    messages.close()  # type: ignore[attr-defined]
    with site.services.work_in(GUILD) as work:
        record = work.find(OverlayKey, "requests")
    assert record is not None
    assert record.seen_at == site.services.clock()


def test_preview_shows_choices_before_they_are_saved(site: Site) -> None:
    call(site, "Mental")
    admin, page = site.visitor("nora"), f"/g/{GUILD}/overlays/preview/requests"
    query = {"overlays.theme": "clear", "overlays.size": "huge", "overlays.requests_title": "Mine"}
    shown = admin.get(page, query_string=query)
    assert "theme-clear accent-green size-medium" in shown.text
    assert "Mine 1" in words(shown)
    assert "Mental" in words(shown)
    assert "data-live" not in shown.text
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert admin.get(f"/g/{GUILD}/overlays/preview/nothing").status_code == 404


def test_choices_that_make_no_sense_change_nothing() -> None:
    style = OverlaySettings(theme="light")
    wanted = {"overlays.theme": "</style>", "overlays.corner": "bottom_right"}
    assert css_classes(styled(style, wanted)) == (
        "theme-light accent-green size-medium corner-bottom-right"
    )


def test_overlays_have_threads_of_their_own() -> None:
    assert MAX_STREAMS < OVERLAY_THREADS, "wrong keys and pages need some, too"


def test_more_than_the_most_are_told_to_try_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: OverlayPages = site.app.extensions["overlays"]
    monkeypatch.setattr(served.streams, "_most", 2)
    path = address(site)
    kept = [stream(site, path) for _place in range(2)]
    for opened in kept:
        next(opened)
    answer = site.app.test_client().get(f"/overlay/live?t=unknown,{path}")
    assert "event: full" in answer.text
    assert MAX_PER_OVERLAY <= MAX_STREAMS


def test_hunt_is_followed_from_start_to_end(site: Site) -> None:
    messages = stream(site, address(site, "hunt"))
    assert "No bonus hunts yet" in next(messages)

    def then(action: Any, *values: Any, **more: Any) -> str:
        with site.services.work_in(GUILD) as work:
            action(work, *values, **more)
        return re.sub(r"<[^>]+>|data: |\s+", " ", next(messages))

    assert "Friday" in then(hunts.start, "Friday", "10", "EUR", 0)
    for number in range(1, 8):
        then(hunts.add_typed, f"Slot {number}", "1")
    assert "!guess amount" in then(hunts.set_guessing, opened=True)
    shown = then(hunts.open_hunt)
    assert "0/7" in shown
    assert "1.43×" in shown
    assert "Slot 5" in shown
    assert "Slot 6" not in shown, "only those around the next one"
    assert "25.00×" in then(hunts.record_result, "25")
    assert "reached" in then(hunts.skip_bonus)
    assert "+15" in then(hunts.finish)
