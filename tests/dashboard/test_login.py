"""Logging in with Discord, and what ends a login."""

import time
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from core.dashboard import discord_login
from core.dashboard.login_pages import LOGINS
from core.guilds.records import AuditEntry
from core.kit.database.records import MemberId, PlatformUserId
from core.kit.database.work import read_records
from core.kit.discord.rest import FRESH_SECONDS, STALE_SECONDS
from core.logins import actions as sessions
from core.logins.records import WebSession
from core.twitch.accounts.records import TwitchConnectAttempt
from sandbox.twitch.driver import TwitchDriver
from tests.dashboard.site import GUILD, IDS, NORA_ON_TWITCH, OTHER_GUILD, Site, words

HOME = f"/g/{GUILD}/"
QUEUE = f"/g/{GUILD}/slot_calls"


def test_login_leads_back_to_the_page_that_asked_for_it(site: Site) -> None:
    visitor = site.visitor()
    asked = visitor.get(f"{QUEUE}?page=2")
    assert asked.headers["Location"] == f"/login?next=/g/{GUILD}/slot_calls?page%3D2"
    assert visitor.log_in("nora", f"{QUEUE}?page=2").headers["Location"] == f"{QUEUE}?page=2"
    assert visitor.get(QUEUE).status_code == 200


def test_consent_asks_for_name_and_servers_with_pkce(site: Site) -> None:
    address = site.visitor().get("/login/discord").headers["Location"]
    asked = {name: found[0] for name, found in parse_qs(urlsplit(address).query).items()}
    assert asked["scope"] == "identify guilds"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://localhost:8080/login/callback"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\nb", "evil"]
)
def test_login_leads_to_no_other_site(site: Site, target: str) -> None:
    assert site.visitor().log_in("nora", target).headers["Location"] == "/servers"


def test_login_works_once_and_only_in_the_browser_that_began_it(site: Site) -> None:
    mine, other = site.visitor(), site.visitor()
    address = mine.get("/login/discord").headers["Location"]
    form = {"person": str(IDS["nora"])}
    back = requests.post(address, form, allow_redirects=False).headers["Location"]
    assert "another browser" in words(other.get(back))
    assert mine.get(back).status_code == 302
    assert mine.get(back).status_code == 422


def test_declined_consent_leads_back_to_the_login(site: Site) -> None:
    visitor = site.visitor()
    address = visitor.get("/login/discord").headers["Location"]
    denied = requests.post(address, {"decision": "deny"}, allow_redirects=False)
    back = visitor.get(denied.headers["Location"])
    assert back.headers["Location"].startswith("/login")
    assert "You cancelled the login" in words(visitor.get("/login"))


def test_logging_out_ends_one_login_or_all(site: Site) -> None:
    first, second, third = (site.visitor("nora") for _time in range(3))
    first.post("/logout", page="/servers")
    assert [browser.get(HOME).status_code for browser in (first, second, third)] == [303, 200, 200]
    second.post("/logout", page="/servers", everywhere="1")
    assert third.get(HOME).status_code == 303


def test_logins_end_when_they_are_not_used(site: Site) -> None:
    visitor = site.visitor("nora")
    for _time in range(2):
        site.clock.forward(days=sessions.IDLE_DAYS)
        assert visitor.get(HOME).status_code == 200
    site.clock.forward(days=sessions.IDLE_DAYS, seconds=1)
    assert visitor.get(HOME).status_code == 303


def test_logins_end_after_a_month_of_use(site: Site) -> None:
    visitor = site.visitor("nora")
    for _day in range(sessions.MAX_DAYS):
        site.clock.forward(days=1)
        assert visitor.get(HOME).status_code == 200
    site.clock.forward(seconds=1)
    assert visitor.get(HOME).status_code == 303
    with site.services.database.begin() as tx:
        sessions.forget_expired(tx, site.clock())
        assert not tx.scalar(select(func.count()).select_from(WebSession))


def test_stolen_cookie_of_a_stopped_login_is_worth_nothing(site: Site) -> None:
    visitor = site.visitor("nora")
    with site.services.database.begin() as tx:
        [login] = read_records(tx, select(WebSession))
        sessions.log_out_everywhere(tx, login)
    assert visitor.get(HOME).status_code == 303


def test_lost_role_ends_access_when_discord_tells(site: Site) -> None:
    site.discord.member("tomas", roles=["Moderator"])
    visitor = site.visitor("tomas")
    assert visitor.get(HOME).status_code == 200
    site.discord.member("tomas", roles=[])
    try:
        site.changed(OTHER_GUILD)
        assert visitor.get(HOME).status_code == 200  # for a minute, unless the bot notices
        site.changed()
        assert visitor.get(HOME).status_code == 403
    finally:
        site.discord.member("tomas", roles=["Moderator"])


def test_pages_are_read_only_while_discord_does_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = site.visitor("nora")
    assert visitor.get(QUEUE).status_code == 200
    passed = [FRESH_SECONDS]
    real = time.monotonic
    monkeypatch.setattr("core.kit.discord.rest.time.monotonic", lambda: real() + passed[0])
    asked: list[str] = []
    monkeypatch.setattr("core.kit.discord.rest.requests.Session.get", partial(_away, asked))
    assert "You can look around" in words(visitor.get(QUEUE))
    assert "You can look around" in words(visitor.get(QUEUE))
    assert len(asked) == 1  # no visitor waits for Discord again and again
    declined = visitor.post(f"{QUEUE}/clear", page=QUEUE)
    assert (declined.status_code, "nothing can be changed" in words(declined)) == (422, True)
    passed[0] = STALE_SECONDS
    assert visitor.get(QUEUE).status_code == 503


def _away(asked: list[str], address: str, **_options: object) -> None:
    asked.append(address)
    raise requests.ConnectionError


def test_admins_can_look_as_a_moderator(site: Site) -> None:
    site.grant("Regular", "slot_calls")
    admin = site.visitor("nora")
    assert "View as" in words(admin.get(HOME))
    role = _option(admin.get(HOME).text, "Regular")
    admin.post(f"{HOME}view-as", page=HOME, role=role)
    viewed = words(admin.get(HOME))
    assert "as a member with the role Regular" in viewed
    assert admin.get(QUEUE).status_code == 200
    admin.post(f"{HOME}view-as", page=HOME)
    assert "as a member" not in words(admin.get(HOME))


def _option(page: str, name: str) -> str:
    before = page.split(f">{name}</option>")[0]
    return before.rsplit('value="', 1)[1].split('"')[0]


def test_picker_lists_the_servers_with_any_right(site: Site) -> None:
    site.grant("Regular", "slot_calls", guild_id=OTHER_GUILD)
    assert "Nora's Corner" in site.visitor("nora").get("/servers").text.replace("&#39;", "'")
    leo = site.visitor("leo")
    assert "Vera's Den" not in words(leo.get("/servers"))


def test_viewers_are_shown_to_their_own_page(site: Site) -> None:
    mia = site.visitor("mia")
    assert mia.get("/servers").headers["Location"] == "/me"
    assert mia.get("/me").headers["Location"] == f"/me/{GUILD}"
    assert mia.get(f"/me/{GUILD}").status_code == 200
    wall = mia.get(QUEUE)
    assert (wall.status_code, f'href="/me/{GUILD}"' in wall.text) == (403, True)
    assert 'href="/me"' in site.visitor("nora").get("/servers").text


def test_nobody_sends_forms_without_end(site: Site) -> None:
    visitor = site.visitor("nora")
    sent = [visitor.post(f"{QUEUE}/clear", page=QUEUE) for _click in range(61)]
    assert {request.status_code for request in sent[:60]} == {303}
    assert (sent[60].status_code, "doing that too often." in words(sent[60])) == (429, True)
    assert 0 < int(sent[60].headers["Retry-After"]) <= 60


# -- with Twitch ----------------------------------------------------------------------------------

TWITCH = f"/g/{GUILD}/twitch"


def test_streamer_signs_in_with_twitch_to_the_page_that_asked(site: Site) -> None:
    site.connect_twitch()
    visitor = site.visitor()
    assert "Sign in with Twitch" in visitor.get("/login").text
    asked = visitor.get("/login/twitch").headers["Location"]
    assert parse_qs(urlsplit(asked).query, keep_blank_values=True)["scope"] == [""]
    assert visitor.sign_in_with_twitch("nora", TWITCH).headers["Location"] == TWITCH
    page = visitor.get(TWITCH)
    assert "NoraPlays" in words(page)
    assert "Overview" not in words(page)
    assert visitor.get("/servers").headers["Location"] == TWITCH
    visitor.post("/logout", page=TWITCH, everywhere="1")
    assert visitor.get(TWITCH).status_code == 303


@pytest.mark.parametrize("platform", ["discord", "twitch"])
def test_each_login_is_counted_once(site: Site, platform: str) -> None:
    log_in = {
        "discord": lambda: site.visitor().log_in("mia"),
        "twitch": lambda: site.visitor().sign_in_with_twitch("nora"),
    }[platform]
    for _time in range(LOGINS.amount):
        assert log_in().status_code == 302
    refused = site.visitor().get(f"/login/{platform}")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "Too many login attempts" in words(refused)


def test_login_leaves_other_tokens_of_the_person_valid(site: Site) -> None:
    """Discord ends all of them where one is revoked."""
    settings = site.services.settings
    assert settings.discord_client_secret is not None
    asked = discord_login.request_consent(settings)
    given = requests.post(asked.url, {"person": str(IDS["mia"])}, allow_redirects=False)
    code = parse_qs(urlsplit(given.headers["Location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": discord_login.redirect_uri(settings),
        "code_verifier": asked.verifier,
        "client_id": str(settings.discord_client_id),
        "client_secret": settings.discord_client_secret.get_secret_value(),
    }
    api = settings.discord_api_url
    token = requests.post(f"{api}/oauth2/token", form).json()["access_token"]
    site.visitor("mia")
    me = requests.get(f"{api}/users/@me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200


def test_token_of_the_sign_in_is_revoked_and_nothing_of_it_kept(site: Site) -> None:
    site.connect_twitch()
    twitch = TwitchDriver(site.services.settings.twitch_api_url.rsplit("/twitch/", 1)[0])
    before = twitch.state()["user_tokens"]
    site.streamer()
    assert twitch.state()["user_tokens"] == before
    twitch.close()


def test_sign_in_with_twitch_works_once_and_only_in_its_browser(site: Site) -> None:
    mine, other = site.visitor(), site.visitor()
    address = mine.get("/login/twitch").headers["Location"]
    back = requests.post(address, {"person": "nora"}, allow_redirects=False).headers["Location"]
    assert "another browser" in words(other.get(back))
    assert mine.get(back).status_code == 302
    assert mine.get(back).status_code == 422
    forged = site.visitor()
    forged.get("/login/twitch")
    assert forged.get("/auth/twitch/callback?state=login.x&code=x").status_code == 422


@pytest.mark.parametrize(
    ("discord_id", "twitch_user_id"), [(None, None), (IDS["nora"], NORA_ON_TWITCH)]
)
def test_login_is_of_exactly_one_person(
    tx: Connection, discord_id: MemberId | None, twitch_user_id: PlatformUserId | None
) -> None:
    session = {
        "token_hash": "hash",
        "discord_id": discord_id,
        "twitch_user_id": twitch_user_id,
        "name": "Nora",
        "avatar_url": "",
        "guild_ids": [GUILD],
        "began_at": datetime.now(UTC),
        "seen_at": datetime.now(UTC),
    }
    with pytest.raises(IntegrityError, match="logins_sessions_one_person"):
        tx.execute(insert(WebSession).values(session))


def test_declined_or_broken_sign_in_with_twitch_is_explained(site: Site) -> None:
    visitor = site.visitor()
    assert visitor.sign_in_with_twitch(None).headers["Location"] == "/login"
    assert "You cancelled the login" in words(visitor.get("/login"))
    address = visitor.get("/login/twitch").headers["Location"]
    state = parse_qs(urlsplit(address).query)["state"][0]
    refused = visitor.get(f"/auth/twitch/callback?state={state}&code=wrong")
    assert (refused.status_code, "did not accept" in words(refused)) == (422, True)


def test_streamer_of_no_server_is_told_so(site: Site) -> None:
    streamer = site.streamer("vera")
    assert "No server has connected the Twitch channel" in words(streamer.get("/servers"))


def test_access_ends_with_the_connection(site: Site) -> None:
    site.connect_twitch()
    streamer = site.streamer()
    assert streamer.get(TWITCH).status_code == 200
    done = streamer.post(f"{TWITCH}/disconnect", page=TWITCH, role="streamer")
    assert (done.status_code, done.headers["Location"]) == (303, "/servers")
    assert "NoraPlays is disconnected" in words(streamer.get("/servers"))
    assert streamer.get(TWITCH).status_code == 404


def test_audit_log_names_the_streamer(site: Site) -> None:
    site.connect_twitch()
    site.streamer().post(f"{TWITCH}/disconnect", page=TWITCH, role="streamer")
    with site.services.work_in(GUILD) as work:
        entry = work.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.actor, entry.streamer_id) == (
        "twitch.disconnect",
        0,
        NORA_ON_TWITCH,
    )
    log = words(site.visitor("nora").get(f"/g/{GUILD}/audit_log"))
    assert "the streamer (signed in with Twitch)" in log


def test_streamer_gets_a_link_of_their_own(site: Site) -> None:
    site.connect_twitch()
    link = site.streamer().post(f"{TWITCH}/connect", page=TWITCH, role="streamer")
    assert link.status_code == 303
    with site.services.work_in(GUILD) as work:
        attempt = work.scalars(select(TwitchConnectAttempt)).one()
    assert (attempt.streamer_id, attempt.asked_by, attempt.asked_by_name) == (
        NORA_ON_TWITCH,
        0,
        "NoraPlays",
    )
