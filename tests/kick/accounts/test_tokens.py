"""Tokens are refreshed before they expire, by one process at a time, kept during outages, and given
up once.
"""

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
from tests.kick.accounts.rig import ADMIN, Installation
from tests.kick.rig import NORA, VERA, follow


def name_of(installation: Installation, token: str) -> str:
    """Whose token Kick says this is."""
    return client_of(installation.services.settings).account_of(token).name


def part(installation: Installation) -> tuple[str, str]:
    with installation.services.database.begin() as tx:
        [found] = ACCOUNT.check_health(tx, installation.clock())
    return found.state, found.reason


def test_fresh_token_is_returned_without_asking_kick(installation: Installation) -> None:
    installation.connect()
    installation.kick.fault(token__500=9)
    assert user_token(installation.services, GUILD) == installation.tokens()[0]


def test_token_is_refreshed_before_it_expires(installation: Installation) -> None:
    before = installation.connect()
    held = installation.tokens()
    installation.expire(9 * 60)
    token = user_token(installation.services, GUILD)
    assert token not in held
    assert name_of(installation, token) == "NoraPlays"
    after = installation.account()
    assert after is not None
    assert after.expires_at > before.expires_at - (installation.clock() - before.connected_at)
    assert installation.tokens()[0] == token
    assert after.refreshed_at > before.refreshed_at
    assert part(installation) == ("ok", "Connected as NoraPlays.")


def test_new_token_pair_is_stored_before_use(installation: Installation) -> None:
    """With refresh tokens that work once, as Kick had them until November 2025."""
    installation.connect()
    installation.kick.fault(token__refresh_single_use=True)
    for _time in range(3):
        installation.expire()
        assert name_of(installation, user_token(installation.services, GUILD)) == "NoraPlays"


@pytest.fixture
def processes(installation: Installation, postgres_url: str) -> Iterator[list[Services]]:
    """Several processes on one database, as far as tokens are concerned."""
    gates = [Database(postgres_url, pool_size=6) for _n in range(3)]
    yield [replace(installation.services, database=gate) for gate in gates]
    for gate in gates:
        gate.close()


def test_simultaneous_processes_refresh_once(
    installation: Installation, processes: list[Services]
) -> None:
    installation.connect()
    installation.expire()
    # A second renewal with the same refresh token would end the connection.
    installation.kick.fault(token__refresh_single_use=True)
    with ThreadPoolExecutor(9) as pool:
        got = list(pool.map(lambda one: user_token(one, GUILD), processes * 3))
    assert set(got) == {installation.tokens()[0]}
    assert part(installation)[0] == "ok"


def test_simultaneous_401_responses_refresh_once(
    installation: Installation, processes: list[Services]
) -> None:
    installation.connect()
    installation.kick.fault(token__refresh_single_use=True)
    rejected = installation.tokens()[0]
    with ThreadPoolExecutor(9) as pool:
        got = list(pool.map(lambda one: refresh_after_401(one, GUILD, rejected), processes * 3))
    assert set(got) == {installation.tokens()[0]}
    assert rejected not in got


def test_already_replaced_token_is_not_refreshed_again(installation: Installation) -> None:
    installation.connect()
    installation.kick.fault(token__500=9)
    assert (
        refresh_after_401(installation.services, GUILD, "an older one") == installation.tokens()[0]
    )


def test_early_expired_token_is_refreshed_on_401(installation: Installation) -> None:
    installation.connect()
    installation.kick.tokens("expire_access")
    token = refresh_after_401(installation.services, GUILD, installation.tokens()[0])
    assert name_of(installation, token) == "NoraPlays"


def test_valid_token_is_used_during_kick_outage(installation: Installation) -> None:
    installation.connect()
    installation.expire(60)
    installation.kick.fault(token__500=1)
    assert user_token(installation.services, GUILD) == installation.tokens()[0]


def test_expired_token_waits_during_kick_outage(installation: Installation) -> None:
    before = installation.connect()
    installation.expire(-60)
    installation.kick.fault(token__500=2)
    with pytest.raises(Outage):
        user_token(installation.services, GUILD)
    with pytest.raises(Outage):
        refresh_due(installation.services)
    after = installation.account()
    assert after is not None
    assert (after.state, after.refresh_token) == ("connected", before.refresh_token)
    assert part(installation) == (
        "warn",
        "Connected as NoraPlays, but its token could not be refreshed yet.",
    )
    assert installation.direct_messages("guilds.reconnect") == []
    refresh_due(installation.services)
    assert part(installation)[0] == "ok"


@pytest.mark.parametrize("documented", [False, True], ids=["as seen", "as documented"])
def test_ended_grant_is_reported_once_and_not_retried(
    installation: Installation, documented: bool
) -> None:
    installation.connect()
    installation.expire()
    installation.kick.tokens("end_all")
    installation.kick.fault(token__docs_error=documented)
    with capture_logs() as lines, pytest.raises(ReconnectNeeded, match="NoraPlays"):
        user_token(installation.services, GUILD)
    assert [line["log_level"] for line in lines] == ["warning"]
    # Should Kick be asked again all the same, this is what the caller would meet.
    installation.kick.fault(token__docs_error=False, token__500=50)
    for _time in range(3):
        with pytest.raises(ReconnectNeeded):
            user_token(installation.services, GUILD)
        refresh_due(installation.services)
    [(target, payload)] = installation.direct_messages("guilds.reconnect")
    assert target == {"user_id": ADMIN}
    assert payload["account"] == "NoraPlays"
    assert part(installation) == (
        "warn",
        "Kick has ended the connection of NoraPlays. Run `/connect_kick` again.",
    )
    assert installation.rows("SELECT access_token, refresh_token FROM kick_accounts") == [("", "")]


def test_ended_grant_is_reported_in_the_admin_channel(installation: Installation) -> None:
    installation.connect()
    with installation.services.database.begin() as tx:
        act(tx, GUILD, guilds.change_setting, ADMIN_CHANNEL, 4711, actor=ADMIN)
    installation.kick.tokens("end_all")
    installation.expire()
    for _time in range(2):
        with pytest.raises(ReconnectNeeded):
            user_token(installation.services, GUILD)
    [(target, payload)] = installation.direct_messages("guilds.reconnect")
    assert target == {"channel_id": 4711}
    assert payload["account"] == "NoraPlays"


def test_reconnecting_clears_the_error_and_next_end_is_reported(installation: Installation) -> None:
    for _time in range(2):
        installation.connect()
        assert part(installation)[0] == "ok"
        installation.expire()
        installation.kick.tokens("end_all")
        with pytest.raises(ReconnectNeeded):
            user_token(installation.services, GUILD)
    assert len(installation.direct_messages("guilds.reconnect")) == 2


def test_rejected_app_credentials_do_not_require_reconnecting(installation: Installation) -> None:
    installation.connect()
    installation.expire()
    changed = installation.with_settings(kick_client_secret=SecretStr("not-the-secret"))
    with pytest.raises(Refusal, match="app") as refused:
        user_token(changed.services, GUILD)
    assert not isinstance(refused.value, ReconnectNeeded)
    with pytest.raises(Refusal, match="app"):
        refresh_due(changed.services)
    assert installation.direct_messages("guilds.reconnect") == []
    assert name_of(installation, user_token(installation.services, GUILD)) == "NoraPlays"


def test_encryption_keys_can_be_rotated_without_reconnecting(installation: Installation) -> None:
    installation.connect()
    old = installation.services.settings.token_encryption_keys
    assert old is not None
    new = Fernet.generate_key().decode()
    changed = installation.with_settings(
        token_encryption_keys=SecretStr(f"{new},{old.get_secret_value()}")
    )
    assert user_token(changed.services, GUILD) == installation.tokens()[0]
    changed.expire()
    renewed = user_token(changed.services, GUILD)
    account = changed.account()
    assert account is not None
    assert Vault([new]).open(account.access_token) == renewed
    with pytest.raises(SealBroken):
        vault_of(installation.services.settings).open(account.refresh_token)


def test_lost_encryption_key_is_reported_and_keeps_the_account(installation: Installation) -> None:
    before = installation.connect()
    changed = installation.with_settings(
        token_encryption_keys=SecretStr(Fernet.generate_key().decode())
    )
    with pytest.raises(Refusal, match="a key that is missing"):
        user_token(changed.services, GUILD)
    assert installation.account() == before
    ended = ACCOUNT.disconnect(changed.services, GUILD, ADMIN)
    assert ended is not None
    assert ended.is_revoked is False


def test_missing_account_asks_to_connect(installation: Installation) -> None:
    with pytest.raises(ReconnectNeeded, match="No Kick account"):
        user_token(installation.services, GUILD)
    assert part(installation) == ("ok", "No Kick account is connected. Run `/connect_kick`.")


def test_account_of_a_former_channel_is_not_used(installation: Installation) -> None:
    installation.connect()
    follow(installation.services.database, GUILD, VERA, "veraspins")
    with pytest.raises(ReconnectNeeded, match="veraspins"):
        user_token(installation.services, GUILD)
    assert part(installation)[0] == "warn"


def test_tokens_are_isolated_per_server(installation: Installation) -> None:
    installation.connect()
    follow(installation.services.database, OTHER_GUILD, NORA)
    with pytest.raises(ReconnectNeeded):
        user_token(installation.services, OTHER_GUILD)


def test_missing_scopes_are_named(installation: Installation) -> None:
    installation.connect()
    installation.rows("UPDATE kick_accounts SET scopes = '{user:read,channel:read}' RETURNING 1")
    state, reason = part(installation)
    assert state == "warn"
    assert "Send chat messages" in reason
    assert "Name and picture" not in reason


def test_all_due_accounts_are_refreshed_despite_a_failure(installation: Installation) -> None:
    follow(installation.services.database, OTHER_GUILD, VERA, "veraspins")
    installation.connect(GUILD)
    installation.connect(OTHER_GUILD, "vera")
    before = installation.tokens(OTHER_GUILD)
    installation.expire(-1, GUILD)
    installation.expire(-1, OTHER_GUILD)
    installation.kick.fault(token__500=1)
    with pytest.raises(Outage):
        refresh_due(installation.services)
    assert installation.tokens(OTHER_GUILD) != before


# -- the end of a connection --------------------------------------------------------------------


def test_disconnect_revokes_and_deletes_tokens(installation: Installation) -> None:
    installation.connect()
    access, refresh = installation.tokens()
    ended = ACCOUNT.disconnect(installation.services, GUILD, ADMIN)
    assert ended is not None
    assert (ended.name, ended.is_revoked) == ("NoraPlays", True)
    assert installation.account() is None
    client = client_of(installation.services.settings)
    with pytest.raises(GrantEnded):
        oauth.refresh(client, refresh, (), installation.clock())
    with pytest.raises(Exception, match="401"):
        client.account_of(access)
    audit = installation.rows(
        "SELECT actor, action, target FROM guild_audit_log ORDER BY id DESC LIMIT 1"
    )
    assert audit == [(ADMIN, "kick.disconnect", "NoraPlays")]
    assert ACCOUNT.disconnect(installation.services, GUILD, ADMIN) is None


def test_disconnect_during_kick_outage_deletes_tokens_and_reports_it(
    installation: Installation,
) -> None:
    installation.connect()
    away = installation.with_settings(kick_auth_url="http://127.0.0.1:1")
    ended = ACCOUNT.disconnect(away.services, GUILD, ADMIN)
    assert ended is not None
    assert ended.is_revoked is False
    assert installation.account() is None


def test_refresh_finishing_after_disconnect_restores_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.connect()
    installation.expire()
    real, seen = oauth.refresh, []

    def meanwhile(*args: object) -> Tokens:
        got = real(*args)  # type: ignore[arg-type]
        with installation.services.database.begin() as tx:
            tx.execute(delete(Account).where(Account.guild_id == GUILD))
        seen.append(got)
        return got

    monkeypatch.setattr(oauth, "refresh", meanwhile)
    with pytest.raises(ReconnectNeeded):
        user_token(installation.services, GUILD)
    monkeypatch.undo()
    assert installation.account() is None
    [got] = seen
    with pytest.raises(Exception, match="401"):
        name_of(installation, got.access)


@pytest.mark.parametrize("ends", [False, True], ids=["renewed", "grant ended"])
def test_refresh_finishing_after_reconnect_keeps_the_new_tokens(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    installation.connect()
    installation.expire()
    real = oauth.refresh

    def meanwhile(*args: object) -> Tokens:
        got = real(*args)  # type: ignore[arg-type]
        installation.connect()
        if ends:
            raise GrantEnded("invalid_grant")
        return got

    monkeypatch.setattr(oauth, "refresh", meanwhile)
    token = user_token(installation.services, GUILD)
    assert token == installation.tokens()[0]
    assert name_of(installation, token) == "NoraPlays"
    assert part(installation) == ("ok", "Connected as NoraPlays.")
    assert installation.direct_messages("guilds.reconnect") == []
