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
from tests.twitch.rig import ADMIN, NORA, VERA, Installation, deliver


def state_of(installation: Installation) -> tuple[str, str]:
    with installation.services.database.begin() as tx:
        [found] = actions.ACCOUNTS["streamer"].check_health(tx, installation.clock())
    return found.state, found.reason


def test_streamer_connects_the_channel(installation: Installation) -> None:
    account = installation.connect()
    assert (account.twitch_user_id, account.login, account.name) == (NORA, "noraplays", "NoraPlays")
    assert set(account.scopes) == set(SCOPES["streamer"])
    sql = "SELECT platform, channel_id, slug FROM guild_channels WHERE guild_id = :guild_id"
    assert installation.rows(sql, guild_id=GUILD) == [("twitch", NORA, "noraplays")]
    assert state_of(installation) == ("ok", "Connected as NoraPlays.")
    [(kind,)] = installation.rows("SELECT kind FROM outbox_messages")
    assert kind == "guilds.connected"


def test_tokens_are_encrypted_at_rest(installation: Installation) -> None:
    installation.connect()
    [(sealed, refresh)] = installation.rows(
        "SELECT access_token, refresh_token FROM twitch_accounts"
    )
    token = installation.token()
    assert token not in sealed + refresh
    assert client_of(installation.services.settings).account_of(token).user_id == NORA


def test_consent_page_always_asks_and_for_everything_at_once(installation: Installation) -> None:
    url = installation.redirect_to_provider(installation.browser(), installation.link())
    query = parse_qs(urlsplit(url).query)
    assert query["force_verify"] == ["true"]
    assert set(query["scope"][0].split()) == set(SCOPES["streamer"])
    assert query["redirect_uri"] == ["http://localhost:8080/auth/twitch/callback"]


def test_who_declines_connects_nothing(installation: Installation) -> None:
    page = installation.round_trip(installation.link(), None)
    assert page.status_code == 403
    assert "You declined on Twitch." in page.text
    assert installation.account() is None


def test_link_works_once(installation: Installation) -> None:
    link = installation.link()
    assert installation.round_trip(link).status_code == 200
    assert installation.open(installation.browser(), link).status_code == 410


def test_answer_in_another_browser_is_refused(installation: Installation) -> None:
    consent = installation.redirect_to_provider(installation.browser(), installation.link())
    back = installation.twitch.consent(consent, "nora")
    assert installation.open(installation.browser(), back).status_code == 400
    assert installation.account() is None


def test_bot_account_comes_after_the_channel(installation: Installation) -> None:
    with pytest.raises(Refusal, match="No Twitch channel"):
        installation.link("bot")
    installation.connect()
    bot = installation.connect("bot", "bot")
    assert (bot.role, bot.login) == ("bot", "regulars_bot")
    assert set(bot.scopes) == set(SCOPES["bot"])


def test_streamer_is_no_bot_of_their_own(installation: Installation) -> None:
    installation.connect()
    page = installation.round_trip(installation.link("bot"), "nora")
    assert page.status_code == 409
    assert "own account" in page.text
    assert installation.account("bot") is None


def test_another_channel_replaces_the_first(installation: Installation) -> None:
    installation.connect("nora")
    installation.connect("vera")
    sql = "SELECT channel_id FROM guild_channels WHERE guild_id = :guild_id"
    assert installation.rows(sql, guild_id=GUILD) == [(VERA,)]


def test_servers_are_separate(installation: Installation) -> None:
    installation.connect("nora")
    installation.connect("vera", guild_id=OTHER_GUILD)
    found = "SELECT guild_id, channel_id FROM guild_channels ORDER BY channel_id"
    assert installation.rows(found) == [(GUILD, NORA), (OTHER_GUILD, VERA)]


def test_disconnecting_revokes_the_token(installation: Installation) -> None:
    installation.connect()
    token = installation.token()
    ended = actions.ACCOUNTS["streamer"].disconnect(installation.services, GUILD, 1)
    assert ended is not None
    assert ended.is_revoked
    with pytest.raises(TwitchRejected, match="401"):
        client_of(installation.services.settings).validate(token)
    assert installation.account() is None
    assert actions.ACCOUNTS["streamer"].disconnect(installation.services, GUILD, 1) is None


# -- tokens ---------------------------------------------------------------------------------------


def test_token_is_renewed_before_it_ends(installation: Installation) -> None:
    installation.connect()
    before = installation.token()
    installation.clock.forward(hours=3, minutes=55)
    tokens.refresh_due(installation.services)
    assert installation.token() != before


def test_token_that_twitch_rejects_is_renewed_at_once(installation: Installation) -> None:
    installation.connect()
    before = installation.token()
    installation.twitch.do("tokens", action="expire")
    tokens.validate_all(installation.services)
    assert installation.token() != before
    assert state_of(installation)[0] == "ok"


def test_dead_token_asks_for_another_consent_once(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("tokens", action="forget")
    for _time in range(3):
        tokens.validate_all(installation.services)
    state, reason = state_of(installation)
    assert state == "warn"
    assert "Twitch has ended the connection of NoraPlays." in reason
    told = installation.rows("SELECT count(*) FROM outbox_messages WHERE kind = 'guilds.reconnect'")
    assert told == [(1,)]
    assert installation.rows("SELECT access_token, refresh_token FROM twitch_accounts") == [
        ("", "")
    ]
    with pytest.raises(ReconnectNeeded):
        tokens.user_token(installation.services, GUILD, "streamer")
    installation.connect()
    assert state_of(installation)[0] == "ok"


def test_outage_ends_no_connection(installation: Installation) -> None:
    installation.connect()
    installation.clock.forward(hours=5)
    installation.twitch.fault(token__500=1)
    with pytest.raises(Outage):
        tokens.user_token(installation.services, GUILD, "streamer")
    assert tokens.user_token(installation.services, GUILD, "streamer")


def test_removed_app_is_noticed_by_webhook(installation: Installation) -> None:
    installation.connect()
    event = {"client_id": "x", "user_id": str(NORA), "user_login": "n", "user_name": "n"}
    answer = deliver(installation, "user.authorization.revoke", event)
    assert answer.json == {"status": "revoked"}
    account = installation.account()
    assert account is not None
    assert account.state == "reconnect"


def test_names_and_scopes_follow_twitch(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("rename", person="nora", name="NoraNew")
    tokens.validate_all(installation.services)
    account = installation.account()
    assert account is not None
    assert account.login == "noranew"


def test_config_without_an_app_says_what_to_set(installation: Installation) -> None:
    bare = installation.with_settings(twitch_client_id=None)
    with bare.services.work_in(GUILD) as work:
        [line] = examine(work, bare.services)
    assert (line.state, line.found) == ("down", "not set up")
    assert "TWITCH_CLIENT_ID" in line.remedy


def test_streamer_who_signed_in_links_again_but_exchanges_no_channel(
    installation: Installation,
) -> None:
    installation.connect()

    def link(person: str) -> TestResponse:
        attempt = TwitchConnectAttempt(
            role="streamer",
            asked_by=THE_BOT,
            asked_by_name="NoraPlays",
            streamer_id=PlatformUserId(NORA),
            asked_at=installation.clock(),
        )
        with installation.services.work_in(GUILD, streamer=NORA) as work:
            actions.open_attempt(work, attempt)
        return installation.round_trip(
            connect.LINKS["streamer"].url(installation.services, attempt), person
        )

    before = installation.token()
    refused = link("vera")
    assert refused.status_code == 409
    assert "who is not the channel" in refused.text
    assert installation.token() == before
    assert link("nora").status_code == 200
    after = installation.account()
    assert after is not None
    assert (after.connected_by, after.twitch_user_id) == (ADMIN, NORA)
    sql = "SELECT action, actor, streamer_id FROM guild_audit_log ORDER BY id DESC LIMIT 1"
    assert installation.rows(sql) == [("twitch.connect", 0, NORA)]
    contact = "SELECT contact_id FROM guilds WHERE guild_id = :g"
    assert installation.rows(contact, g=GUILD) == [(ADMIN,)]


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
    ("transport", "found"), [("webhook", "webhooks"), ("websocket", "not connected")]
)
def test_check_shows_the_transport(installation: Installation, transport: str, found: str) -> None:
    installation.connect()
    services = installation.with_settings(twitch_eventsub=transport).services
    with services.work_in(GUILD) as work:
        lines = examine(work, services)
    assert [line.found for line in lines if line.name == "transport"] == [found]
