"""Finding the Twitch account that somebody means."""

from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Work
from core.people import actions as people
from core.people import store as viewers
from core.people.store import fold
from core.twitch.bodies import PLATFORM
from core.twitch.client import client_of
from core.vips.actions import Account
from core.vips.records import KnownVip, Session
from core.vips.store import list_live, list_manual


def find_account(services: Services, guild_id: int, who: str) -> Account:
    """The account that is meant by a mention or a name on Twitch, which Twitch is asked for.

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
                    _("Their name on Twitch works as well."),
                )
            viewer = viewers.get_viewer(work.tx, guild_id, link.viewer_id)
            return Account(viewer.platform_user_id, viewer.name)
    user = client_of(services.settings).find_user(fold(who))
    if user is None:
        raise Refusal(_("Twitch knows nobody called “{name}”.").format(name=who.strip()))
    return Account(user.user_id, user.name)


def find_session(work: Work, who: str) -> Session:
    """The session of a viewer, by `#number` or name.

    Raises:
        Refusal: there is none.
    """
    typed = who.strip().removeprefix("#")
    for session in list_live(work):
        if typed == str(session.number) or fold(session.viewer_name) == fold(who):
            return session
    raise Refusal(_("Nobody called “{name}” is VIP through me.").format(name=who.strip()))


def find_manual(work: Work, who: str) -> KnownVip:
    """The VIP of this name that was made on Twitch. Raises Refusal if there is none."""
    for known in list_manual(work):
        if fold(known.viewer_name) == fold(who):
            return known
    raise Refusal(_("Nobody called “{name}” was made VIP on Twitch.").format(name=who.strip()))
