"""Declares the roles feature."""

from datetime import datetime

from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.kit.database.privacy import personal_data
from core.kit.database.work import Work, event_action
from core.kit.feature import Feature
from core.kit.health_item import HealthItem
from core.kit.text.words import N_, _
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt
from core.roles import actions, messages, pages, reconcile, store
from core.roles.discord import MEMBERS, PREVIEW, Roles
from core.roles.records import RoleGrant
from core.roles.rules import RoleSettings


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    return [
        HealthItem(
            f"Role {stuck.name}",
            "warn",
            " ".join(messages.obstacle_words(stuck.obstacle)),
            (now - stuck.obstacle_since).total_seconds(),
            guild_id=stuck.guild_id,
            age_of="trouble",
        )
        for stuck in store.list_stuck(tx)
    ]


def note_outcome(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """Handle Discord's answer to a role change: see `Feature.settles`."""
    with Work(tx, message.guild_id, now=now) as work:
        reconcile.note_outcome(work, message, receipt)


FEATURE = Feature(
    "roles",
    handlers={
        AccountLinked: event_action(actions.follow_link),
        AccountUnlinked: event_action(actions.follow_link),
        RolesChanged: event_action(actions.retry_refused),
    },
    cogs=(Roles,),
    settings=tuple(RoleSettings.declared.values()),
    embeds={"roles.reached": messages.reached, "roles.stopped": messages.stopped},
    settles={reconcile.KIND: note_outcome},
    checks=(check_health,),
    paginators=(PREVIEW, MEMBERS),
    next_goal=actions.next_goal,
    audit={
        "roles.add": lambda before, after: (
            _("added {target} at {after_time}")
            if after is not None
            else _("made {target} the role for linked members")
        ),
        "roles.update": N_("changed {target} from {before_time} to {after_time}"),
        "roles.enable": N_("resumed the reward {target}"),
        "roles.disable": N_("paused the reward {target}"),
        "roles.remove": lambda before, after: (
            _("removed the reward {target} and took the role back")
            if isinstance(before, dict) and before.get("take_back")
            else _("removed the reward {target}")
        ),
    },
    dashboard=pages.PAGES,
    setup=pages.setup,
    personal=personal_data(
        RoleGrant, before_forget=lambda work, subject: reconcile.take_back(work, subject.discord_id)
    ),
)
