"""Linking an account on an affiliate platform, and verifying it.

The platform does not say who owns an account: a member claims a name, and it only counts once an
admin has verified it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from core.guilds.actions import audit, change_settings, load_settings, name_of, setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.affiliate import Standings, fold
from core.kit.database.personal import Subject
from core.kit.database.records import MemberId, ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.outbox import personal as outbox_personal
from core.people import store as people
from core.people.lookup import LINKED, find_person, named_in
from core.people.records import Link
from core.wagers import rules, verified_role
from core.wagers.records import AffiliateAccount, WagerChange
from core.wagers.rules import TITLES, WagerSettings

IS_LINKED = AffiliateAccount.ended_at.is_(None)

# -- members --------------------------------------------------------------------------------------


def link_first() -> Refusal:
    """Wagers are stored with the Kick account, so a link is needed."""
    return Refusal(
        _("Link your account first."),
        _("Your wagers are counted for it. Run `/link`, then try again."),
    )


def require_link(work: Work) -> Link:
    """The actor's Kick account. Raises Refusal if there is none."""
    own = people.find_link(work, work.actor)
    if own is None:
        raise link_first()
    return own


def find_own(work: Work, platform: str) -> tuple[AffiliateAccount, Decimal] | None:
    """The actor's account and the total counted with it. Raises Refusal if they have not linked
    Kick."""
    account = _find(work, platform, viewer_id=require_link(work).viewer_id)
    if account is None:
        return None
    counted = func.coalesce(func.sum(WagerChange.amount), 0)
    theirs = WagerChange.account_id == account.account_id
    return account, Decimal(work.scalars(select(counted).where(theirs)).one())


def link(work: Work, platform: str, username: str) -> AffiliateAccount:
    """A member claims an account. Claiming it again changes nothing. Raises Refusal if they have
    not linked Kick, the name is invalid or taken, or it is too soon."""
    own, name = require_link(work), require_name(username)
    work.lock(Lock.WAGERS)
    current = _find(work, platform, viewer_id=own.viewer_id)
    if current is not None and current.folded_name == fold(name):
        return current
    title = TITLES[platform]
    if current is not None:
        raise Refusal(
            _("You already linked another {platform} account.").format(platform=title),
            _("Unlink it with `/unlinkshuffle`. You can link a new one a day later."),
        )
    _require_cooldown_over(work, own, platform, name)
    if _find(work, platform, folded_name=fold(name)) is not None:
        raise Refusal(
            _("Somebody else has linked that {platform} account.").format(platform=title),
            _("If it is yours, ask an admin to fix it with `/verifyshuffle`."),
        )
    account = _add(work, own, platform, name)
    channel_id = setting(work.tx, work.guild_id, ADMIN_CHANNEL)
    if channel_id:
        key = f"wagers.linked:{account.account_id}"
        outbox.post_to_channel(work, channel_id, "wagers.linked", key, _payload(account))
    return account


def require_name(username: str) -> str:
    """The cleaned username. Raises Refusal if it cannot be a username."""
    name = rules.clean_name(username)
    if name is None:
        raise Refusal(
            _("That is not a valid username."),
            _("Enter it as on your profile there: one word, at most {maximum} characters.").format(
                maximum=rules.MAX_NAME_CHARACTERS
            ),
        )
    return name


def _require_cooldown_over(work: Work, own: Link, platform: str, name: str) -> None:
    """Prevents switching between accounts: the cooldown starts when this viewer or member unlinked
    one, or anybody unlinked a verified one of this name. Unlinking by an admin does not count."""
    was_verified = AffiliateAccount.verified_at.is_not(None)
    ended_at: datetime | None = work.scalar(
        select(func.max(AffiliateAccount.ended_at)).where(
            AffiliateAccount.platform == platform,
            AffiliateAccount.ended_by == AffiliateAccount.linked_by,
            or_(
                AffiliateAccount.viewer_id == own.viewer_id,
                AffiliateAccount.linked_by == own.discord_id,
                (AffiliateAccount.folded_name == fold(name)) & was_verified,
            ),
        )
    )
    again_at = rules.can_link_at(ended_at, work.now)
    if again_at is not None:
        raise Refusal(
            _("An account was unlinked recently."),
            _("You can link again <t:{at}:R>. If it was a mistake, ask an admin.").format(
                at=int(again_at.timestamp()) + 1
            ),
        )


def _add(work: Work, own: Link, platform: str, name: str) -> AffiliateAccount:
    account = AffiliateAccount(
        platform=platform,
        viewer_id=ViewerId(own.viewer_id),
        linked_by=MemberId(own.discord_id),
        username=name,
        folded_name=fold(name),
        linked_at=work.now,
    )
    work.add(account)
    work.flush()
    return account


_HAS_ACCOUNT = named_in(AffiliateAccount.viewer_id, AffiliateAccount.ended_at.is_(None))


def unlink(work: Work, person: str | None, platform: str) -> AffiliateAccount:
    """Unlink the actor's own account, or as an admin another person's. Counted wagers stay. Raises
    Refusal if no account is linked."""
    if person is None:
        viewer_id = require_link(work).viewer_id
    else:
        viewer_id = find_person(work, person, meant=_HAS_ACCOUNT).viewer_id
    work.lock(Lock.WAGERS)
    account = _find(work, platform, viewer_id=viewer_id)
    if account is None:
        raise Refusal(_("No {platform} account is linked.").format(platform=TITLES[platform]))
    _end(work, account)
    return account


def unlink_account(work: Work, account_id: int) -> AffiliateAccount:
    """Unlink the account with this id, as an admin."""
    work.lock(Lock.WAGERS)
    account = get_account(work, account_id)
    _end(work, account)
    return account


def _end(work: Work, account: AffiliateAccount) -> None:
    if work.actor != account.owner:
        whose = f"viewer:{account.viewer_id}"
        audit(work, "wagers.unlink", whose, before=account.platform)
    account.linked_by = account.member
    account.ended_at, account.ended_by = work.now, work.actor
    verified_role.take_back(work, account)


def forget(work: Work, subject: Subject) -> None:
    """Unlink the accounts of somebody who deletes their data. The unlinking is kept, so that
    `/forgetme` does not bypass the cooldown."""
    work.lock(Lock.WAGERS)
    theirs = AffiliateAccount.viewer_id.in_(subject.viewer_ids)
    accounts = work.scalars(select(AffiliateAccount).where(theirs)).all()
    for account in accounts:
        if account.ended_at is None:
            account.linked_by = account.member
            account.ended_at, account.ended_by = work.now, MemberId(subject.discord_id)
        verified_role.take_back(work, account)
    if not accounts:
        return
    names = (*subject.discord_names, *(account.username for account in accounts))
    outbox_personal.forget(work.tx, replace(subject, discord_names=names))


# -- admins ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account to verify once the platform has responded."""

    own: Link
    platform: str
    username: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The result; `is_new` is False if the account was verified before."""

    account: AffiliateAccount
    is_new: bool


def get_account(work: Work, account_id: int) -> AffiliateAccount:
    """The linked account with this id. Raises Refusal if it does not exist or was unlinked."""
    account = work.find(AffiliateAccount, account_id)
    if account is None or account.ended_at is not None:
        raise Refusal(_("This account is no longer linked."))
    return account


def get_candidate(work: Work, person: str, platform: str, username: str | None) -> Candidate:
    """Check everything that needs no request to the platform. Without a username it is the account
    that the member has linked. Raises Refusal if it cannot be verified."""
    viewer = find_person(work, person, meant=LINKED)
    own = people.find_link_of_viewer(work, viewer.viewer_id)
    if own is None:
        raise Refusal(
            _("{name} is not linked to a Discord member.").format(name=viewer.name),
            _("Ask them to run `/link` first, so that their tickets can be credited."),
        )
    if username is None:
        linked = _find(work, platform, viewer_id=own.viewer_id)
        if linked is None:
            raise Refusal(
                _("{name} has not linked a {platform} account.").format(
                    name=own.viewer_name, platform=TITLES[platform]
                ),
                _("Add the username: `/verifyshuffle person username`."),
            )
        username = linked.username
    name = require_name(username)
    _require_code(work, platform)
    _find_conflicts(work, own, platform, name)
    return Candidate(own, platform, name)


def get_claim(work: Work, account_id: int) -> Candidate:
    """The candidate of an account that a member has linked. Raises Refusal if it is no longer
    linked or cannot be verified."""
    account = get_account(work, account_id)
    return get_candidate(work, f"<@{account.member}>", account.platform, account.username)


def _require_code(work: Work, platform: str) -> str:
    code = fold(load_settings(work, WagerSettings).code(platform))
    if not code:
        raise Refusal(
            _("This server has no {platform} campaign code yet.").format(platform=TITLES[platform]),
            _("Set it with `/settings set`: `{setting}`.").format(
                setting=f"wagers.{platform}_code"
            ),
        )
    return code


def verify(work: Work, candidate: Candidate, standings: Standings) -> Verified:
    """Count wagers from the time of the request to the platform. Raises Refusal if the account did
    not sign up under the guild's code, is verified for another member, or the member has another
    verified account."""
    own, platform, name = candidate.own, candidate.platform, candidate.username
    work.lock(Lock.WAGERS)
    if people.find_link_of_viewer(work, own.viewer_id) != own:
        raise Refusal(_("Their Kick link has just changed. Try again."))
    code = _require_code(work, platform)
    total = standings.find_total(code, name)
    if total is None:
        raise Refusal(
            _("{platform} has no account {name} under your campaign code {code}.").format(
                platform=TITLES[platform],
                name=name,
                code=load_settings(work, WagerSettings).code(platform),
            ),
            _("Check the spelling, and that the account signed up under this code."),
        )
    for claim in _find_conflicts(work, own, platform, name):
        _end(work, claim)
    work.flush()  # unique constraints: a viewer has one account, an account one viewer
    account = _find(work, platform, viewer_id=own.viewer_id) or _add(work, own, platform, name)
    is_new = account.verified_at is None
    if is_new:
        highest = find_highest(work, platform, account.folded_name, code, total)
        account.verified_at = account.seen_at = standings.asked_at
        account.verified_by = work.actor
        account.campaign_code, account.total, account.highest = code, total, highest
        _announce_verified(work, account)
    verified_role.reconcile_account(work, account, retry=True)
    work.flush()
    work.refresh(account)  # loads owner and viewer_name for the answer
    return Verified(account, is_new)


def find_highest(work: Work, platform: str, name: str, code: str, total: Decimal) -> Decimal:
    """The highest total ever reported for an account with this name under this code, regardless of
    who had linked it. Jumps that an admin dismissed do not count."""
    named = (AffiliateAccount.platform == platform, AffiliateAccount.folded_name == name)
    under = select(func.max(AffiliateAccount.highest)).where(
        *named, AffiliateAccount.campaign_code == code
    )
    dismissal = aliased(WagerChange)
    dismissed = select(dismissal.id).where(
        dismissal.guild_id == WagerChange.guild_id,
        dismissal.account_id == WagerChange.account_id,
        dismissal.reason == WagerChange.reason,
        dismissal.kind == "dismissal",
        dismissal.releases >= WagerChange.id,
    )
    read = select(func.max(WagerChange.total)).where(
        WagerChange.account_id.in_(select(AffiliateAccount.account_id).where(*named)),
        WagerChange.campaign_code == code,
        ~dismissed.exists(),
    )
    return max(total, *(work.scalar(query) or total for query in (under, read)))


def _find_conflicts(work: Work, own: Link, platform: str, name: str) -> list[AffiliateAccount]:
    """Unverified claims that an admin overrides: others' claims to this name, and the member's
    claim to another name. Raises Refusal if one of them is verified."""
    other = _find(work, platform, folded_name=fold(name))
    mine = _find(work, platform, viewer_id=own.viewer_id)
    if other is not None and other is mine:
        return []
    if other is not None and other.verified_at is not None:
        taken = _("That account is already verified for {name}.").format(name=other.viewer_name)
    elif mine is not None and mine.verified_at is not None:
        taken = _("{name} already has the verified account {username}.").format(
            name=own.viewer_name, username=mine.username
        )
    else:
        return [account for account in (other, mine) if account is not None]
    raise Refusal(taken, _("Unlink it with `/unlinkshuffle` and their name."))


def _announce_verified(work: Work, account: AffiliateAccount) -> None:
    audit(work, "wagers.verify", f"viewer:{account.viewer_id}", after=account.platform)
    server = name_of(work)
    outbox.post_to_user(
        work,
        account.member,
        "wagers.verified",
        f"wagers.verified:{account.account_id}",
        {**_payload(account), "server": server},
        if_possible=True,
    )


def choose_role(work: Work, roles: Iterable[tuple[int, str]]) -> int:
    """The role for verified members; 0 for none. If no role is chosen or it was deleted, use the
    only server role (id and name) with the default name, if viewers may get it."""
    names = dict(roles)
    chosen = load_settings(work, WagerSettings).verified_role
    if chosen in names:
        return chosen
    default = rules.DEFAULT_ROLE_NAME.casefold()
    named = [role_id for role_id, name in names.items() if name.casefold() == default]
    if len(named) != 1:
        return 0
    try:
        change_settings(work, WagerSettings, verified_role=named[0])
    except Refusal:
        return 0
    return named[0]


def list_accounts(work: Work, platform: str) -> Sequence[AffiliateAccount]:
    """Every linked account, oldest first."""
    linked = select(AffiliateAccount).where(IS_LINKED, AffiliateAccount.platform == platform)
    return work.scalars(linked.order_by(AffiliateAccount.account_id)).all()


def list_accounts_of(
    work: Work, viewer_ids: Collection[int]
) -> list[tuple[AffiliateAccount, Decimal]]:
    """The accounts linked to these viewers, and the total counted with each."""
    same_guild = WagerChange.guild_id == AffiliateAccount.guild_id
    counted = select(func.coalesce(func.sum(WagerChange.amount), 0)).where(
        same_guild, WagerChange.account_id == AffiliateAccount.account_id
    )
    theirs = select(AffiliateAccount, counted.scalar_subquery()).where(
        IS_LINKED, AffiliateAccount.viewer_id.in_(viewer_ids)
    )
    found = work.execute(theirs.order_by(AffiliateAccount.account_id))
    return [(account, Decimal(amount)) for account, amount in found]


def list_counted(work: Work, account_ids: Collection[int]) -> dict[int, Decimal]:
    """Account -> the total counted with it."""
    sums = select(WagerChange.account_id, func.sum(WagerChange.amount))
    found = sums.where(WagerChange.account_id.in_(account_ids)).group_by(WagerChange.account_id)
    counted = {account_id: Decimal(amount) for account_id, amount in work.execute(found)}
    return dict.fromkeys(account_ids, Decimal(0)) | counted


def _find(work: Work, platform: str, **columns: Any) -> AffiliateAccount | None:
    linked = select(AffiliateAccount).where(IS_LINKED, AffiliateAccount.platform == platform)
    return work.scalar(linked.filter_by(**columns))


def _payload(account: AffiliateAccount) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "platform": TITLES[account.platform],
        "username": account.username,
        "viewer": account.viewer_name,
        "discord_id": account.member,
    }
