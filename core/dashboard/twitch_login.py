"""Login with Twitch, for streamers whose channels are connected. It requests no scopes."""

import secrets

from core.dashboard.discord_login import AuthorizationRequest
from core.kit.database.records import THE_BOT, PlatformUserId
from core.kit.errors import Refusal
from core.kit.oauth.flow import SignInRefused
from core.kit.oauth.tokens import check_answer
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.guild_pages import Person
from core.twitch.accounts import oauth

CALLBACK = oauth.CALLBACK
PREFIX = "login."
"""Prefix of the states, because connecting accounts has the same callback."""


def is_configured(settings: Settings) -> bool:
    """Whether people can log in with Twitch."""
    return settings.twitch_client_id is not None and settings.twitch_client_secret is not None


def request_consent(settings: Settings) -> AuthorizationRequest:
    """Create a request for Twitch's consent page. Twitch does not support a verifier."""
    state = PREFIX + secrets.token_urlsafe(32)
    return AuthorizationRequest(oauth.consent_url(settings, state, "", ()), state, "")


def identify(services: Services, error: str, code: str) -> Person:
    """Who logged in. The token is revoked at once.

    Raises:
        Denied: they declined.
        Refusal: Twitch does not accept the code, or our app.
        Outage: Twitch does not answer.
    """
    try:
        check_answer(error)
        who = oauth.identify(services, code, "")
    except SignInRefused:
        raise Refusal(_("Twitch did not accept this login."), _("Please log in again.")) from None
    return Person(THE_BOT, who.name, twitch_id=PlatformUserId(who.user_id))
