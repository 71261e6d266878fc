"""The streamer's token."""

from collections.abc import Sequence

from sqlalchemy import Connection

from core.kick.accounts import actions, oauth
from core.kick.accounts.records import Account
from core.kick.client import client_of
from core.kit.database.work import Work
from core.kit.oauth.tokens import TokenKeeper, Tokens
from core.kit.services import Services


class _KickTokens(TokenKeeper[Account]):
    """The streamer's; the key is the server's id."""

    service, connect_command = "Kick", "connect_kick"

    def find(self, services: Services, *key: object) -> Account:
        [guild_id] = key
        assert isinstance(guild_id, int)
        with services.work_in(guild_id) as work:
            actions.get_channel(work)
            return actions.ACCOUNT.get(work)

    def key_of(self, account: Account) -> tuple[object, ...]:
        return (account.guild_id,)

    def refresh(self, services: Services, account: Account, refresh_token: str) -> Tokens:
        client, scopes = client_of(services.settings), tuple(account.scopes)
        return oauth.refresh(client, refresh_token, scopes, services.clock())

    def revoke(self, services: Services, tokens: Tokens) -> object:
        return oauth.revoke(client_of(services.settings), tokens.access, tokens.refresh)

    def require_reconnect(self, work: Work, before: Account) -> bool:
        return actions.ACCOUNT.require_reconnect(work, before)

    def list_accounts(self, tx: Connection) -> Sequence[Account]:
        return actions.ACCOUNT.list_all(tx)


_TOKENS = _KickTokens()
user_token, refresh_after_401 = _TOKENS.user_token, _TOKENS.refresh_after_401
refresh_due = _TOKENS.refresh_due
