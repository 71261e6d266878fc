"""The 15 bugs of a VIP manager that others have written: none of them is here. Each test runs the
real client against the fake Twitch, and the whole web application where it is about that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from core.api_tokens.actions import create_token
from core.kit.database.work import CHANGED
from core.kit.errors import Refusal
from core.kit.runtime.crypto import vault_of
from core.twitch.accounts.tokens import user_token
from core.twitch.bodies import KINDS
from core.twitch.client import client_of
from core.twitch.wire import TwitchRejected
from core.vips import actions, rewards, store
from core.vips.feature import FEATURE
from core.vips.records import Session
from core.vips.runner import VipRunner
from tests.dashboard import site as sites
from tests.dashboard.site import Site
from tests.dashboard.test_access import path_of
from tests.patience import until
from tests.twitch.rig import FAST, MIA, NORA, deliver
from tests.vips.rig import MIA_ACCOUNT, REDEEMED, Scene
from tests.vips.test_pages import Program, connect


def redeem(scene: Scene, **values: Any) -> str:
    """Somebody redeems, and it is heard; the redemption's id."""
    redeemed = scene.redeem(**values)
    scene.hear_redeemed(redeemed, **values)
    scene.work()
    return redeemed


def length(session: Session) -> timedelta:
    assert session.started_at is not None
    assert session.ends_at is not None
    return session.ends_at - session.started_at


def test_01_the_apps_token_is_used_where_twitch_wants_the_streamers(scene: Scene) -> None:
    client = client_of(scene.installation.services.settings)
    token = client._headers_of_app()["Authorization"].removeprefix("Bearer ")
    socket = {"method": "websocket", "session_id": "x"}
    refused: list[Callable[[], object]] = [
        lambda: client.add_vip(token, NORA, MIA),
        lambda: client.remove_vip(token, NORA, MIA),
        lambda: client.create_reward(token, NORA, {"title": "VIP", "cost": 1}),
        lambda: client.send_chat(token, NORA, NORA, "hello", None),
        lambda: client.subscribe(REDEEMED, "1", {"broadcaster_user_id": str(NORA)}, socket, token),
    ]
    for call in refused:  # the fake Twitch declines it as the real one does
        with pytest.raises(TwitchRejected):
            call()
    scene.reward()
    with scene.installation.listening():
        scene.installation.twitch.wait_for(lambda found: len(found) == len(KINDS))
        redeemed = scene.redeem()
        until(lambda: scene.installation.stored(), "the event")
        scene.receive()
        scene.work()
    assert (scene.status(redeemed), scene.vips) == ("FULFILLED", ["mia"])
    scene.later(hours=2)
    assert scene.vips == []


def test_02_a_redemption_is_never_fulfilled_nor_cancelled(scene: Scene) -> None:
    scene.reward()
    assert scene.status(redeem(scene)) == "FULFILLED"
    scene.installation.twitch.do("moderator", person="vera")
    assert scene.status(redeem(scene, person="vera")) == "CANCELED"


@pytest.mark.parametrize("way", ["hand", "reward", "api"])
def test_03_a_duration_is_stored_in_one_unit_and_added_in_another(scene: Scene, way: str) -> None:
    """12 hours are the default everywhere, and 12 hours are added by each way."""
    scene.reward(minutes=0)
    token = scene.do(create_token, "test", "write")
    web, headers = scene.web(), {"Authorization": f"Bearer {token}"}
    for hours in (12, 24):
        if way == "hand":
            scene.do(actions.give, MIA_ACCOUNT)
        elif way == "reward":
            redeem(scene)
        else:
            sent = {"viewer": "MadCats"}
            assert web.post("/api/vip", json=sent, headers=headers).status_code == 201
        scene.work()
        assert length(scene.session) == timedelta(hours=hours)


def test_04_one_redemption_is_granted_twice(scene: Scene) -> None:
    """Sent again under the same and another message id, and listed by Twitch besides."""
    scene.reward()
    redeemed = scene.redeem()
    event = scene.redeemed(redeemed)
    for message_id in ("a", "a", "b"):
        assert (
            deliver(scene.installation, REDEEMED, event, message_id=message_id).status_code == 200
        )
    scene.receive()
    scene.later(minutes=4)
    assert (scene.session.minutes, scene.acts()) == (60, ["granted"])
    deliver(scene.installation, REDEEMED, event, message_id="c")
    scene.receive()
    scene.work()
    assert (scene.session.minutes, scene.acts()) == (60, ["granted"])


def test_05_an_extension_shortens_or_ignores_its_duration(scene: Scene) -> None:
    scene.reward("VIP day", minutes=1440)
    scene.reward("VIP hour", minutes=60)
    redeem(scene, title="VIP day")
    redeem(scene, title="VIP hour")
    scene.do(actions.extend, scene.session.number, 30)
    assert length(scene.session) == timedelta(hours=25, minutes=30)
    scene.later(hours=20)
    scene.do(actions.extend, scene.session.number)
    assert length(scene.session) == timedelta(hours=37, minutes=30)


def test_06_a_permanent_vip_loses_points_or_vip(scene: Scene) -> None:
    scene.reward()
    scene.installation.twitch.do("vip", person="mia")
    redeemed = redeem(scene)
    assert (scene.status(redeemed), scene.redemption(redeemed).reason) == (
        "CANCELED",
        "already_vip",
    )
    scene.later(days=30)
    assert scene.vips == ["mia"]


def test_07_expiry_ignores_its_setting_repeats_for_ever_and_tells_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.reward()
    scene.set(auto_remove=False)
    redeem(scene)
    scene.later(hours=2)
    assert scene.vips == ["mia"]
    scene.set(auto_remove=True)
    scene.installation.twitch.do("vip", person="mia", ends=True)  # Twitch answers 422 to a removal
    told: list[tuple[str, Any]] = []
    database = scene.installation.services.database
    monkeypatch.setattr(database, "_notify", lambda topic, **data: told.append((topic, data)))
    scene.work()
    (session,) = scene.sessions()
    assert (session.state, session.attempts) == ("ended", 0)
    assert scene.guild_id not in scene.runner.list_due()
    assert (CHANGED, "vips") in [(topic, data.get("package")) for topic, data in told]


@pytest.mark.parametrize("given", [None, "Bearer undefined", "Bearer None", "Bearer "])
def test_08_the_timer_lets_everybody_in_while_no_secret_is_set(
    scene: Scene, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given}
    path = "/api/cron/remove-expired-vips"
    assert scene.web().post(path, headers=headers).status_code == 403
    scene.installation = scene.installation.with_settings(cron_secret=SecretStr("geheim"))
    web = scene.web()
    assert web.post(path, headers=headers).status_code == 401
    assert web.post(path, headers={"Authorization": "Bearer gehéim"}).status_code == 401
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    scene.installation.clock.forward(hours=2)
    answer = web.post(path, headers={"Authorization": "Bearer geheim"})
    assert answer.json == {"expired": 1}
    assert scene.session.state == "ending"


def test_09_whoever_is_signed_in_changes_other_channels(site: Site) -> None:
    """Every page and endpoint about VIPs, as the admin of another server."""
    connect(site)
    mine = Program(site)
    mine("POST", "/vip", 201, viewer="MadCats", minutes=60)
    mine("POST", "/channel-points", 201, title="VIP", cost=500)
    before = mine("GET", "/vip"), mine("GET", "/channel-points")
    vera, program = site.visitor("vera"), Program(site, sites.OTHER_GUILD)
    own = f"/g/{sites.OTHER_GUILD}/vips"
    seen = 0
    for rule in site.app.url_map.iter_rules():
        if not rule.rule.startswith("/g/<int:guild_id>/vips"):
            continue
        for guild_id, expected in ((sites.GUILD, (404,)), (sites.OTHER_GUILD, (200, 303, 422))):
            path = path_of(rule, guild_id)
            if "POST" in (rule.methods or ()):
                answer = vera.post(path, page=own, duration="1h", viewer="MadCats")
            else:
                answer = vera.get(path)
            assert answer.status_code in expected, path
            assert "Access-Control-Allow-Origin" not in answer.headers
            seen += 1
    assert seen >= 2 * 12
    assert FEATURE.api is not None
    for endpoint in FEATURE.api.endpoints:
        if not endpoint.secret:
            there = f"{endpoint.path}?server={sites.GUILD}"
            program(endpoint.method, there, 404)
            assert vera._client.open(f"/api{there}", method=endpoint.method).status_code == 404
    program("GET", f"/ws?server={sites.GUILD}", 404)
    assert (mine("GET", "/vip"), mine("GET", "/channel-points")) == before


def test_10_a_program_with_a_bearer_token_is_refused(scene: Scene) -> None:
    web = scene.web()
    headers = {"Authorization": f"Bearer {scene.do(create_token, 'test', 'write')}"}
    made = web.post("/api/vip", json={"viewer": "MadCats"}, headers=headers)
    assert made.status_code == 201
    scene.work()
    assert scene.vips == ["mia"]
    assert web.get("/api/vip").status_code == 401
    streamer = user_token(scene.installation.services, scene.guild_id, "streamer")
    twitchs = {"Authorization": f"Bearer {streamer}"}
    assert web.get("/api/vip", headers=twitchs).status_code == 401


def test_11_listening_gives_up_or_loses_what_happens_meanwhile(scene: Scene) -> None:
    scene.reward()
    twitch = scene.installation.twitch
    with scene.installation.listening(replace(FAST, pause_factor=0.0005)):
        twitch.wait_for(lambda found: len(found) == len(KINDS))
        twitch.do("move_sockets")
        moved = scene.redeem("vera")
        until(lambda: scene.installation.stored(), "what happened while it moved")
        twitch.fault(socket__refuse=12)
        twitch.do("drop_sockets", code=4000)
        missed = scene.redeem("mia")
        gaps = "SELECT count(*) FROM inbox_deliveries WHERE kind = 'EventsMissed'"
        until(lambda: scene.installation.rows(gaps) == [(2,)], "it is connected again")
    scene.receive()
    scene.work()
    assert [scene.status(one) for one in (moved, missed)] == ["FULFILLED", "FULFILLED"]
    assert scene.acts() == ["granted", "granted"]


def test_12_forged_old_and_repeated_webhooks_are_believed(scene: Scene) -> None:
    scene.reward()
    event = {**scene.redeemed("forged"), "id": "forged"}
    for secret, seconds in (("another secret", 0), (None, -700), (None, 700)):
        answer = deliver(scene.installation, REDEEMED, event, secret=secret, seconds=seconds)
        assert answer.status_code == 403
    for _time in range(2):
        real = scene.redeemed(scene.redeem())
        for _again in range(2):
            assert deliver(scene.installation, REDEEMED, real, message_id="one").status_code == 200
    scene.receive()
    sql = "SELECT count(*) FROM vips_redemptions"
    assert scene.installation.rows(sql) == [(1,)]
    ended = {"id": "s1", "type": REDEEMED, "status": "authorization_revoked"}
    answer = deliver(
        scene.installation, REDEEMED, None, message_type="revocation", subscription=ended
    )
    assert answer.json == {"status": "revoked"}


def test_13_only_the_first_page_of_vips_is_read(scene: Scene) -> None:
    """And everybody on it is looked up on their own."""
    twitch, people = scene.installation.twitch, [f"v{number}" for number in range(130)]
    twitch.do("slots", count=200)
    for person in people:
        twitch.do("account", handle=person, name=person)
        twitch.do("vip", person=person)
    twitch.fault(api__only="/users", api__500=1000)
    scene.later(minutes=11)
    assert {one.viewer_name for one in scene.do(store.list_manual)} == set(people)


def test_14_renewed_tokens_get_lost_and_logs_show_them(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.reward()
    before = scene.installation.token()
    scene.installation.twitch.do("tokens", action="expire")
    redeem(scene)
    renewed = scene.installation.token()
    assert renewed != before
    # Another process uses the renewed one.
    client_of.cache_clear()
    scene.runner = VipRunner(scene.installation.services)
    scene.installation.twitch.fault(token__500=10)
    scene.later(hours=2)
    assert scene.vips == []
    shown = "".join(capsys.readouterr())
    assert not any(token[:8] in shown for token in (before, renewed))
    # Without a key in the environment one is made once, and kept.
    settings = scene.installation.services.settings.model_copy(
        update={"token_encryption_keys": None}
    )
    assert vault_of(settings).open(vault_of(settings).seal("secret")) == "secret"


def test_15_rewards_are_never_changed_and_foreign_ones_look_refundable(scene: Scene) -> None:
    reward = scene.reward()
    scene.do(rewards.change_reward, reward.number, cost=900)
    scene.do(rewards.pause_reward, reward.number, paused=True)
    scene.work()
    shown = scene.twitch_reward()
    assert shown is not None
    assert (shown["cost"], shown["is_paused"]) == (900, True)
    scene.installation.twitch.do("delete_reward", title="VIP")
    scene.installation.twitch.do("reward", title="Theirs")
    scene.do(actions.request_refresh, rewards=True)
    scene.work()
    scene.do(rewards.recreate_reward, reward.number)
    scene.work()
    assert scene.twitch_reward() is not None
    scene.do(rewards.delete_reward, reward.number)
    scene.work(2)
    assert scene.twitch_reward() is None
    (foreign,) = scene.do(store.list_rewards)
    assert (foreign.title, foreign.is_ours, foreign.is_used) == ("Theirs", False, False)
    with pytest.raises(Refusal, match="created elsewhere"):
        scene.do(rewards.change_reward, foreign.number, cost=1)
