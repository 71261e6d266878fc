"""Excluding viewers from one feature or from everything, and including them again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select

from core.events import ExclusionChanged
from core.guilds.store import post_audit
from core.inbox import actions as inbox
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people.exclusions import store
from core.people.exclusions.records import Cause, ExcludedName, Exclusion, Scope
from core.people.exclusions.rules import CHAT_BOT_SCOPE, CHAT_BOTS, is_chat_bot
from core.people.lookup import Meant, NobodyFound, find_person, named_in, names_of
from core.people.records import Viewer
from core.people.store import fold, select_accounts_of

MAX_NAME_CHARACTERS = 64
"""Longer than names on any platform."""

# -- by an admin ----------------------------------------------------------------------------------


def exclude(work: Work, who: str, scope: Scope = "everything", reason: str = "") -> str:
    """Exclude a member or an account by its name, even before it is seen; returns the name. Raises
    Refusal if they are excluded already, or this cannot be a name."""
    if _find_seen(work, who, None) is not None:
        return exclude_seen(work, who, scope, reason).name
    name = _checked_name(who)
    if _is_name_excluded(work, fold(name), scope):
        raise Refusal(_("{name} is already excluded.").format(name=name))
    store.set_name(work, name, scope, excluded=True)
    _audit(work, "people.exclude", name, scope, reason)
    return name


def exclude_seen(work: Work, who: str, scope: Scope, reason: str = "") -> Viewer:
    """Exclude a member or an account that was seen in chat. Raises Refusal if they are excluded
    already, or were not seen."""
    viewer = find_person(work, who)
    if not exclude_viewer(work, viewer.viewer_id, scope, reason=reason):
        raise Refusal(_("{name} is already excluded.").format(name=viewer.name))
    for name in names_of(viewer):
        store.end_name(work, name, scope)
    return viewer


def include(work: Work, who: str, scope: Scope = "everything") -> str:
    """End an exclusion, whatever its cause; `everything` ends those from single features, too.
    Returns the name. Raises Refusal if they are not excluded, or from everything while `scope` is
    one feature."""
    viewer = _find_seen(work, who, named_in(Exclusion.viewer_id))
    name = viewer.name if viewer else _checked_name(who)
    _include(work, viewer, name, scope)
    return name


def include_seen(work: Work, viewer: Viewer, scope: Scope) -> None:
    """Like `include`, for an account that was seen in chat."""
    _include(work, viewer, viewer.name, scope)


def _include(work: Work, viewer: Viewer | None, name: str, scope: Scope) -> None:
    if scope != "everything" and _is_excluded_from_everything(work, viewer, fold(name)):
        raise Refusal(
            _("{name} is excluded from everything.").format(name=name),
            _("End that with `/exclude remove`."),
        )
    was_listed = _is_name_excluded(work, fold(name), scope)
    ended = viewer is not None and include_viewer(work, viewer.viewer_id, scope)
    store.end_name(work, fold(name), scope)
    if is_chat_bot(fold(name), CHAT_BOT_SCOPE) and scope in ("everything", CHAT_BOT_SCOPE):
        store.set_name(work, name, CHAT_BOT_SCOPE, excluded=False)
    if not (ended or was_listed):
        raise Refusal(_("{name} is not excluded.").format(name=name))
    target = f"viewer:{viewer.viewer_id}" if viewer else name
    _audit(work, "people.include", target, scope)


def _find_seen(work: Work, who: str, meant: Meant | None) -> Viewer | None:
    """The viewer; None for a name that was never seen."""
    try:
        return find_person(work, who, meant=meant)
    except NobodyFound:
        return None


def _checked_name(who: str) -> str:
    name = who.strip().removeprefix("@")
    if not name or len(name) > MAX_NAME_CHARACTERS or len(name.split()) > 1:
        raise Refusal(_("That is not a name."), _("Names have no spaces."))
    return name


def _is_name_excluded(work: Work, folded_name: str, scope: Scope) -> bool:
    """Whether accounts with this name are excluded. `everything` asks for any scope."""
    decided = work.execute(
        select(ExcludedName.scope, ExcludedName.excluded).where(
            ExcludedName.folded_name == folded_name
        )
    )
    listed = {row.scope: row.excluded for row in decided}
    if is_chat_bot(folded_name, CHAT_BOT_SCOPE):
        listed.setdefault(CHAT_BOT_SCOPE, True)
    return any(
        excluded and (listed_scope in ("everything", scope) or scope == "everything")
        for listed_scope, excluded in listed.items()
    )


def _is_excluded_from_everything(work: Work, viewer: Viewer | None, folded_name: str) -> bool:
    if viewer is not None:
        return is_excluded(work, viewer.viewer_id, "everything")
    return work.exists(
        ExcludedName.folded_name == folded_name,
        ExcludedName.scope == "everything",
        ExcludedName.excluded.is_(True),
    )


# -- for features ---------------------------------------------------------------------------------


def is_excluded(work: Work, viewer_id: int, scope: Scope) -> bool:
    """Whether the person with this account is excluded from `scope`, or from everything: excluding
    one account excludes all of theirs.
    """
    return bool(list_causes(work, viewer_id, scope))


def list_causes(work: Work, viewer_id: int, scope: Scope) -> Sequence[Cause]:
    """Why the person with this account is excluded from `scope`; empty if they are not."""
    covers = Exclusion.scope.in_(("everything", scope))
    causes = select(Exclusion.cause).where(_is_of_person(work, viewer_id), covers).distinct()
    return work.scalars(causes.where(_is_active(work))).all()


def list_exclusions(work: Work, viewer_ids: Collection[int]) -> Sequence[Exclusion]:
    """The exclusions of these viewers, with reasons."""
    theirs = select(Exclusion).where(Exclusion.viewer_id.in_(viewer_ids), _is_active(work))
    return work.scalars(theirs.order_by(Exclusion.scope, Exclusion.cause)).all()


def exclude_viewer(
    work: Work,
    viewer_id: int,
    scope: Scope,
    cause: Cause = "admin",
    *,
    reason: str = "",
    until: datetime | None = None,
) -> bool:
    """False if the viewer is already excluded from `scope` by an admin or a name, or for the same
    cause."""
    by_hand = Exclusion.cause.in_(("admin", "name"))
    covers = Exclusion.scope.in_(("everything", scope))
    if cause == "admin" and work.exists(Exclusion.viewer_id == viewer_id, covers, by_hand):
        return False
    if not store.add_exclusion(work, viewer_id, scope, cause, reason=reason, until=until):
        return False
    if cause == "admin":
        _audit(work, "people.exclude", f"viewer:{viewer_id}", scope, reason)
    _publish(work, viewer_id, scope, excluded=True)
    return True


def include_viewer(work: Work, viewer_id: int, scope: Scope, cause: Cause | None = None) -> bool:
    """End all exclusions of a person's accounts from `scope`, for this cause or for any; False if
    there are none.
    """
    ended = delete(Exclusion).where(_is_of_person(work, viewer_id))
    if scope != "everything":
        ended = ended.where(Exclusion.scope == scope)
    if cause is not None:
        ended = ended.where(Exclusion.cause == cause)
    if not work.scalars(ended.returning(Exclusion.viewer_id)).all():
        return False
    _publish(work, viewer_id, scope, excluded=False)
    return True


@dataclass(frozen=True, slots=True)
class Excluded:
    """Who is excluded: accounts, and names that were not seen yet, known chat bots included. An
    account with several causes is listed several times.
    """

    accounts: Sequence[Exclusion] = ()
    names: Sequence[str] = ()

    @property
    def count(self) -> int:
        return len({account.viewer_id for account in self.accounts}) + len(self.names)


def list_excluded(work: Work, scope: Scope = "everything") -> Excluded:
    """Who is excluded from `scope`; `everything` lists all exclusions."""
    accounts = select(Exclusion).where(_is_active(work))
    names = select(ExcludedName).order_by(ExcludedName.folded_name)
    if scope != "everything":
        accounts = accounts.where(Exclusion.scope.in_(("everything", scope)))
        names = names.where(ExcludedName.scope.in_(("everything", scope)))
    found = sorted(
        work.scalars(accounts),
        key=lambda exclusion: (fold(exclusion.viewer_name), exclusion.scope, exclusion.cause),
    )
    listed = work.scalars(names).all()
    known = {fold(entry.viewer_name) for entry in found} | {entry.folded_name for entry in listed}
    bots = [name for name in CHAT_BOTS if fold(name) not in known]
    return Excluded(
        found,
        [entry.name for entry in listed if entry.excluded]
        + (bots if scope in ("everything", CHAT_BOT_SCOPE) else []),
    )


def _is_of_person(work: Work, viewer_id: int) -> ColumnElement[bool]:
    return Exclusion.viewer_id.in_(select_accounts_of(work.guild_id, viewer_id))


def _is_active(work: Work) -> ColumnElement[bool]:
    return Exclusion.until.is_(None) | (Exclusion.until > work.now)


def _audit(work: Work, action: str, target: str, scope: Scope, reason: str = "") -> None:
    after = {"scope": scope, "reason": reason}
    post_audit(work.tx, work.guild_id, work.actor, action, target, after=after)


def _publish(work: Work, viewer_id: int, scope: Scope, *, excluded: bool) -> None:
    event = ExclusionChanged(
        key=f"{viewer_id}:{scope}:{excluded}:{work.now.isoformat()}",
        guild_id=work.guild_id,
        at=work.now,
        viewer_id=viewer_id,
        scope=scope,
        excluded=excluded,
        changed_by=work.actor,
    )
    inbox.publish(work.tx, event)
