"""Tokens: renewed ahead, by one at a time, kept through outages, and given up once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import delete
from structlog.testing import capture_logs

from core.guilds import actions as guilds
from core.guilds.settings import ADMIN_CHANNEL
from core.kick.accounts import oauth
from core.kick.accounts.actions import ACCOUNT
from core.kick.accounts.records import Account
from core.kick.accounts.tokens import refresh_after_401, refresh_due, user_token
from core.kick.client import client_of
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import GrantEnded, ReconnectNeeded, Tokens
from core.kit.runtime.crypto import SealBroken, Vault, vault_of
from core.kit.services import Services
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.accounts.rig import ADMIN, Office
from tests.kick.rig import NORA, VERA, follow


def name_of(office: Office, token: str) -> str:
    """Whose token Kick says this is."""
    return client_of(office.services.settings).account_of(token).name


def part(office: Office) -> tuple[str, str]:
    with office.services.database.begin() as tx:
        [found] = ACCOUNT.check_health(tx, office.clock())
    return found.state, found.reason


def test_fresh_token_is_returned_without_asking_kick(office: Office) -> None:
    office.connect()
    office.kick.fault(token__500=9)
    assert user_token(office.services, GUILD) == office.tokens()[0]


def test_token_is_refreshed_before_it_expires(office: Office) -> None:
    before = office.connect()
    held = office.tokens()
    office.expire(9 * 60)
    token = user_token(office.services, GUILD)
    assert token not in held
    assert name_of(office, token) == "NoraPlays"
    after = office.account()
    assert after is not None
    assert after.expires_at > before.expires_at - (office.clock() - before.connected_at)
    assert office.tokens()[0] == token
    assert after.refreshed_at > before.refreshed_at
    assert part(office) == ("ok", "Connected as NoraPlays.")


def test_new_token_pair_is_stored_before_use(office: Office) -> None:
    """With refresh tokens that work once, as Kick had them until November 2025."""
    office.connect()
    office.kick.fault(token__refresh_single_use=True)
    for _time in range(3):
        office.expire()
        assert name_of(office, user_token(office.services, GUILD)) == "NoraPlays"


@pytest.fixture
def processes(office: Office, postgres_url: str) -> Iterator[list[Services]]:
    """Several processes on one database, as far as tokens are concerned."""
    gates = [Database(postgres_url, pool_size=6) for _n in range(3)]
    yield [replace(office.services, database=gate) for gate in gates]
    for gate in gates:
        gate.close()


def test_simultaneous_processes_refresh_once(office: Office, processes: list[Services]) -> None:
    office.connect()
    office.expire()
    # A second renewal with the same refresh token would end the connection.
    office.kick.fault(token__refresh_single_use=True)
    with ThreadPoolExecutor(9) as pool:
        got = list(pool.map(lambda one: user_token(one, GUILD), processes * 3))
    assert set(got) == {office.tokens()[0]}
    assert part(office)[0] == "ok"


def test_simultaneous_401_responses_refresh_once(office: Office, processes: list[Services]) -> None:
    office.connect()
    office.kick.fault(token__refresh_single_use=True)
    rejected = office.tokens()[0]
    with ThreadPoolExecutor(9) as pool:
        got = list(pool.map(lambda one: refresh_after_401(one, GUILD, rejected), processes * 3))
    assert set(got) == {office.tokens()[0]}
    assert rejected not in got


def test_already_replaced_token_is_not_refreshed_again(office: Office) -> None:
    office.connect()
    office.kick.fault(token__500=9)
    assert refresh_after_401(office.services, GUILD, "an older one") == office.tokens()[0]


def test_early_expired_token_is_refreshed_on_401(office: Office) -> None:
    office.connect()
    office.kick.tokens("expire_access")
    token = refresh_after_401(office.services, GUILD, office.tokens()[0])
    assert name_of(office, token) == "NoraPlays"


def test_valid_token_is_used_during_kick_outage(office: Office) -> None:
    office.connect()
    office.expire(60)
    office.kick.fault(token__500=1)
    assert user_token(office.services, GUILD) == office.tokens()[0]


def test_expired_token_waits_during_kick_outage(office: Office) -> None:
    before = office.connect()
    office.expire(-60)
    office.kick.fault(token__500=2)
    with pytest.raises(Outage):
        user_token(office.services, GUILD)
    with pytest.raises(Outage):
        refresh_due(office.services)
    after = office.account()
    assert after is not None
    assert (after.state, after.refresh_token) == ("connected", before.refresh_token)
    assert part(office) == (
        "warn",
        "Connected as NoraPlays, but its token could not be refreshed yet.",
    )
    assert office.direct_messages("guilds.reconnect") == []
    refresh_due(office.services)
    assert part(office)[0] == "ok"


@pytest.mark.parametrize("documented", [False, True], ids=["as seen", "as documented"])
def test_ended_grant_is_reported_once_and_not_retried(office: Office, documented: bool) -> None:
    office.connect()
    office.expire()
    office.kick.tokens("end_all")
    office.kick.fault(token__docs_error=documented)
    with capture_logs() as lines, pytest.raises(ReconnectNeeded, match="NoraPlays"):
        user_token(office.services, GUILD)
    assert [line["log_level"] for line in lines] == ["warning"]
    # Should Kick be asked again all the same, this is what the caller would meet.
    office.kick.fault(token__docs_error=False, token__500=50)
    for _time in range(3):
        with pytest.raises(ReconnectNeeded):
            user_token(office.services, GUILD)
        refresh_due(office.services)
    [(target, payload)] = office.direct_messages("guilds.reconnect")
    assert target == {"user_id": ADMIN}
    assert payload["account"] == "NoraPlays"
    assert part(office) == (
        "warn",
        "Kick has ended the connection of NoraPlays. Run `/connect_kick` again.",
    )
    assert office.rows("SELECT access_token, refresh_token FROM kick_accounts") == [("", "")]


def test_ended_grant_is_reported_in_the_admin_channel(office: Office) -> None:
    office.connect()
    with office.services.database.begin() as tx:
        act(tx, GUILD, guilds.change_setting, ADMIN_CHANNEL, 4711, actor=ADMIN)
    office.kick.tokens("end_all")
    office.expire()
    for _time in range(2):
        with pytest.raises(ReconnectNeeded):
            user_token(office.services, GUILD)
    [(target, payload)] = office.direct_messages("guilds.reconnect")
    assert target == {"channel_id": 4711}
    assert payload["account"] == "NoraPlays"


def test_reconnecting_clears_the_error_and_next_end_is_reported(office: Office) -> None:
    for _time in range(2):
        office.connect()
        assert part(office)[0] == "ok"
        office.expire()
        office.kick.tokens("end_all")
        with pytest.raises(ReconnectNeeded):
            user_token(office.services, GUILD)
    assert len(office.direct_messages("guilds.reconnect")) == 2


def test_rejected_app_credentials_do_not_require_reconnecting(office: Office) -> None:
    office.connect()
    office.expire()
    changed = office.with_settings(kick_client_secret=SecretStr("not-the-secret"))
    with pytest.raises(Refusal, match="app") as refused:
        user_token(changed.services, GUILD)
    assert not isinstance(refused.value, ReconnectNeeded)
    with pytest.raises(Refusal, match="app"):
        refresh_due(changed.services)
    assert office.direct_messages("guilds.reconnect") == []
    assert name_of(office, user_token(office.services, GUILD)) == "NoraPlays"


def test_encryption_keys_can_be_rotated_without_reconnecting(office: Office) -> None:
    office.connect()
    old = office.services.settings.token_encryption_keys
    assert old is not None
    new = Fernet.generate_key().decode()
    changed = office.with_settings(
        token_encryption_keys=SecretStr(f"{new},{old.get_secret_value()}")
    )
    assert user_token(changed.services, GUILD) == office.tokens()[0]
    changed.expire()
    renewed = user_token(changed.services, GUILD)
    account = changed.account()
    assert account is not None
    assert Vault([new]).open(account.access_token) == renewed
    with pytest.raises(SealBroken):
        vault_of(office.services.settings).open(account.refresh_token)


def test_lost_encryption_key_is_reported_and_keeps_the_account(office: Office) -> None:
    before = office.connect()
    changed = office.with_settings(token_encryption_keys=SecretStr(Fernet.generate_key().decode()))
    with pytest.raises(Refusal, match="a key that is missing"):
        user_token(changed.services, GUILD)
    assert office.account() == before
    ended = ACCOUNT.disconnect(changed.services, GUILD, ADMIN)
    assert ended is not None
    assert ended.is_revoked is False


def test_missing_account_asks_to_connect(office: Office) -> None:
    with pytest.raises(ReconnectNeeded, match="No Kick account"):
        user_token(office.services, GUILD)
    assert part(office) == ("ok", "No Kick account is connected. Run `/connect_kick`.")


def test_account_of_a_former_channel_is_not_used(office: Office) -> None:
    office.connect()
    follow(office.services.database, GUILD, VERA, "veraspins")
    with pytest.raises(ReconnectNeeded, match="veraspins"):
        user_token(office.services, GUILD)
    assert part(office)[0] == "warn"


def test_tokens_are_isolated_per_server(office: Office) -> None:
    office.connect()
    follow(office.services.database, OTHER_GUILD, NORA)
    with pytest.raises(ReconnectNeeded):
        user_token(office.services, OTHER_GUILD)


def test_missing_scopes_are_named(office: Office) -> None:
    office.connect()
    office.rows("UPDATE kick_accounts SET scopes = '{user:read,channel:read}' RETURNING 1")
    state, reason = part(office)
    assert state == "warn"
    assert "Writing in chat" in reason
    assert "Name and picture" not in reason


def test_all_due_accounts_are_refreshed_despite_a_failure(office: Office) -> None:
    follow(office.services.database, OTHER_GUILD, VERA, "veraspins")
    office.connect(GUILD)
    office.connect(OTHER_GUILD, "vera")
    before = office.tokens(OTHER_GUILD)
    office.expire(-1, GUILD)
    office.expire(-1, OTHER_GUILD)
    office.kick.fault(token__500=1)
    with pytest.raises(Outage):
        refresh_due(office.services)
    assert office.tokens(OTHER_GUILD) != before


# -- the end of a connection --------------------------------------------------------------------


def test_disconnect_revokes_and_deletes_tokens(office: Office) -> None:
    office.connect()
    access, refresh = office.tokens()
    ended = ACCOUNT.disconnect(office.services, GUILD, ADMIN)
    assert ended is not None
    assert (ended.name, ended.is_revoked) == ("NoraPlays", True)
    assert office.account() is None
    client = client_of(office.services.settings)
    with pytest.raises(GrantEnded):
        oauth.refresh(client, refresh, (), office.clock())
    with pytest.raises(Exception, match="401"):
        client.account_of(access)
    audit = office.rows(
        "SELECT actor, action, target FROM guild_audit_log ORDER BY id DESC LIMIT 1"
    )
    assert audit == [(ADMIN, "kick.disconnect", "NoraPlays")]
    assert ACCOUNT.disconnect(office.services, GUILD, ADMIN) is None


def test_disconnect_during_kick_outage_deletes_tokens_and_reports_it(office: Office) -> None:
    office.connect()
    away = office.with_settings(kick_auth_url="http://127.0.0.1:1")
    ended = ACCOUNT.disconnect(away.services, GUILD, ADMIN)
    assert ended is not None
    assert ended.is_revoked is False
    assert office.account() is None


def test_refresh_finishing_after_disconnect_restores_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.connect()
    office.expire()
    real, seen = oauth.refresh, []

    def meanwhile(*args: object) -> Tokens:
        got = real(*args)  # type: ignore[arg-type]
        with office.services.database.begin() as tx:
            tx.execute(delete(Account).where(Account.guild_id == GUILD))
        seen.append(got)
        return got

    monkeypatch.setattr(oauth, "refresh", meanwhile)
    with pytest.raises(ReconnectNeeded):
        user_token(office.services, GUILD)
    monkeypatch.undo()
    assert office.account() is None
    [got] = seen
    with pytest.raises(Exception, match="401"):
        name_of(office, got.access)


@pytest.mark.parametrize("ends", [False, True], ids=["renewed", "grant ended"])
def test_refresh_finishing_after_reconnect_keeps_the_new_tokens(
    office: Office, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    office.connect()
    office.expire()
    real = oauth.refresh

    def meanwhile(*args: object) -> Tokens:
        got = real(*args)  # type: ignore[arg-type]
        office.connect()
        if ends:
            raise GrantEnded("invalid_grant")
        return got

    monkeypatch.setattr(oauth, "refresh", meanwhile)
    token = user_token(office.services, GUILD)
    assert token == office.tokens()[0]
    assert name_of(office, token) == "NoraPlays"
    assert part(office) == ("ok", "Connected as NoraPlays.")
    assert office.direct_messages("guilds.reconnect") == []
