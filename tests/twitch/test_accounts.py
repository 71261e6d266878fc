"""Connecting the streamer's and a bot's account, and what becomes of their tokens."""

from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from core.kit.database.records import THE_BOT, PlatformUserId
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import GrantEnded, ReconnectNeeded
from core.twitch.accounts import actions, connect, oauth, tokens
from core.twitch.accounts.records import TwitchConnectAttempt
from core.twitch.accounts.rules import SCOPES
from core.twitch.client import client_of
from core.twitch.health import examine
from core.twitch.wire import TwitchRejected
from tests.conftest import GUILD, OTHER_GUILD
from tests.twitch.rig import ADMIN, NORA, VERA, Office, deliver


def state_of(office: Office) -> tuple[str, str]:
    with office.services.database.begin() as tx:
        [found] = actions.ACCOUNTS["streamer"].check_health(tx, office.clock())
    return found.state, found.reason


def test_streamer_connects_the_channel(office: Office) -> None:
    account = office.connect()
    assert (account.twitch_user_id, account.login, account.name) == (NORA, "noraplays", "NoraPlays")
    assert set(account.scopes) == set(SCOPES["streamer"])
    sql = "SELECT platform, channel_id, slug FROM guild_channels WHERE guild_id = :guild_id"
    assert office.rows(sql, guild_id=GUILD) == [("twitch", NORA, "noraplays")]
    assert state_of(office) == ("ok", "Connected as NoraPlays.")
    [(kind,)] = office.rows("SELECT kind FROM outbox_messages")
    assert kind == "guilds.connected"


def test_tokens_are_encrypted_at_rest(office: Office) -> None:
    office.connect()
    [(sealed, refresh)] = office.rows("SELECT access_token, refresh_token FROM twitch_accounts")
    token = office.token()
    assert token not in sealed + refresh
    assert client_of(office.services.settings).account_of(token).user_id == NORA


def test_consent_page_always_asks_and_for_everything_at_once(office: Office) -> None:
    url = office.redirect_to_provider(office.browser(), office.link())
    query = parse_qs(urlsplit(url).query)
    assert query["force_verify"] == ["true"]
    assert set(query["scope"][0].split()) == set(SCOPES["streamer"])
    assert query["redirect_uri"] == ["http://localhost:8080/auth/twitch/callback"]


def test_who_declines_connects_nothing(office: Office) -> None:
    page = office.round_trip(office.link(), None)
    assert page.status_code == 403
    assert "You declined on Twitch." in page.text
    assert office.account() is None


def test_link_works_once(office: Office) -> None:
    link = office.link()
    assert office.round_trip(link).status_code == 200
    assert office.open(office.browser(), link).status_code == 410


def test_answer_in_another_browser_is_refused(office: Office) -> None:
    consent = office.redirect_to_provider(office.browser(), office.link())
    back = office.twitch.consent(consent, "nora")
    assert office.open(office.browser(), back).status_code == 400
    assert office.account() is None


def test_bot_account_comes_after_the_channel(office: Office) -> None:
    with pytest.raises(Refusal, match="No Twitch channel"):
        office.link("bot")
    office.connect()
    bot = office.connect("bot", "bot")
    assert (bot.role, bot.login) == ("bot", "regulars_bot")
    assert set(bot.scopes) == set(SCOPES["bot"])


def test_streamer_is_no_bot_of_their_own(office: Office) -> None:
    office.connect()
    page = office.round_trip(office.link("bot"), "nora")
    assert page.status_code == 409
    assert "own account" in page.text
    assert office.account("bot") is None


def test_another_channel_replaces_the_first(office: Office) -> None:
    office.connect("nora")
    office.connect("vera")
    sql = "SELECT channel_id FROM guild_channels WHERE guild_id = :guild_id"
    assert office.rows(sql, guild_id=GUILD) == [(VERA,)]


def test_servers_are_separate(office: Office) -> None:
    office.connect("nora")
    office.connect("vera", guild_id=OTHER_GUILD)
    found = "SELECT guild_id, channel_id FROM guild_channels ORDER BY channel_id"
    assert office.rows(found) == [(GUILD, NORA), (OTHER_GUILD, VERA)]


def test_disconnecting_revokes_the_token(office: Office) -> None:
    office.connect()
    token = office.token()
    ended = actions.ACCOUNTS["streamer"].disconnect(office.services, GUILD, 1)
    assert ended is not None
    assert ended.is_revoked
    with pytest.raises(TwitchRejected, match="401"):
        client_of(office.services.settings).validate(token)
    assert office.account() is None
    assert actions.ACCOUNTS["streamer"].disconnect(office.services, GUILD, 1) is None


# -- tokens ---------------------------------------------------------------------------------------


def test_token_is_renewed_before_it_ends(office: Office) -> None:
    office.connect()
    before = office.token()
    office.clock.forward(hours=3, minutes=55)
    tokens.refresh_due(office.services)
    assert office.token() != before


def test_token_that_twitch_rejects_is_renewed_at_once(office: Office) -> None:
    office.connect()
    before = office.token()
    office.twitch.do("tokens", action="expire")
    tokens.validate_all(office.services)
    assert office.token() != before
    assert state_of(office)[0] == "ok"


def test_dead_token_asks_for_another_consent_once(office: Office) -> None:
    office.connect()
    office.twitch.do("tokens", action="forget")
    for _time in range(3):
        tokens.validate_all(office.services)
    state, reason = state_of(office)
    assert state == "warn"
    assert "Twitch has ended the connection of NoraPlays." in reason
    told = office.rows("SELECT count(*) FROM outbox_messages WHERE kind = 'guilds.reconnect'")
    assert told == [(1,)]
    assert office.rows("SELECT access_token, refresh_token FROM twitch_accounts") == [("", "")]
    with pytest.raises(ReconnectNeeded):
        tokens.user_token(office.services, GUILD, "streamer")
    office.connect()
    assert state_of(office)[0] == "ok"


def test_outage_ends_no_connection(office: Office) -> None:
    office.connect()
    office.clock.forward(hours=5)
    office.twitch.fault(token__500=1)
    with pytest.raises(Outage):
        tokens.user_token(office.services, GUILD, "streamer")
    assert tokens.user_token(office.services, GUILD, "streamer")


def test_removed_app_is_noticed_by_webhook(office: Office) -> None:
    office.connect()
    event = {"client_id": "x", "user_id": str(NORA), "user_login": "n", "user_name": "n"}
    answer = deliver(office, "user.authorization.revoke", event)
    assert answer.json == {"status": "revoked"}
    account = office.account()
    assert account is not None
    assert account.state == "reconnect"


def test_names_and_scopes_follow_twitch(office: Office) -> None:
    office.connect()
    office.twitch.do("rename", person="nora", name="NoraNew")
    tokens.validate_all(office.services)
    account = office.account()
    assert account is not None
    assert account.login == "noranew"


def test_config_without_an_app_says_what_to_set(office: Office) -> None:
    bare = office.with_settings(twitch_client_id=None)
    with bare.services.work_in(GUILD) as work:
        [line] = examine(work, bare.services)
    assert (line.state, line.found) == ("down", "not set up")
    assert "TWITCH_CLIENT_ID" in line.remedy


def test_streamer_who_signed_in_links_again_but_exchanges_no_channel(office: Office) -> None:
    office.connect()

    def link(person: str) -> TestResponse:
        attempt = TwitchConnectAttempt(
            role="streamer",
            asked_by=THE_BOT,
            asked_by_name="NoraPlays",
            streamer_id=PlatformUserId(NORA),
            asked_at=office.clock(),
        )
        with office.services.work_in(GUILD, streamer=NORA) as work:
            actions.open_attempt(work, attempt)
        return office.round_trip(connect.LINKS["streamer"].url(office.services, attempt), person)

    before = office.token()
    refused = link("vera")
    assert refused.status_code == 409
    assert "who is not the channel" in refused.text
    assert office.token() == before
    assert link("nora").status_code == 200
    after = office.account()
    assert after is not None
    assert (after.connected_by, after.twitch_user_id) == (ADMIN, NORA)
    sql = "SELECT action, actor, streamer_id FROM guild_audit_log ORDER BY id DESC LIMIT 1"
    assert office.rows(sql) == [("twitch.connect", 0, NORA)]
    contact = "SELECT contact_id FROM guilds WHERE guild_id = :g"
    assert office.rows(contact, g=GUILD) == [(ADMIN,)]


@pytest.mark.parametrize(
    ("status", "reason", "error", "words"),
    [
        (400, "Invalid refresh token", GrantEnded, "Invalid refresh token"),
        (401, "invalid access token", GrantEnded, "invalid access token"),
        (400, "invalid client", Refusal, "does not accept this bot's app"),
        (403, "invalid client secret", Refusal, "does not accept this bot's app"),
        (404, "not found", Refusal, "does not accept this bot's app"),
    ],
)
def test_wrong_app_credentials_do_not_end_a_connection(
    status: int, reason: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), oauth._translated():
        raise TwitchRejected(status, reason)


@pytest.mark.parametrize(
    ("transport", "found"), [("webhook", "webhooks"), ("websocket", "nobody listens right now")]
)
def test_check_shows_the_transport(office: Office, transport: str, found: str) -> None:
    office.connect()
    services = office.with_settings(twitch_eventsub=transport).services
    with services.work_in(GUILD) as work:
        lines = examine(work, services)
    assert [line.found for line in lines if line.name == "transport"] == [found]
