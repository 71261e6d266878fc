"""Login with Discord: OAuth code flow with PKCE, scopes `identify` and `guilds`.

https://docs.discord.com/developers/topics/oauth2
"""

import secrets
from dataclasses import dataclass
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from core.kit.discord.rest import avatar_url
from core.kit.errors import Outage, Refusal
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import bounded, bounded_exchange
from core.kit.text.words import _
from core.kit.web.guild_pages import Person

CALLBACK = "/login/callback"
SCOPES = "identify guilds"
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The consent page, and what the browser's cookie keeps in the meantime."""

    url: str
    state: str
    verifier: str


def is_configured(settings: Settings) -> bool:
    """Whether people can log in with Discord."""
    return settings.discord_client_id is not None and settings.discord_client_secret is not None


def redirect_uri(settings: Settings) -> str:
    """The redirect URI, which must be registered in the Discord app."""
    return f"{settings.public_url}{CALLBACK}"


def _client(settings: Settings, **more: Any) -> OAuth2Session:
    secret = settings.discord_client_secret
    return OAuth2Session(
        settings.discord_client_id,
        secret.get_secret_value() if secret else None,
        scope=SCOPES,
        redirect_uri=redirect_uri(settings),
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_post",
        **more,
    )


def request_consent(settings: Settings) -> AuthorizationRequest:
    """Create a request for Discord's consent page."""
    verifier = secrets.token_urlsafe(48)
    url, state = _client(settings).create_authorization_url(
        settings.discord_authorize_url, code_verifier=verifier, prompt="none"
    )
    return AuthorizationRequest(url, state, verifier)


def identify(settings: Settings, code: str, verifier: str) -> tuple[Person, list[int]]:
    """Who logged in, and the servers they are in. The token is forgotten, but not revoked: that
    would end all tokens of this person for the app.

    Raises:
        Refusal: Discord does not accept the code. Outage: Discord does not answer.
    """
    api = settings.discord_api_url
    try:
        with bounded_exchange(3 * TIMEOUT_SECONDS), bounded(_client(settings)) as client:
            client.fetch_token(
                f"{api}/oauth2/token", code=code, code_verifier=verifier, timeout=TIMEOUT_SECONDS
            )
            user = _json(client.get(f"{api}/users/@me", timeout=TIMEOUT_SECONDS))
            guilds = _json(client.get(f"{api}/users/@me/guilds", timeout=TIMEOUT_SECONDS))
    except AuthlibBaseError:
        raise Refusal(_("Discord did not accept this login."), _("Please log in again.")) from None
    except (requests.RequestException, ValueError) as error:
        raise Outage("Discord", type(error).__name__) from error
    name = user.get("global_name") or user["username"]
    person = Person(int(user["id"]), name, avatar_url(settings, user))
    return person, [int(guild["id"]) for guild in guilds]


def _json(response: requests.Response) -> Any:
    response.raise_for_status()
    return response.json()
