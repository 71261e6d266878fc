"""Kick's OAuth 2.1: the address of its consent page, and the three grants.

https://docs.kick.com/getting-started/generating-tokens-oauth2-flow. Requests go through `Wire`,
which ends them in time and understands Kick's errors; Authlib's session would be more code.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlencode

import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from core.events import Person
from core.kick.accounts.rules import SCOPES
from core.kick.client import KickClient, client_of
from core.kick.wire import KickRejected
from core.kit.errors import Outage, Refusal
from core.kit.oauth.tokens import GrantEnded, Tokens, check_answer, read_tokens
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _

CALLBACK = "/auth/kick/callback"

_OUR_FAULT = ("invalid_client", "unauthorized_client", "unsupported_grant_type")

__all__ = [
    "CALLBACK",
    "check_answer",
    "consent_url",
    "identify",
    "redeem",
    "redirect_uri",
    "refresh",
    "revoke",
]

_log = structlog.get_logger(__name__)


def redirect_uri(settings: Settings) -> str:
    """Where Kick sends people back to; it has to be registered with the Kick app."""
    return f"{settings.public_url}{CALLBACK}"


def consent_url(
    settings: Settings, state: str, verifier: str, scopes: Iterable[str] = SCOPES
) -> str:
    """The consent page; by default for everything that we need from the streamer."""
    query = {
        "response_type": "code",
        "client_id": settings.kick_client_id or "",
        "redirect_uri": redirect_uri(settings),
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{settings.kick_auth_url}/oauth/authorize?{urlencode(query)}"


def redeem(
    client: KickClient, settings: Settings, code: str, verifier: str, now: datetime
) -> Tokens:
    """Exchange the code of a consent. Where Kick does not say what was granted, it was everything
    that we need: https://datatracker.ietf.org/doc/html/rfc6749#section-5.1.

    Raises:
        GrantEnded: the code is wrong, used or too old.
        Refusal: Kick does not accept our app's id and secret.
        Outage: Kick does not answer.
    """
    with _translated():
        answer = client.ask_oauth(
            "token",
            grant_type="authorization_code",
            redirect_uri=redirect_uri(settings),
            code_verifier=verifier,
            code=code,
        )
    return read_tokens("Kick", answer, now, scopes=SCOPES, refresh="")


def refresh(
    client: KickClient, refresh_token: str, scopes: tuple[str, ...], now: datetime
) -> Tokens:
    """A new pair for an old one. `scopes` are what was granted, in case Kick does not repeat it.

    Raises:
        GrantEnded, Refusal, Outage: as above.
    """
    with _translated():
        answer = client.ask_oauth("token", grant_type="refresh_token", refresh_token=refresh_token)
    return read_tokens("Kick", answer, now, scopes=scopes, refresh=refresh_token)


def revoke(client: KickClient, access: str, refresh: str) -> bool:
    """Revoke both tokens at Kick; False if that failed.

    Sent as a form: in the address, as in Kick's documentation, they would end up in logs.
    """
    try:
        for token, kind in ((refresh, "refresh_token"), (access, "access_token")):
            if token:
                # The name of this field is Kick's; RFC 7009 has another.
                client.ask_oauth("revoke", token=token, token_hint_type=kind)
    except Outage as outage:
        _log.warning("Revoking tokens failed", reason=outage.reason)
        return False
    except KickRejected as rejected:
        _log.warning("Revoking tokens failed: Kick declined", status=rejected.status)
        return False
    return True


def identify(services: Services, code: str, verifier: str) -> Person:
    """The account that consented. Nothing is stored. Raises as `redeem` does."""
    client = client_of(services.settings)
    tokens = redeem(client, services.settings, code, verifier, services.clock())
    try:
        who = client.account_of(tokens.access)
    except KickRejected as rejected:
        raise GrantEnded(rejected.reason) from rejected
    finally:
        revoke(client, tokens.access, tokens.refresh)
    return Person(user_id=who.kick_user_id, name=who.name)


@contextmanager
def _translated() -> Iterator[None]:
    """Kick's errors: `{"error": "invalid_grant"}` in production, `{"error": "Invalid request"}` by
    its documentation."""
    try:
        yield
    except KickRejected as rejected:
        if rejected.status == 400 and rejected.code not in _OUR_FAULT:
            raise GrantEnded(rejected.code) from rejected
        raise Refusal(
            _("Kick does not accept this bot's app."),
            _("Whoever runs the bot should check KICK_CLIENT_ID and KICK_CLIENT_SECRET."),
        ) from rejected
