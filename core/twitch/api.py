"""The HTTP API for Twitch permissions."""

from core.kit.web.api import Api, ApiModel, Call
from core.twitch.accounts.actions import find_account
from core.twitch.accounts.records import Role, TwitchAccount
from core.twitch.accounts.rules import SCOPES, scope_words, without_scope

API = Api("twitch")


class ScopeState(ApiModel):
    """A scope that the bot requests; `without` says what does not work if it is missing."""

    scope: str
    purpose: str
    is_held: bool
    without: str


class AccountScopes(ApiModel):
    """The scopes of one connected account."""

    role: Role
    is_connected: bool
    scopes: list[ScopeState]


class ScopeReport(ApiModel):
    """The scopes of both accounts."""

    accounts: list[AccountScopes]


@API.get("/settings/scopes")
def list_scopes(call: Call) -> ScopeReport:
    """List the granted and missing Twitch scopes and what each is for."""
    roles: tuple[Role, ...] = ("streamer", "bot")
    return ScopeReport(accounts=[_scopes(role, call.run(find_account, role)) for role in roles])


def _scopes(role: Role, account: TwitchAccount | None) -> AccountScopes:
    is_connected = account is not None and account.state == "connected"
    held = set(account.scopes) if account is not None and is_connected else set()
    return AccountScopes(
        role=role,
        is_connected=is_connected,
        scopes=[
            ScopeState(
                scope=scope,
                purpose=scope_words(scope),
                is_held=scope in held,
                without=without_scope(scope),
            )
            for scope in SCOPES[role]
        ],
    )
