"""An admin says that an account is a member's: checked with the platform, then it counts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.guilds.store import post_audit
from core.kit.affiliate import Standings, fold
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox import actions as outbox
from core.people import store as people
from core.people.actions import find_person
from core.people.store import Link
from core.wagers import actions, role, store
from core.wagers.platforms import TITLES
from core.wagers.settings import CODES
from core.wagers.store import Account


@dataclass(frozen=True, slots=True)
class Candidate:
    """Which account is to be verified as whose, once the platform has been asked."""

    own: Link
    platform: str
    username: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of it. `anew` is False where it was verified before, and counts since then."""

    account: Account
    anew: bool


def get_candidate(
    tx: Connection, guild_id: int, person: str, platform: str, username: str | None
) -> Candidate:
    """Everything that can be known before the platform is asked. Without a name it is the one that
    the member has linked.

    Raises:
        Refusal: it cannot be verified, whatever the platform says.
    """
    viewer = find_person(tx, guild_id, person)
    own = people.find_link_of_viewer(tx, guild_id, viewer.viewer_id)
    if own is None:
        raise Refusal(
            _("{name} is linked with nobody on Discord.").format(name=viewer.name),
            _("They use `/link` first, so that it is clear whose tickets these are."),
        )
    linked = store.find_of_viewer(tx, guild_id, platform, own.viewer_id)
    if username is None:
        if linked is None:
            raise Refusal(
                _("{name} has not linked a {platform} account.").format(
                    name=own.name, platform=TITLES[platform]
                ),
                _("Name it: `/verifyshuffle person username`."),
            )
        username = linked.username
    name = actions.require_name(username)
    _require_code(tx, guild_id, platform)
    _replace_other_account(tx, own, platform, name, None, own.linked_at)
    return Candidate(own, platform, name)


def get_claim(tx: Connection, guild_id: int, account_id: int) -> Candidate:
    """The same for an account that a member has linked.

    Raises:
        Refusal: it is not linked any more, or cannot be verified.
    """
    account = actions.get_account(tx, guild_id, account_id)
    whose = f"<@{account.owner or account.discord_id}>"
    return get_candidate(tx, guild_id, whose, account.platform, account.username)


def _require_code(tx: Connection, guild_id: int, platform: str) -> str:
    code = fold(setting(tx, guild_id, CODES[platform]))
    if not code:
        raise Refusal(
            _("This server has no campaign code at {platform} yet.").format(
                platform=TITLES[platform]
            ),
            _("Set it with `/settings set`: `{setting}`.").format(setting=CODES[platform].key),
        )
    return code


def verify(
    tx: Connection,
    guild_id: int,
    candidate: Candidate,
    standings: Standings,
    actor: int,
    now: datetime,
) -> Verified:
    """It is theirs: what is wagered from the moment the platform was asked on counts.

    Raises:
        Refusal: the account does not stand under the code, or something else is in the way.
    """
    own, platform, name = candidate.own, candidate.platform, candidate.username
    store.lock(tx, guild_id)
    if people.find_link_of_viewer(tx, guild_id, own.viewer_id) != own:
        raise Refusal(_("Their link with Kick has just changed. Please try again."))
    code = _require_code(tx, guild_id, platform)
    total = standings.find_total(code, name)
    if total is None:
        raise _unknown(tx, guild_id, platform, name)
    account = _replace_other_account(tx, own, platform, name, actor, now)
    anew = account is None or account.verified_at is None
    if account is None:
        account = actions.add(tx, own, platform, name, now)
    if anew:
        store.set_account(
            tx,
            guild_id,
            account.account_id,
            verified_at=standings.asked_at,
            verified_by=actor,
            campaign_code=code,
            total=total,
            seen_at=standings.asked_at,
        )
        _note(tx, account, actor)
    account = actions.get_account(tx, guild_id, account.account_id)
    role.settle(tx, account, now, anew=True)
    return Verified(account, anew)


def _unknown(tx: Connection, guild_id: int, platform: str, name: str) -> Refusal:
    return Refusal(
        _("{platform} knows no {name} under your campaign code {code}.").format(
            platform=TITLES[platform], name=name, code=setting(tx, guild_id, CODES[platform])
        ),
        _("Check the spelling, and that the account signed up under this code."),
    )


def _replace_other_account(
    tx: Connection, own: Link, platform: str, name: str, actor: int | None, now: datetime
) -> Account | None:
    """The member's account of this name, if it is linked. With an actor, what others or they
    themselves have merely claimed gives way to an admin's word.

    Raises:
        Refusal: it is verified for somebody else, or something else is for them.
    """
    mine = store.find_of_viewer(tx, own.guild_id, platform, own.viewer_id)
    other = store.find_by_name(tx, own.guild_id, platform, fold(name))
    if other is not None and other.viewer_id != own.viewer_id:
        if other.verified_at is not None:
            raise Refusal(
                _("That account is verified for {name}.").format(name=other.name),
                _("`/unlinkshuffle` with their name unlinks it."),
            )
        if actor is not None:
            actions.end(tx, other, actor, now)
    if mine is None or mine.folded_name == fold(name):
        return mine
    if mine.verified_at is not None:
        raise Refusal(
            _("{name} has the account {username} verified.").format(
                name=own.name, username=mine.username
            ),
            _("`/unlinkshuffle` with their name unlinks it."),
        )
    if actor is not None:
        actions.end(tx, mine, actor, now)
    return None


def _note(tx: Connection, account: Account, actor: int) -> None:
    whose = f"viewer:{account.viewer_id}"
    post_audit(tx, account.guild_id, actor, "wagers.verify", whose, after=account.platform)
    outbox.post_to_user(
        tx,
        account.guild_id,
        account.owner or account.discord_id,
        "wagers.verified",
        f"wagers.verified:{account.account_id}",
        {
            **actions.payload_of(account),
            "server": guilds.list_names(tx).get(account.guild_id, ""),
        },
        if_possible=True,
    )
