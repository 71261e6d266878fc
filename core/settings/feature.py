"""The settings feature, which is given the other features."""

from collections.abc import Iterable
from functools import partial

from core.kit.feature import Feature
from core.settings import channels
from core.settings.commands.cog import Settings
from core.settings.commands.paginators import audit_log_paginator, settings_paginator
from core.settings.commands.permissions import Permissions
from core.settings.commands.record import AuditLog
from core.settings.commands.watch import Watch


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the others' settings and audit lines."""
    others = tuple(others)
    known = tuple(setting for feature in others for setting in feature.settings)
    lines = {action: line for feature in others for action, line in feature.audit.items()}
    settings, record = settings_paginator(known), audit_log_paginator(known, lines)
    return Feature(
        "settings",
        cogs=(
            lambda services: Settings(services, known, settings),
            lambda _services: AuditLog(record),
            lambda services: Watch(services, known),
            Permissions,
        ),
        paginators=(settings, record),
        embeds={channels.KIND: channels.posted_trouble},
        on_channel_refused=partial(channels.note_refused, known),
    )
