"""The settings feature, which is given the other features."""

from collections.abc import Iterable
from functools import partial

from core.kit.feature import Feature
from core.settings import channels
from core.settings.commands.audit_log import AuditLog, audit_log_paginator
from core.settings.commands.permissions import Permissions
from core.settings.commands.settings import Settings, settings_paginator
from core.settings.commands.watch import Watch


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the others' settings and audit lines."""
    others = tuple(others)
    known = tuple(setting for feature in others for setting in feature.settings)
    lines = {action: line for feature in others for action, line in feature.audit.items()}
    settings, audit_log = settings_paginator(known), audit_log_paginator(known, lines)
    return Feature(
        "settings",
        cogs=(
            lambda services: Settings(services, known, settings),
            lambda _services: AuditLog(audit_log),
            lambda services: Watch(services, known),
            lambda _services: Permissions(),
        ),
        paginators=(settings, audit_log),
        embeds={channels.KIND: channels.posted_trouble},
        on_channel_refused=partial(channels.note_refused, known),
    )
