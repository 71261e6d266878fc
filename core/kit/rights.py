"""Who may take an action, and which roles it may let the bot assign: decided in the action, for all
interfaces.

    @admins_only
    def end_season(work: Work, number: int) -> int: ...

The check applies to commands, buttons, pages, forms and the API when they run the action; to hide
the action from others, use `is_for_admins`. Actions without a declaration are open to everybody who
has the command group of the action's package.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from core.kit.database.work import Work
from core.kit.errors import Forbidden, Refusal
from core.kit.seen_roles import NEVER, obstacle_words
from core.kit.text.words import _

P = ParamSpec("P")
T = TypeVar("T")

Action = Callable[..., Any]


def admins_only(
    action: Callable[Concatenate[Work, P], T],
) -> Callable[Concatenate[Work, P], T]:
    """Declare an action for admins only: it cannot be undone, or grants rights. It raises Forbidden
    for everybody without Manage Server."""

    @wraps(action)
    def checked(work: Work, *args: P.args, **kwargs: P.kwargs) -> T:
        if work.groups is not None:
            raise Forbidden(
                _("This is for admins."), _("You need the permission {0}.").format("Manage Server")
            )
        return action(work, *args, **kwargs)

    checked.admins_only = True  # type: ignore[attr-defined]
    return cast("Callable[Concatenate[Work, P], T]", checked)


def is_for_admins(action: Action | None) -> bool:
    """Whether an action is declared with `admins_only`."""
    return getattr(action, "admins_only", False) is True


def require_group(work: Work, *groups: str) -> None:
    """Raises Forbidden unless the actor may use one of these command groups."""
    if work.groups is not None and work.groups.isdisjoint(groups):
        raise Forbidden(
            _("This is for moderators"),
            _("An admin can give your role access with `/permissions grant`."),
        )


def require_giveable(work: Work, role_id: int) -> None:
    """Raises Refusal for a role that viewers must not get automatically, or that the actor could
    not give: nobody may escalate their own rights.
    """
    seen = None if work.find_role is None else work.find_role(role_id)
    if seen is None:
        return
    if not seen.is_theirs:
        raise Refusal(
            _("That role is not below your highest role."),
            _("Someone with a higher role can choose it."),
        )
    if seen.obstacle in NEVER:
        raise Refusal(*obstacle_words(seen.obstacle))
