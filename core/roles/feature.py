"""What the roles feature declares."""

from datetime import datetime

from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.kit.feature import Feature
from core.kit.health_item import HealthItem
from core.kit.words import _
from core.roles import actions, embeds, handlers, store, updates
from core.roles.commands import Roles
from core.roles.paginators import MEMBERS, PREVIEW
from core.roles.personal import PERSONAL
from core.roles.settings import SETTINGS


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """The roles that cannot be given, for the health page."""
    return [
        HealthItem(
            f"Role {stuck.name}",
            "warn",
            " ".join(embeds.obstacle_words(stuck.obstacle)),
            (now - stuck.obstacle_since).total_seconds(),
            guild_id=stuck.guild_id,
            age_of="trouble",
        )
        for stuck in store.list_stuck(tx)
    ]


FEATURE = Feature(
    "roles",
    handlers={
        AccountLinked: handlers.on_account_linked,
        AccountUnlinked: handlers.on_account_unlinked,
        RolesChanged: handlers.on_roles_changed,
    },
    cogs=(Roles,),
    settings=SETTINGS,
    embeds={"roles.reached": embeds.reached, "roles.stopped": embeds.stopped},
    settles={"roles.change": updates.settle},
    checks=(check_health,),
    paginators=(PREVIEW, MEMBERS),
    next_goal=actions.next_goal,
    audit={
        "roles.add": lambda before, after: (
            _("added {target} at {after} min")
            if after is not None
            else _("made {target} the role for linked members")
        ),
        "roles.update": lambda before, after: _("changed {target} from {before} to {after} min"),
        "roles.enable": lambda before, after: _("switched on the reward {target}"),
        "roles.disable": lambda before, after: _("paused the reward {target}"),
        "roles.remove": lambda before, after: (
            _("removed the reward {target} and took the role back")
            if isinstance(before, dict) and before.get("take_back")
            else _("removed the reward {target}")
        ),
    },
    personal=PERSONAL,
)
