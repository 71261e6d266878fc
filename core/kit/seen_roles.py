"""Roles the bot gives to viewers, and obstacles to that."""

from dataclasses import dataclass
from typing import Literal

from core.kit.text.words import _

Obstacle = Literal["deleted", "everyone", "managed", "powers", "permission", "above", "refused"]
"""Why the bot does not give a role."""

NEVER: tuple[Obstacle, ...] = ("deleted", "everyone", "managed", "powers")
"""Obstacles that prevent choosing a role; the others can be removed afterwards."""


def obstacle_of(
    *, everyone: bool, managed: bool, powers: bool, may_manage: bool, above: bool
) -> Obstacle | None:
    """The first reason why the bot does not give an existing role, or None."""
    objections: tuple[tuple[bool, Obstacle], ...] = (
        (everyone, "everyone"),
        (managed, "managed"),
        (powers, "powers"),
        (not may_manage, "permission"),
        (above, "above"),
    )
    return next((obstacle for objects, obstacle in objections if objects), None)


@dataclass(frozen=True, slots=True)
class SeenRole:
    """A role to choose, as returned by `Work.find_role`.

    Attributes:
        is_theirs: it is below the chooser's own highest role.
    """

    obstacle: Obstacle | None
    is_theirs: bool = True


def obstacle_words(obstacle: Obstacle) -> tuple[str, str]:
    """The obstacle to giving a role, and what to do."""
    order = _("Server Settings → Roles: drag my role above it.")
    return {
        "deleted": (_("The role was deleted."), _("Choose another one.")),
        "everyone": (_("Everybody has that role."), _("Choose or create another one.")),
        "managed": (
            _("That role belongs to an app or to Discord, and nobody can assign it."),
            _("Choose or create another one."),
        ),
        "powers": (
            _("That role has moderator permissions, which everyone who gets it would have."),
            _("Remove them (Server Settings → Roles, `/permissions`), or choose another role."),
        ),
        "permission": (
            _("I am not allowed to manage roles."),
            _("Server Settings → Roles → my role: switch on Manage Roles."),
        ),
        "above": (_("That role is above mine."), order),
        "refused": (
            _("Discord does not let me assign that role."),
            order + " " + _("Give my role Manage Roles. I'll try again within an hour."),
        ),
    }[obstacle]
