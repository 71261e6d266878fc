"""A draw's public page in each state."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import Connection, text

from core.raffle import store as raffle
from core.raffle.draw import actions
from core.raffle.draw_records import BEACON_TIMEOUT
from tests.draws.verifier import FILE, verify
from tests.raffle.draw.conftest import Site
from tests.raffle.draw.rig import (
    AFTER,
    DUE,
    START,
    as_owner,
    claim,
    did_not_claim,
    do,
    draw_of,
    drew,
    drew_without_beacon,
    ended,
    froze,
    take_back_freeze,
)
from tests.raffle.scene import CONFIG, period_of, set_period

NUMBER = 1


def posted_at(site: Site, at: datetime, kind: str = "raffle.frozen") -> None:
    """Discord took the announcement then."""
    sent = text(
        "UPDATE outbox_messages SET state = 'sent', receipt = jsonb_build_object("
        "'channel_id', 777, 'message_id', CAST(:id AS bigint)) WHERE kind = :kind"
    )
    snowflake = int((at.timestamp() - 1420070400) * 1000) << 22
    site.committed(lambda tx: tx.execute(sent, {"id": snowflake, "kind": kind}))


def page_words(site: Site, guild_id: int) -> str:
    """The page's words."""
    answer = site.get(site.path(guild_id, NUMBER))
    assert answer.status_code == 200
    return unescape(" ".join(answer.text.split()))


SWAP = """
    UPDATE raffle_picks SET viewer_id = (
        SELECT min(viewer_id) FROM people_viewers
         WHERE guild_id = :g AND viewer_id <> raffle_picks.viewer_id)
"""


def test_page_snapshot_and_bundle_appear_with_the_raffle_state(site: Site, guild_id: int) -> None:
    site.committed(lambda tx: ended(tx, guild_id))
    page = site.path(guild_id, NUMBER)

    def status() -> list[int]:
        return [site.get(page + part).status_code for part in ("", "/snapshot.txt", "/bundle.json")]

    assert status() == [200, 404, 404]
    site.committed(lambda tx: froze(tx, guild_id, NUMBER))
    assert status() == [200, 200, 404]
    site.committed(lambda tx: drew(tx, guild_id, NUMBER))
    assert status() == [200, 200, 200]


@pytest.mark.parametrize("path", ["nothing", "nothing/bundle.json", "%00", "../health", "a" * 500])
def test_unknown_paths_are_not_found(site: Site, path: str) -> None:
    assert site.get(f"/draws/{path}").status_code == 404


def test_seed_is_published_only_after_the_draw(site: Site, guild_id: int) -> None:
    site.froze(guild_id)
    sealed = site.committed(lambda tx: period_of(tx, guild_id, NUMBER))
    seed, salt = (
        CONFIG.decrypt(secret).hex() for secret in (sealed.sealed_seed, sealed.sealed_salt)
    )
    page = site.path(guild_id, NUMBER)
    for part in ("", "/snapshot.txt"):
        body = site.get(page + part).text
        assert seed not in body
        assert salt not in body
    site.committed(lambda tx: drew(tx, guild_id, NUMBER))
    body = site.get(page + "/bundle.json").text
    assert seed in body
    assert salt not in body


def test_snapshot_has_the_published_hash(site: Site, guild_id: int) -> None:
    site.froze(guild_id)
    page = site.path(guild_id, NUMBER)
    digest = hashlib.sha256(site.get(page + "/snapshot.txt").data).hexdigest()
    assert digest in site.get(page).text


def test_bundle_shows_the_current_winner_states(site: Site, guild_id: int) -> None:
    site.drew(guild_id)
    page = site.path(guild_id, NUMBER)

    def results() -> list[str]:
        verified, _hashes = verify(site.get(page + "/bundle.json").data)
        return [pick["result"] for pick in verified["picks"]]

    assert results() == ["waiting"]
    late = DUE + timedelta(days=2)
    site.committed(lambda tx: did_not_claim(tx, guild_id, NUMBER, 1, late))
    assert results() == ["expired", "waiting"]


def test_forgotten_winner_disappears_immediately(site: Site, guild_id: int) -> None:
    (pick,) = site.drew(guild_id, ("mia",))
    page = site.path(guild_id, NUMBER)
    site.committed(lambda tx: claim(tx, pick))
    verified, _hashes = verify(site.get(page + "/bundle.json").data)
    account = verified["picks"][0]["account"]
    gone = text("UPDATE people_viewers SET platform_user_id = -viewer_id, name = 'gone'")
    site.committed(lambda tx: tx.execute(gone))
    after = site.get(page + "/bundle.json").data
    verify(after)
    assert account not in after.decode()


def test_verifier_can_be_downloaded(site: Site) -> None:
    answer = site.get("/draws/verify_draw.py")
    assert answer.data == FILE.read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]


def test_names_are_escaped(site: Site, guild_id: int) -> None:
    def work(tx: Connection) -> None:
        number = ended(tx, guild_id, ("mia",))
        set_period(tx, guild_id, number, prize="<script>alert(1)</script>")
        drew(tx, guild_id, number)

    site.committed(work)
    page = site.get(site.path(guild_id, NUMBER)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("seconds", "words"), [(60, "before the beacon"), (-1, "only after the beacon")]
)
def test_page_shows_whether_the_hash_was_posted_in_time(
    site: Site, guild_id: int, seconds: float, words: str
) -> None:
    due = site.froze(guild_id).round_at or DUE
    assert page_words(site, guild_id).count("Not posted in Discord") == 2
    posted_at(site, due - timedelta(seconds=seconds))
    assert f"{words}'s number existed" in page_words(site, guild_id)
    assert f"https://discord.com/channels/{guild_id}/777/" in page_words(site, guild_id)
    assert page_words(site, guild_id).count("Not posted in Discord") == 1


def test_page_shows_whether_the_commitment_was_posted_in_time(site: Site, guild_id: int) -> None:
    site.committed(lambda tx: ended(tx, guild_id))
    assert page_words(site, guild_id).count("Not posted in Discord") == 1
    posted_at(site, START, "raffle.opened")
    assert "Not posted in Discord" not in page_words(site, guild_id)
    site.committed(lambda tx: froze(tx, guild_id, NUMBER))
    assert "only after the list was frozen" not in page_words(site, guild_id)
    posted_at(site, AFTER + timedelta(seconds=1), "raffle.opened")
    assert "only after the list was frozen" in page_words(site, guild_id)


def test_page_shows_what_a_raffle_is_waiting_for(site: Site, guild_id: int) -> None:
    """Also one that was called off before it began, which was never drawn."""
    now = datetime.now(UTC)

    def lies(days: int, **values: object) -> str:
        start = now + timedelta(days=days)
        site.committed(
            lambda tx: set_period(
                tx,
                guild_id,
                NUMBER,
                starts_at=start,
                ends_at=start + timedelta(days=2),
                **values,
            )
        )
        return page_words(site, guild_id)

    site.committed(lambda tx: ended(tx, guild_id))
    assert ">Opens <time" in lies(1)
    assert ">Open until <time" in lies(-1)
    ended_then = lies(-3)
    assert ">Ended <time" in ended_then
    assert "not drawn yet" in ended_then
    called_off = lies(1, state="closed", closed_at=now)
    assert "Cancelled" in called_off
    assert "nobody eligible" not in called_off


def test_page_warns_of_another_beacon(site: Site, guild_id: int) -> None:
    own = replace(CONFIG, chain=replace(CONFIG.chain, genesis=1))

    def work(tx: Connection) -> None:
        do(tx, guild_id, AFTER, actions.freeze, own, ended(tx, guild_id))

    site.committed(work)
    said = page_words(site, guild_id)
    assert "This is not the public beacon" in said
    assert "of that beacon" in said
    assert "independent organisations" not in said


def test_given_up_round_is_shown_with_its_url(site: Site, guild_id: int) -> None:
    """Anyone can check whether the round really did not exist."""

    def work(tx: Connection) -> None:
        draw = froze(tx, guild_id, ended(tx, guild_id))
        assert draw.round_at is not None
        late = draw.round_at + BEACON_TIMEOUT
        do(tx, guild_id, late, actions.give_up_beacon, CONFIG, NUMBER)
        do(tx, guild_id, late, actions.draw_winners, CONFIG, NUMBER)

    site.committed(work)
    draw = site.committed(lambda tx: draw_of(tx, guild_id, NUMBER))
    shown = page_words(site, guild_id)
    assert "was promised, but the bot could not get it" in shown
    assert f'href="https://api.drand.sh/{draw.chain}/public/{draw.round}"' in shown


def test_page_shows_how_long_a_silent_winner_had(site: Site, guild_id: int) -> None:
    site.drew(guild_id)
    late = DUE + timedelta(days=2)
    site.committed(lambda tx: did_not_claim(tx, guild_id, NUMBER, 1, late))
    silence = re.search(
        r"was drawn <time .*? and didn't claim between <time .*?</time> and <time [^>]*>",
        page_words(site, guild_id),
    )
    assert silence is not None
    assert DUE.isoformat() in silence[0]
    assert (DUE + timedelta(days=2)).isoformat() in silence[0]


def test_draw_without_beacon_is_labeled(site: Site, guild_id: int) -> None:
    site.committed(lambda tx: drew_without_beacon(tx, guild_id, ended(tx, guild_id)))
    assert "Drawn without the public beacon" in page_words(site, guild_id)
    assert "/public/None" not in page_words(site, guild_id)


def test_swapped_winner_is_marked(site: Site, guild_id: int) -> None:
    (pick,) = site.drew(guild_id)
    assert f"<h2>{pick.name}</h2>" in page_words(site, guild_id)
    site.committed(lambda tx: as_owner(tx, f"{SWAP}, discord_id = 1", g=guild_id))
    shown = page_words(site, guild_id)
    assert "The record of this winner was changed after the draw" in shown
    assert "<h2>Winner 1</h2>" in shown


def test_announced_and_actual_round_are_shown(site: Site, guild_id: int) -> None:
    site.committed(lambda tx: ended(tx, guild_id))
    plan = site.committed(lambda tx: do(tx, guild_id, DUE, raffle.find_plan, NUMBER))
    assert plan is not None
    assert f"round {plan.round}, published" in page_words(site, guild_id)
    site.committed(lambda tx: froze(tx, guild_id, NUMBER))
    shown = page_words(site, guild_id)
    assert f"Round {plan.round}, published" in shown
    assert "frozen later than planned" in shown
    assert "This raffle was frozen before" not in shown


def test_announced_round_is_shown_as_announced(site: Site, guild_id: int) -> None:
    site.froze(guild_id, AFTER - timedelta(minutes=5))
    assert "This is the announced round" in page_words(site, guild_id)
    assert "It is not used" not in page_words(site, guild_id)


def test_every_freeze_is_shown(site: Site, guild_id: int) -> None:
    site.froze(guild_id)
    site.committed(take_back_freeze)
    assert "This raffle was frozen before" in page_words(site, guild_id)
    site.committed(lambda tx: froze(tx, guild_id, NUMBER, AFTER + timedelta(hours=1)))
    first, second = site.committed(lambda tx: do(tx, guild_id, DUE, raffle.list_freezes, NUMBER))
    shown = page_words(site, guild_id)
    assert "This raffle was frozen before" in shown
    for one in (first, second):
        assert str(one.snapshot_hash) in shown
        assert f"round {one.round}" in shown


def test_ban_after_the_draw_is_shown(site: Site, guild_id: int) -> None:
    def work(tx: Connection) -> None:
        (pick,) = drew(tx, guild_id, ended(tx, guild_id))
        do(tx, guild_id, DUE, actions.set_discord_ban, pick.discord_id or 0, True)
        did_not_claim(tx, guild_id, NUMBER, 1, DUE + timedelta(days=2))

    site.committed(work)
    assert "won, but is now banned" in page_words(site, guild_id)
