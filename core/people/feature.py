"""Declaration of the people package."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from core.kit.database.personal import Subject
from core.kit.database.privacy import personal_data
from core.kit.feature import Feature
from core.kit.tasks import Task
from core.kit.text.words import N_
from core.people.exclusions import messages as exclusions
from core.people.exclusions.discord import Exclusions
from core.people.exclusions.records import ExcludedName, Exclusion
from core.people.linking import messages as linking
from core.people.linking.actions import forget, tidy
from core.people.linking.discord import Linking, StartButton, UnlinkButton
from core.people.linking.me import ME
from core.people.linking.pages import pages as linking_pages
from core.people.linklog import messages as linklog
from core.people.linklog.actions import LinkLogSettings
from core.people.linklog.discord import LinkLogs
from core.people.linklog.pages import PAGES as LINK_LOG_PAGES
from core.people.linklog.pages import history
from core.people.linklog.records import LinkLogEntry
from core.people.notes.records import Note
from core.people.panels import actions as panels
from core.people.panels.discord import LinkPanels, render_panel
from core.people.panels.pages import PAGES as PANEL_PAGES
from core.people.panels.pages import activity, setup
from core.people.panels.reactions import PanelButton, PanelReactions
from core.people.panels.records import Panel
from core.people.records import (
    FormerName,
    HiddenViewer,
    Link,
    LinkAttempt,
    Tombstone,
    Viewer,
)

_RECORDS = personal_data(
    LinkAttempt,
    FormerName,
    HiddenViewer,
    LinkLogEntry,
    Panel,
    Exclusion,
    ExcludedName,
    Note,
    before_forget=forget,
)


def _collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    columns = (
        Viewer.platform,
        Viewer.platform_user_id.label("user_id_there"),
        Viewer.name.label("name_there"),
        Viewer.login.label("login_there"),
        Viewer.named_at.label("name_seen_at"),
        Link.linked_at,
        Link.discord_handle.label("your_name_on_discord"),
    )
    same = (Link.guild_id == Viewer.guild_id) & (Link.viewer_id == Viewer.viewer_id)
    theirs = (Viewer.guild_id == subject.guild_id) & (Link.discord_id == subject.discord_id)
    linked = tx.execute(select(*columns).join(Link, same).where(theirs))
    return {
        "linked_accounts": [dict(row) for row in linked.mappings()],
        **_RECORDS.collect(tx, subject),
    }


FEATURE = Feature(
    "people",
    cogs=(
        lambda _services: Linking(),
        LinkPanels,
        PanelReactions,
        lambda _services: LinkLogs(),
        lambda _services: Exclusions(),
    ),
    pages=(linking_pages,),
    settings=tuple(LinkLogSettings.declared.values()),
    embeds={
        "people.linked": linking.linked,
        "people.interrupted": linking.interrupted,
        "people.link_log": linklog.link_entry,
        "people.panel_log": linklog.panel_entry,
        panels.POST_KIND: render_panel,
    },
    settles={panels.POST_KIND: panels.note_posted},
    checks=(panels.check_health,),
    dashboard=(PANEL_PAGES, LINK_LOG_PAGES),
    setup=setup,
    activity=activity,
    history=history,
    me=ME,
    buttons=(StartButton, UnlinkButton, PanelButton),
    tasks=(Task("people.links", every=lambda _settings: 60, run=tidy),),
    audit={
        "people.exclude": exclusions.audited_exclude,
        "people.include": exclusions.audited_include,
        "people.unlink": N_("unlinked {target} from {before}"),
        "people.note": N_("wrote a note about {target}"),
        "people.note_deleted": N_("deleted a note about {target}"),
        "people.panel": N_("posted a link panel in {target}"),
        "people.panel_withdrawn": N_("removed the link panel from {target}"),
    },
    personal=replace(
        _RECORDS,
        tables=(*(record.__tablename__ for record in (Viewer, Link, Tombstone)), *_RECORDS.tables),
        collect=_collect,
    ),
)
