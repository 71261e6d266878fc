"""Login with Twitch, for the streamers whose channels are connected. It asks for no scope."""

import secrets

from core.dashboard.discord_login import Departure
from core.kit.errors import Refusal
from core.kit.guild_pages import Person
from core.kit.oauth_flow import SignInRefused
from core.kit.oauth_tokens import check_answer
from core.kit.records import THE_BOT, PlatformUserId
from core.kit.services import Services
from core.kit.settings import Settings
from core.kit.words import _
from core.twitch.accounts import oauth

CALLBACK = oauth.CALLBACK
PREFIX = "login."
"""Begins the states: connecting accounts has the same callback."""


def is_configured(settings: Settings) -> bool:
    """Whether people can log in with Twitch."""
    return settings.twitch_client_id is not None and settings.twitch_client_secret is not None


def depart(settings: Settings) -> Departure:
    """Twitch's consent page. Twitch takes no verifier."""
    state = PREFIX + secrets.token_urlsafe(32)
    return Departure(oauth.consent_url(settings, state, "", ()), state, "")


def arrive(services: Services, error: str, code: str) -> Person:
    """Who came back from Twitch. The token is revoked at once.

    Raises:
        Denied: they declined.
        Refusal: Twitch does not accept the code, or our app.
        Outage: Twitch does not answer.
    """
    try:
        check_answer(error)
        who = oauth.identify(services, code, "")
    except SignInRefused:
        raise Refusal(
            _("Twitch did not accept this login."), _("Please log in once more.")
        ) from None
    return Person(THE_BOT, who.name, twitch_id=PlatformUserId(who.user_id))
