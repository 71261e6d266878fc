"""Linking an account of a platform with a member, and unlinking it.

Only the id and name of the account are stored; the tokens are revoked at once. No transaction is
open during requests to the platform.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select

from core.events import AccountLinked, AccountUnlinked, Person
from core.guilds.actions import audit, name_of
from core.inbox import actions as inbox
from core.kit.database.personal import Subject
from core.kit.database.work import ACROSS_GUILDS, Lock, Work, read_records
from core.kit.errors import Outage, Refusal
from core.kit.oauth.flow import (
    Denied,
    LinkForgotten,
    LinkUsed,
    OAuthFlow,
    OtherBrowser,
    SignInRefused,
    StateExpired,
)
from core.kit.oauth.signed_links import PersonalLink, SignedLinks
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people import store as people
from core.people.actions import get_or_create_person
from core.people.linking.platforms import PLATFORMS, Platform
from core.people.linklog.actions import Reason, log_forgotten, log_link
from core.people.lookup import LINKED, discord_id_in, find_person
from core.people.names import keep_hidden
from core.people.records import Link, LinkAttempt, Viewer

LINK_LASTS = timedelta(hours=1)
"""Time to open the link."""

STATE_LASTS = timedelta(minutes=10)
"""Time to return from the platform."""

MAX_LINKS = 3
LINKS_PERIOD = timedelta(minutes=10)
"""A member gets at most `MAX_LINKS` links for a platform in this time."""

GIVE_UP_AFTER = timedelta(minutes=5)
"""An attempt that takes longer after coming back was interrupted: there are at most four calls to
the platform, each with a timeout of eleven seconds."""


class LinkedAlready(Exception):
    """The member has linked an account of this platform in the meantime."""


class Conflict(Refusal):
    """The account or the member is linked already.

    Attributes:
        reason: which of the two.
    """

    def __init__(
        self, reason: Literal["account_taken", "other_account"], what: str, remedy: str
    ) -> None:
        super().__init__(what, remedy)
        self.reason: Reason = reason


# -- attempts -------------------------------------------------------------------------------------


def _flow(platform: Platform) -> OAuthFlow[LinkAttempt]:
    def require_unlinked(work: Work) -> None:
        if people.find_link(work, work.actor, platform.key):
            raise LinkedAlready

    return OAuthFlow(
        f"people_link_{platform.key}",
        SignedLinks(f"people.link.{platform.key}", f"/link/{platform.key}", LINK_LASTS),
        LinkAttempt,
        platform.callback,
        STATE_LASTS,
        platform.name,
        platform.consent_url,
        require_unlinked,
        again=lambda: _("In Discord, run /link to get a new link."),
        nothing=lambda: _("Nothing was linked."),
        prefix=f"people.{platform.key}.",
    )


FLOWS = {key: _flow(platform) for key, platform in PLATFORMS.items()}


def make_link(services: Services, attempt: LinkAttempt) -> str:
    """The personal link of an attempt."""
    flow = FLOWS[attempt.platform]
    return flow.make_link(services.settings, attempt, attempt.discord_id)


def open_attempt(work: Work, attempt: LinkAttempt) -> Link | None:
    """Create an attempt for a member. Returns the account of this platform that they have linked,
    if there is one. Raises Refusal if the member has asked too often."""
    work.lock(Lock.LINKS)
    return _open(work, attempt)


def open_attempts(work: Work, attempts: Sequence[LinkAttempt]) -> list[Link]:
    """Like `open_attempt`, for several platforms; returns the accounts that are already linked."""
    work.lock(Lock.LINKS)
    return [link for attempt in attempts if (link := _open(work, attempt)) is not None]


def _open(work: Work, attempt: LinkAttempt) -> Link | None:
    if link := people.find_link(work, attempt.discord_id, attempt.platform):
        return link
    theirs = select(LinkAttempt.asked_at).where(
        LinkAttempt.discord_id == attempt.discord_id, LinkAttempt.platform == attempt.platform
    )
    again_at = free_again_at(work.scalars(theirs).all(), work.now)
    if again_at is not None:
        raise Refusal(
            _("You just asked for several links."),
            _("Use the latest one, or ask again <t:{at}:R>.").format(
                at=int(again_at.timestamp()) + 1
            ),
        )
    work.add(attempt)
    return None


def free_again_at(asked_at: Sequence[datetime], now: datetime) -> datetime | None:
    """When the member may request another link; None if they may now."""
    recent = sorted(at for at in asked_at if at > now - LINKS_PERIOD)
    return recent[-MAX_LINKS] + LINKS_PERIOD if len(recent) >= MAX_LINKS else None


def drop_attempts(work: Work, link_ids: Sequence[str]) -> None:
    """Delete attempts whose links could not be sent, so that they do not count."""
    for attempt in (work.find(LinkAttempt, link_id) for link_id in link_ids):
        if attempt is not None and attempt.started_at is None and attempt.finished_at is None:
            work.delete(attempt)


def fail_attempt(work: Work, link_id: str, reason: Reason, name: str = "") -> bool:
    """Record that the actor's attempt failed; False if it had already ended."""
    attempt = _find_open(work, link_id)
    if attempt is None:
        return False
    attempt.outcome = reason
    log_link(work, "failed", attempt.discord_id, attempt.platform, name, reason)
    return True


def _find_open(work: Work, link_id: str) -> LinkAttempt | None:
    """The attempt, locked until the transaction ends; None if it has ended or was deleted."""
    attempt = work.get(LinkAttempt, (work.guild_id, link_id), with_for_update=True)
    return attempt if attempt is not None and attempt.outcome is None else None


def finish_attempt(work: Work, link_id: str, person: Person) -> Link | Conflict:
    """Link the account whose owner agreed, or record the conflict. Raises LinkForgotten if the
    attempt was deleted, as `/forgetme` does, or has ended."""
    work.lock(Lock.LINKS)
    attempt = _find_open(work, link_id)
    if attempt is None:
        raise LinkForgotten
    try:
        link = link_account(work, attempt.platform, person, attempt.discord_handle)
    except Conflict as conflict:
        fail_attempt(work, link_id, conflict.reason, person.name)
        return conflict
    attempt.outcome = "linked"
    _notify_member(
        work, attempt, "people.linked", account=link.viewer_name, platform=attempt.platform
    )
    return link


def _notify_member(work: Work, attempt: LinkAttempt, kind: str, **payload: str) -> None:
    if attempt.by_dm:
        outbox.post_to_user(
            work,
            attempt.discord_id,
            kind,
            f"{kind}:{attempt.link_id}",
            payload | {"server": name_of(work)},
            if_possible=True,
        )


def decline(services: Services, flow: OAuthFlow[LinkAttempt], link: PersonalLink) -> None:
    """Disable a link that a different person opened, even if they have continued to the platform.
    Raises LinkUsed, LinkForgotten or LinkedAlready if the link no longer works."""
    with services.work_in(link.guild_id, link.discord_id) as work:
        flow.get_unused(work, link.link_id).finished_at = work.now
        if not fail_attempt(work, link.link_id, "not_me"):
            raise LinkUsed


def note_expired(services: Services, flow: OAuthFlow[LinkAttempt], link: PersonalLink) -> None:
    """Record that an expired link was opened. An attempt begun in time may still finish."""
    with services.work_in(link.guild_id, link.discord_id) as work:
        try:
            attempt = flow.get_unused(work, link.link_id)
        except (LinkForgotten, LinkUsed, LinkedAlready):
            return
        if not flow.may_return(attempt, work.now):
            fail_attempt(work, link.link_id, "expired")


def arrive(services: Services, attempt: LinkAttempt, code: str) -> Link:
    """Link the account whose owner agreed at its platform.

    Raises:
        StateExpired: the member returned too late.
        LinkForgotten: the member asked to be forgotten in the meantime.
        Conflict: the account or the member has a different link.
        GrantEnded: the platform rejected the code.
        Refusal: the platform rejected our app.
        Outage: the platform is down.
    """
    verifier = FLOWS[attempt.platform].verifier_of(services, attempt)
    person = PLATFORMS[attempt.platform].identify(services, code, verifier)
    with services.work_in(attempt.guild_id, attempt.discord_id) as work:
        ended = finish_attempt(work, attempt.link_id, person)
    if isinstance(ended, Conflict):
        raise ended
    return ended


def note_failure(services: Services, attempt: LinkAttempt, error: Exception) -> None:
    """Record why an attempt failed. After an unexpected error `give_up` does it later."""
    reason: Reason | None = None
    match error:
        case OtherBrowser():
            reason = "other_browser"
        case Denied():
            reason = "denied"
        case StateExpired():
            reason = "late"
        case SignInRefused():
            reason = "not_accepted"
        case Outage():
            is_theirs = error.service == PLATFORMS[attempt.platform].name
            reason = "no_answer" if is_theirs else None
        case Refusal():
            reason = "bot_refused"
    if reason is not None:
        with services.work_in(attempt.guild_id, attempt.discord_id) as work:
            fail_attempt(work, attempt.link_id, reason)


def tidy(services: Services) -> None:
    """Fail attempts that were interrupted, and delete old ones."""
    give_up(services)
    FLOWS["kick"].forget_old(services)  # those of all platforms, as they share a table


def give_up(services: Services) -> None:
    """Fail the attempts that were interrupted by a restart. The browser shows all other
    failures."""
    interrupted = select(LinkAttempt).where(
        LinkAttempt.finished_at < services.clock() - GIVE_UP_AFTER, LinkAttempt.outcome.is_(None)
    )
    with services.database.begin() as tx:
        found = read_records(tx, interrupted.execution_options(**ACROSS_GUILDS))

    def give_up_one(attempt: LinkAttempt) -> None:
        with services.work_in(attempt.guild_id, attempt.discord_id) as work:
            if fail_attempt(work, attempt.link_id, "interrupted"):
                _notify_member(work, attempt, "people.interrupted", platform=attempt.platform)

    for_each(found, give_up_one)


# -- links ----------------------------------------------------------------------------------------


def link_account(work: Work, platform: str, person: Person, handle: str = "") -> Link:
    """Link an account to the actor, who may have left the server. Repeating it does nothing. Raises
    Conflict if the account belongs to another member, or the member has linked a different one.

    Args:
        handle: the actor's unique name on Discord, if it is known.
    """
    work.lock(Lock.LINKS)
    own = people.find_link(work, work.actor, platform)
    same_viewer = (Viewer.guild_id == Link.guild_id) & (Viewer.viewer_id == Link.viewer_id)
    same_account = (Viewer.platform == platform) & (Viewer.platform_user_id == person.user_id)
    of_account = work.scalar(select(Link).join(Viewer, same_viewer).where(same_account))
    if own is not None and of_account is not None and own.viewer_id == of_account.viewer_id:
        return own
    if own is not None:
        raise Conflict(
            "other_account",
            _("You already linked another {platform} account in this server: {name}.").format(
                platform=PLATFORMS[platform].name, name=own.viewer_name
            ),
            _("In Discord, run /unlink first, then /link again."),
        )
    if of_account is not None:
        raise Conflict(
            "account_taken",
            _("This {platform} account is already linked to someone else in this server.").format(
                platform=PLATFORMS[platform].name
            ),
            _(
                "If it is yours, run /unlink from the other Discord account, or ask a moderator of "
                "the server for help. Then run /link again."
            ),
        )
    viewer_id = get_or_create_person(work.tx, work.guild_id, platform, person, work.now)
    people.add_link(work.tx, work.guild_id, work.actor, platform, viewer_id, work.now, handle)
    link = people.find_link(work, work.actor, platform)
    assert link is not None, "it was added above"
    inbox.publish(
        work.tx,
        AccountLinked(
            key=_key(work, link),
            guild_id=work.guild_id,
            at=work.now,
            platform=platform,
            discord_id=work.actor,
            viewer_id=viewer_id,
            name=person.name,
        ),
    )
    log_link(work, "linked", work.actor, platform, link.viewer_name)
    return link


def are_links_handled(tx: Connection, guild_id: int) -> bool:
    """Whether all features have handled all changes of links. Hold `Lock.LINKS`, so that there are
    no new ones."""
    return not inbox.is_waiting(tx, guild_id, AccountLinked, AccountUnlinked)


def get_links(work: Work, text: str) -> Sequence[Link]:
    """A person's links: all of them for a mention or Discord id, one for a name. Raises Refusal if
    there is none."""
    viewer = find_person(work, text, meant=LINKED)
    if discord_id_in(text) is not None and (
        links := people.list_links_with(work, viewer.viewer_id)
    ):
        return links
    link = people.find_link_of_viewer(work, viewer.viewer_id)
    if link is None:
        raise Refusal(
            _("{name} on {platform} is not linked to anyone.").format(
                name=viewer.name, platform=PLATFORMS[viewer.platform].name
            )
        )
    return [link]


def unlink_account(work: Work, link: Link) -> bool:
    """Delete a link; False if it was already deleted. The account keeps what it earned."""
    if not _end_link(work, link):
        return False
    if work.actor != link.discord_id:
        audit(work, "people.unlink", str(link.discord_id), before=link.viewer_name)
    log_link(work, "unlinked", link.discord_id, link.platform, link.viewer_name)
    return True


def forget(work: Work, subject: Subject) -> None:
    """Unlink a member who asked to be forgotten, and keep a pseudonym with a keyed fingerprint of
    each account."""
    keep_hidden(work, subject.viewer_ids)
    for link in work.scalars(select(Link).where(Link.discord_id == subject.discord_id)).all():
        _end_link(work, link)
    people.set_forgotten(work.tx, subject)
    log_forgotten(work, subject)


def _end_link(work: Work, link: Link) -> bool:
    """End a link; False if it was already deleted, even if the two have been linked again since."""
    work.lock(Lock.LINKS)
    if not people.end_link(work.tx, link):
        return False
    inbox.publish(
        work.tx,
        AccountUnlinked(
            key=_key(work, link),
            guild_id=work.guild_id,
            at=work.now,
            platform=link.platform,
            discord_id=link.discord_id,
            viewer_id=link.viewer_id,
        ),
    )
    return True


def _key(work: Work, link: Link) -> str:
    """The event key. Linking the same two again later is a separate event."""
    return f"{link.platform}:{link.viewer_id}:{link.discord_id}:{work.now.isoformat()}"
