"""The platforms whose accounts can be linked, and how each identifies the account."""

from collections.abc import Callable
from dataclasses import dataclass

from core.events import Person
from core.guilds.store import find_channel
from core.kick.accounts import oauth as kick
from core.kick.bodies import PLATFORM as KICK
from core.kit.database.work import Work
from core.kit.discord.ui import Tone
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.twitch.accounts import oauth as twitch
from core.twitch.bodies import PLATFORM as TWITCH


@dataclass(frozen=True)
class Platform:
    """A platform whose accounts can be linked.

    Attributes:
        name: its display name.
        tone: color of its messages.
        callback: path it redirects people back to.
        consent_url: `consent_url(settings, state, verifier)`: URL of the consent page, for read
            access to the account's id and name only.
        identify: `identify(services, code, verifier)`: the account. Nothing is stored, and the
            tokens are revoked.
        is_configured: whether this installation has an app on the platform.
    """

    key: str
    name: str
    tone: Tone
    callback: str
    consent_url: Callable[[Settings, str, str], str]
    identify: Callable[[Services, str, str], Person]
    is_configured: Callable[[Settings], bool]


PLATFORMS = {
    platform.key: platform
    for platform in (
        Platform(
            KICK,
            "Kick",
            "kick",
            kick.CALLBACK,
            lambda settings, state, verifier: kick.consent_url(
                settings, state, verifier, ("user:read",)
            ),
            kick.identify,
            lambda settings: settings.kick_client_id is not None,
        ),
        Platform(
            TWITCH,
            "Twitch",
            "twitch",
            twitch.CALLBACK,
            lambda settings, state, verifier: twitch.consent_url(settings, state, verifier, ()),
            twitch.identify,
            lambda settings: settings.twitch_client_id is not None,
        ),
    )
}


def list_offered(work: Work, settings: Settings) -> list[Platform]:
    """The platforms of this server's channels; of a server without a channel, all of this
    installation. Kick if there is none."""
    ready = [platform for platform in PLATFORMS.values() if platform.is_configured(settings)]
    ours = [
        platform
        for platform in ready
        if find_channel(work.tx, work.guild_id, platform.key) is not None
    ]
    return ours or ready or [PLATFORMS[KICK]]
