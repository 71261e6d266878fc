"""Linking and unlinking, inside a transaction. `flow` calls Kick between them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.events import AccountLinked, AccountUnlinked
from core.guilds import store as guilds
from core.inbox import actions as inbox
from core.kit.attempts import LinkForgotten, new_link_id
from core.kit.database import savepoint, violated
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Work
from core.outbox import actions as outbox
from core.people import store as people
from core.people.actions import find_person
from core.people.linking import store
from core.people.linking.rules import GIVEN_UP_AFTER, WITHIN, free_again_at
from core.people.linking.store import Attempt
from core.people.linklog import actions as linklog
from core.people.linklog.rules import LinkNews, Reason
from core.people.records import Link


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a server. The name is the one shown there, the handle the account's."""

    guild_id: int
    discord_id: int
    name: str
    handle: str
    avatar_url: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a platform."""

    platform: str
    user_id: int
    name: str


class Conflict(Refusal):
    """The account or the member is linked already.

    Attributes:
        reason: which.
    """

    def __init__(
        self, reason: Literal["account_taken", "other_account"], what: str, remedy: str
    ) -> None:
        super().__init__(what, remedy)
        self.reason: Reason = reason


# -- asking for a link --------------------------------------------------------------------------


def open_attempt(tx: Connection, member: Member, by_dm: bool, now: datetime) -> Attempt:
    """A member asks for a link.

    Raises:
        Refusal: the member has asked too often.
    """
    store.lock_member(tx, member.guild_id, member.discord_id)
    asked_at = store.list_asked_at(tx, member.guild_id, member.discord_id, now - WITHIN)
    again_at = free_again_at(asked_at, now)
    if again_at is not None:
        raise Refusal(
            _("You have asked for several links just now."),
            _("Use the last one, or ask again <t:{at}:R>.").format(
                at=int(again_at.timestamp()) + 1
            ),
        )
    attempt = Attempt(
        guild_id=member.guild_id,
        link_id=new_link_id(),
        discord_id=member.discord_id,
        discord_name=member.name,
        discord_handle=member.handle,
        avatar_url=member.avatar_url,
        by_dm=by_dm,
        asked_at=now,
    )
    store.add_attempt(tx, attempt)
    return attempt


# -- the end of an attempt ----------------------------------------------------------------------


def fail_attempt(
    tx: Connection, attempt: Attempt, reason: Reason, now: datetime, kick_name: str = ""
) -> bool:
    """Record that an attempt failed; False if it had ended before."""
    if not store.set_outcome(tx, attempt.guild_id, attempt.link_id, reason):
        return False
    member = attempt.discord_id
    _log(tx, LinkNews(attempt.guild_id, "failed", member, kick_name, reason, member, now))
    return True


def finish_attempt(
    tx: Connection, attempt: Attempt, account: Account, now: datetime
) -> Link | Conflict:
    """Link the account whose owner agreed, or record the conflict.

    Raises:
        LinkForgotten: the attempt was deleted, as `/forgetme` does, or has ended.
    """
    # In the order of whoever forgets the member.
    store.lock_member(tx, attempt.guild_id, attempt.discord_id)
    if not store.hold_open(tx, attempt.guild_id, attempt.link_id):
        raise LinkForgotten
    try:
        link = link_account(tx, attempt.guild_id, attempt.discord_id, account, now)
    except Conflict as conflict:
        fail_attempt(tx, attempt, conflict.reason, now, account.name)
        return conflict
    store.set_outcome(tx, attempt.guild_id, attempt.link_id, "linked")
    if attempt.by_dm:
        _confirm(tx, attempt, link, now)
    return link


def _confirm(tx: Connection, attempt: Attempt, link: Link, now: datetime) -> None:
    server = guilds.list_names(tx).get(attempt.guild_id, "")
    with Work(tx, attempt.guild_id, now=now) as work:
        outbox.post_to_user(
            work,
            attempt.discord_id,
            "people.linked",
            f"people.linked:{attempt.link_id}",
            {"account": link.viewer_name, "server": server},
            if_possible=True,
        )


def give_up_attempts(tx: Connection, now: datetime) -> int:
    """Fail the attempts during which the bot was stopped; returns how many."""
    unsettled = store.list_unsettled(tx, now - GIVEN_UP_AFTER)
    return sum(_give_up(tx, attempt, now) for attempt in unsettled)


def _give_up(tx: Connection, attempt: Attempt, now: datetime) -> bool:
    if not fail_attempt(tx, attempt, "interrupted", now):
        return False
    if attempt.by_dm:  # the browser shows every other failure
        with Work(tx, attempt.guild_id, now=now) as work:
            outbox.post_to_user(
                work,
                attempt.discord_id,
                "people.interrupted",
                f"people.interrupted:{attempt.link_id}",
                {"server": guilds.list_names(tx).get(attempt.guild_id, "")},
                if_possible=True,
            )
    return True


# -- links --------------------------------------------------------------------------------------


def link_account(
    tx: Connection, guild_id: int, discord_id: int, account: Account, now: datetime
) -> Link:
    """Link an account with a member, who may have left the server. Doing it again does nothing.

    Raises:
        Conflict: the account is another member's, or the member has linked another one.
    """
    platform, user_id, viewer_id = account.platform, account.user_id, None
    try:
        with savepoint(tx):  # drops the viewer if linking fails
            viewer_id = people.set_viewer(tx, guild_id, platform, user_id, account.name, now)
            people.add_link(tx, guild_id, discord_id, platform, viewer_id, now)
    except IntegrityError as error:
        known = people.find_link(tx, guild_id, discord_id, platform)
        if known is not None and known.viewer_id == viewer_id:
            return known
        raise _conflict(violated(error), known) from error
    inbox.publish(
        tx,
        AccountLinked(
            key=_key(platform, viewer_id, discord_id, now),
            guild_id=guild_id,
            at=now,
            platform=platform,
            discord_id=discord_id,
            viewer_id=viewer_id,
            name=account.name,
        ),
    )
    _log(tx, LinkNews(guild_id, "linked", discord_id, account.name, None, discord_id, now))
    link = people.find_link(tx, guild_id, discord_id, platform)
    assert link is not None, "it was added above"
    return link


def _conflict(broken: str | None, known: Link | None) -> Conflict:
    if broken == "people_links_one_per_member":
        return Conflict(
            "other_account",
            _("You have linked another Kick account in this server: {name}.").format(
                name=known.viewer_name if known else "?"
            ),
            _("In Discord, run /unlink first, then /link again."),
        )
    assert broken == "people_links_one_per_account", broken
    return Conflict(
        "account_taken",
        _("This Kick account is linked with somebody else in this server."),
        _(
            "If it is yours, run /unlink from the other Discord account, or ask a moderator of the "
            "server for help. Then run /link again."
        ),
    )


def get_link(tx: Connection, guild_id: int, text: str) -> Link:
    """Find a link by a mention, a Discord id or a name on Kick.

    Raises:
        Refusal: there is none.
    """
    viewer = find_person(tx, guild_id, text)
    link = people.find_link_of_viewer(tx, guild_id, viewer.viewer_id)
    if link is None:
        raise Refusal(_("{name} on Kick is not linked with anybody.").format(name=viewer.name))
    return link


def unlink_account(tx: Connection, link: Link, actor: int, now: datetime) -> bool:
    """Delete a link; False if it is gone already. What was earned stays with the account."""
    if not people.end_link(tx, link):
        return False
    guild_id, member, name = link.guild_id, link.discord_id, link.viewer_name
    inbox.publish(
        tx,
        AccountUnlinked(
            key=_key(link.platform, link.viewer_id, member, now),
            guild_id=guild_id,
            at=now,
            platform=link.platform,
            discord_id=member,
            viewer_id=link.viewer_id,
        ),
    )
    if actor != member:
        guilds.post_audit(tx, guild_id, actor, "people.unlink", str(member), before=name)
    _log(tx, LinkNews(guild_id, "unlinked", member, name, None, actor, now))
    return True


def _log(tx: Connection, news: LinkNews) -> None:
    linklog.log_link(tx, news, *store.find_looks(tx, news.guild_id, news.actor))


def _key(platform: str, viewer_id: int, discord_id: int, at: datetime) -> str:
    """Linking the same two again later is another event."""
    return f"{platform}:{viewer_id}:{discord_id}:{at.isoformat()}"
