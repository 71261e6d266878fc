"""The accounts' tokens, and checking them with Twitch every hour."""

from collections.abc import Sequence
from typing import cast

import structlog
from sqlalchemy import Connection

from core.kit.database.work import Work
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import ReconnectNeeded, TokenKeeper, Tokens
from core.kit.services import Services
from core.twitch.accounts import actions, oauth, store
from core.twitch.accounts.records import Role, TwitchAccount
from core.twitch.client import client_of
from core.twitch.wire import TwitchRejected

_log = structlog.get_logger(__name__)


class _TwitchTokens(TokenKeeper[TwitchAccount]):
    """The key is the server's id and the account's role."""

    service, connect_command = "Twitch", "connect_twitch"

    def find(self, services: Services, *key: object) -> TwitchAccount:
        guild_id, role = cast("tuple[int, Role]", key)
        with services.work_in(guild_id) as work:
            return actions.get_account(work, role)

    def key_of(self, account: TwitchAccount) -> tuple[object, ...]:
        return (account.guild_id, account.role)

    def refresh(self, services: Services, account: TwitchAccount, refresh_token: str) -> Tokens:
        client, scopes = client_of(services.settings), tuple(account.scopes)
        return oauth.refresh(client, refresh_token, scopes, services.clock())

    def revoke(self, services: Services, tokens: Tokens) -> object:
        return oauth.revoke(client_of(services.settings), tokens.access)

    def require_reconnect(self, work: Work, before: TwitchAccount) -> bool:
        return actions.ACCOUNTS[before.role].require_reconnect(work, before)

    def list_accounts(self, tx: Connection) -> Sequence[TwitchAccount]:
        return store.list_accounts(tx)


TOKENS = _TwitchTokens()
user_token, refresh_after_401 = TOKENS.user_token, TOKENS.refresh_after_401
refresh_due = TOKENS.refresh_due


def validate_all(services: Services) -> None:
    """Check every account's token with Twitch, as its rules require at the start and every hour. A
    token that it rejects is renewed; if that fails too, the grant has ended. Names and scopes are
    updated.

    Raises:
        Outage: Twitch did not answer for one or more of them.
    """
    with services.database.begin() as tx:
        accounts = [account for account in store.list_accounts(tx) if account.state == "connected"]
    trouble: Outage | None = None
    for account in accounts:
        try:
            _validate(services, account)
        except Outage as outage:
            trouble = outage
        except Refusal as refusal:
            _log.warning("Checking a token failed", reason=str(refusal))
    if trouble is not None:
        raise trouble


def _validate(services: Services, account: TwitchAccount) -> None:
    client, key = client_of(services.settings), TOKENS.key_of(account)
    try:
        token = user_token(services, *key)
        try:
            found = client.validate(token)
        except TwitchRejected:
            found = client.validate(refresh_after_401(services, *key, token))
    except ReconnectNeeded:
        return  # the health page shows it
    except TwitchRejected as rejected:
        TOKENS.end(services, account, str(rejected))
        return
    is_ours = found.client_id == services.settings.twitch_client_id
    if not is_ours or found.user_id != account.twitch_user_id:
        TOKENS.end(services, account, "the token belongs to another app or account")
        return
    with services.work_in(account.guild_id) as work:
        current = actions.find_account(work, account.role)
        if current is not None and current.twitch_user_id == found.user_id:
            current.scopes, current.login = sorted(found.scopes), found.login
