"""Twitch's OAuth: the address of its consent page, and exchanging codes and tokens.

https://dev.twitch.tv/docs/authentication. Twitch takes no PKCE from an app with a secret; the state
is bound to the browser instead, as everywhere here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlencode

import structlog

from core.events import Person
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import GrantEnded, Tokens, check_answer, read_tokens
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _
from core.twitch.client import TwitchClient, client_of
from core.twitch.wire import TwitchRejected

CALLBACK = "/auth/twitch/callback"

__all__ = ["CALLBACK", "check_answer", "consent_url", "identify", "redeem", "refresh", "revoke"]

_log = structlog.get_logger(__name__)


def redirect_uri(settings: Settings) -> str:
    """Where Twitch sends people back to; it has to be registered with the Twitch app."""
    return f"{settings.public_url}{CALLBACK}"


def consent_url(settings: Settings, state: str, _verifier: str, scopes: Iterable[str]) -> str:
    """The consent page, which always asks, so that people see as which account they consent."""
    query = {
        "response_type": "code",
        "client_id": settings.twitch_client_id or "",
        "redirect_uri": redirect_uri(settings),
        "scope": " ".join(scopes),
        "state": state,
        "force_verify": "true",
    }
    return f"{settings.twitch_auth_url}/authorize?{urlencode(query)}"


def redeem(client: TwitchClient, settings: Settings, code: str, now: datetime) -> Tokens:
    """Exchange the code of a consent.

    Raises:
        GrantEnded: the code is wrong, used or too old.
        Refusal: Twitch does not accept our app's id and secret.
        Outage: Twitch does not answer.
    """
    with _translated():
        answer = client.ask_oauth(
            "token", grant_type="authorization_code", redirect_uri=redirect_uri(settings), code=code
        )
    return read_tokens("Twitch", answer, now, scopes=(), refresh="")


def refresh(
    client: TwitchClient, refresh_token: str, scopes: tuple[str, ...], now: datetime
) -> Tokens:
    """A new pair for an old one. Raises as `redeem` does."""
    with _translated():
        answer = client.ask_oauth("token", grant_type="refresh_token", refresh_token=refresh_token)
    return read_tokens("Twitch", answer, now, scopes=scopes, refresh=refresh_token)


def revoke(client: TwitchClient, access: str) -> bool:
    """Revoke an access token, and with it the grant; False if that failed."""
    if not access:
        return False
    try:
        client.ask_oauth("revoke", token=access)
    except Outage as outage:
        _log.warning("Revoking a token failed", reason=outage.reason)
        return False
    except TwitchRejected as rejected:
        # 400: the token is no longer valid, so nothing is left to revoke.
        _log.info("Revoking a token failed: Twitch declined", status=rejected.status)
        return rejected.status == 400
    return True


def identify(services: Services, code: str, _verifier: str) -> Person:
    """The account that consented. Nothing is stored. Raises as `redeem` does."""
    client = client_of(services.settings)
    tokens = redeem(client, services.settings, code, services.clock())
    try:
        who = client.account_of(tokens.access)
    except TwitchRejected as rejected:
        raise GrantEnded(rejected.reason) from rejected
    finally:
        revoke(client, tokens.access)
    return Person(user_id=who.user_id, name=who.name, login=who.login)


@contextmanager
def _translated() -> Iterator[None]:
    """Twitch says `{"status": 400, "message": "Invalid refresh token"}`; 403 "invalid client
    secret" and 400 "invalid client" are about our app."""
    try:
        yield
    except TwitchRejected as rejected:
        if rejected.status in (400, 401) and "client" not in rejected.reason.lower():
            raise GrantEnded(rejected.reason) from rejected
        raise Refusal(
            _("Twitch does not accept this bot's app."),
            _("Whoever runs the bot should check TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET."),
        ) from rejected
