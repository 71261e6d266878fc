"""Finding the Twitch account that somebody means."""

from core.events import Person
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Work
from core.people import actions as people
from core.people import store as viewers
from core.people.store import fold
from core.twitch.bodies import PLATFORM
from core.twitch.client import client_of
from core.vips.records import KnownVip, Session
from core.vips.store import list_live, list_manual


def find_person(services: Services, guild_id: int, who: str) -> Person:
    """Find a Twitch account by a Discord mention, or ask Twitch for a name.

    Raises:
        Refusal: there is none.
        Outage: Twitch does not answer.
    """
    discord_id = people.discord_id_in(who)
    if discord_id is not None:
        with services.work_in(guild_id) as work:
            link = viewers.find_link(work, discord_id, PLATFORM)
            if link is None:
                raise Refusal(
                    _("That member has not linked a Twitch account."),
                    _("Use their Twitch name instead."),
                )
            viewer = viewers.get_viewer(work.tx, guild_id, link.viewer_id)
            return Person(user_id=viewer.platform_user_id, name=viewer.name)
    user = client_of(services.settings).find_user(fold(who))
    if user is None:
        raise Refusal(_("There is no Twitch account “{name}”.").format(name=who.strip()))
    return Person(user_id=user.user_id, name=user.name)


def find_session(work: Work, who: str) -> Session:
    """The session of a viewer, by `#number` or name.

    Raises:
        Refusal: there is none.
    """
    typed = who.strip().removeprefix("#")
    for session in list_live(work):
        if typed == str(session.number) or fold(session.viewer_name) == fold(who):
            return session
    raise Refusal(_("“{name}” has no VIP from the bot.").format(name=who.strip()))


def find_manual(work: Work, who: str) -> KnownVip:
    """The VIP of this name that was added on Twitch. Raises Refusal if there is none."""
    for known in list_manual(work):
        if fold(known.viewer_name) == fold(who):
            return known
    raise Refusal(_("There is no VIP “{name}” that was added on Twitch.").format(name=who.strip()))
