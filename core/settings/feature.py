"""The settings feature, which receives the other features."""

from collections.abc import Iterable
from functools import partial

from core.kit.feature import CogBuilder, Feature
from core.settings import actions, messages
from core.settings.api import API
from core.settings.discord import (
    AuditLog,
    Permissions,
    Settings,
    audit_log_paginator,
    settings_paginator,
)
from core.settings.pages.audit_log import Reader, audit_pages
from core.settings.pages.checklist import setup
from core.settings.pages.permissions import permission_pages
from core.settings.pages.settings import settings_pages
from core.settings.watch import Watch


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the others' settings and audit lines."""
    others = tuple(others)
    known = tuple(setting for feature in others for setting in feature.settings)
    lines = {action: line for feature in others for action, line in feature.audit.items()}
    undo = {declared.key: actions.undo_of_setting(declared) for declared in known}
    undo |= {action: way for feature in others for action, way in feature.undo.items()}
    settings, audit_log = settings_paginator(known), audit_log_paginator(known, lines)
    pages = settings_pages(known)
    reader = Reader({declared.key: declared for declared in known}, lines)
    cogs: tuple[CogBuilder, ...] = (
        lambda services: Settings(services, known, settings),
        lambda _services: AuditLog(audit_log),
        lambda services: Watch(services, known),
        lambda _services: Permissions(),
    )
    every_cog = (*(build for feature in others for build in feature.cogs), *cogs)
    return Feature(
        "settings",
        cogs=cogs,
        paginators=(settings, audit_log),
        embeds={actions.CHANNEL_TROUBLE: messages.posted_trouble},
        dashboard=(
            pages,
            audit_pages(reader, undo),
            permission_pages(every_cog),
        ),
        api=API,
        setup=partial(setup, pages=pages),
        activity=reader.activity,
        history=reader.history,
        on_channel_refused=partial(actions.note_refused, known),
    )
