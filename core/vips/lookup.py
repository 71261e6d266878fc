"""Finds a Twitch account by typed text."""

from collections.abc import Sequence
from typing import TypeVar

from core.events import Person
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.people import lookup as people
from core.people import store as viewers
from core.people.lookup import (
    Candidate,
    NobodyFound,
    SeveralPeople,
    discord_id_in,
    list_candidates,
    split_platform,
)
from core.people.records import Link, Viewer
from core.people.store import fold
from core.twitch.bodies import PLATFORM
from core.twitch.client import client_of
from core.vips.records import KnownVip, Session
from core.vips.store import list_live, list_manual


def find_person(services: Services, guild_id: int, who: str) -> Person:
    """Find a Twitch account by a Discord mention, or look up a name on Twitch. A name that Twitch
    does not know may be a display name, a former name, or the person's name on Kick.

    Raises:
        Refusal: there is none.
        Outage: Twitch does not answer.
    """
    with services.work_in(guild_id) as work:
        if discord_id_in(who) is not None:
            return _linked_account(work, viewers.find_link(work, discord_id_in(who) or 0, PLATFORM))
        platform, name = split_platform(who)
        known = [candidate.viewer for candidate in list_candidates(work, who)]
    if platform in ("", PLATFORM) and not name.startswith("#"):
        # Twitch knows who has this name now.
        user = client_of(services.settings).find_user(fold(name))
        if user is not None:
            return Person(user_id=user.user_id, name=user.name, login=user.login)
    with services.work_in(guild_id) as work:
        known = [account for viewer in known for account in _on_twitch(work, viewer)]
    if len({account.viewer_id for account in known}) > 1:
        raise SeveralPeople(who, [Candidate(account) for account in known])
    if not known:
        raise Refusal(_("There is no Twitch account “{name}”.").format(name=who.strip()))
    return _person(known[0])


def _on_twitch(work: Work, viewer: Viewer) -> list[Viewer]:
    accounts = viewers.list_accounts_of(work.tx, work.guild_id, viewer.viewer_id)
    return [
        account
        for account in accounts
        if account.platform == PLATFORM and account.platform_user_id > 0
    ]


def _linked_account(work: Work, link: Link | None) -> Person:
    if link is None:
        raise Refusal(
            _("That member has not linked a Twitch account."), _("Use their Twitch name instead.")
        )
    return _person(viewers.get_viewer(work.tx, work.guild_id, link.viewer_id))


def _person(viewer: Viewer) -> Person:
    return Person(user_id=viewer.platform_user_id, name=viewer.name, login=viewer.login)


def find_session(work: Work, who: str) -> Session:
    """The session of a viewer, by `#number` or name.

    Raises:
        Refusal: there is none.
    """
    typed, live = who.strip().removeprefix("#"), list_live(work)
    for session in live:
        if typed == str(session.number):
            return session
    if (found := _find_among(work, who, live)) is not None:
        return found
    raise Refusal(_("“{name}” has no VIP from the bot.").format(name=who.strip()))


def find_manual(work: Work, who: str) -> KnownVip:
    """The VIP of this name that was added on Twitch. Raises Refusal if there is none."""
    if (found := _find_among(work, who, list_manual(work))) is not None:
        return found
    raise Refusal(_("No VIP “{name}” was added on Twitch.").format(name=who.strip()))


Known = TypeVar("Known", Session, KnownVip)


def _find_among(work: Work, who: str, known: Sequence[Known]) -> Known | None:
    """The VIP with this name on any of their accounts."""
    of_viewer = {vip.viewer_id: vip for vip in known}
    try:
        viewer = people.find_person(work, who, meant=lambda _work, ids: of_viewer.keys() & set(ids))
    except NobodyFound:
        return None
    accounts = viewers.list_accounts_of(work.tx, work.guild_id, viewer.viewer_id)
    found = (of_viewer.get(account.viewer_id) for account in accounts)
    return next((vip for vip in found if vip is not None), None)
