"""The settings and the audit log, page by page."""

from collections.abc import Mapping, Sequence
from functools import partial

from core.kit.feature import AuditLine
from core.kit.paginator import Page, Paginator, Reader, nearest_page
from core.settings import actions, embeds
from core.settings.commands import places
from core.settings.embeds import MOST_ENTRIES
from core.settings.rules import Declared, feature_of


def settings_paginator(known: Sequence[Declared]) -> Paginator:
    """What can be set; the key is a feature."""
    return Paginator("settings", "settings", partial(_open_settings, known))


def audit_log_paginator(known: Sequence[Declared], lines: Mapping[str, AuditLine]) -> Paginator:
    """Who changed what; the key says how many changes a page has."""
    return Paginator("audit_log", "auditlog", partial(_open_record, known, lines))


async def _open_settings(known: Sequence[Declared], reader: Reader, key: str, number: int) -> Page:
    guild = reader.guild
    wanted = [one for one in known if key in ("", feature_of(one))]
    number, pages = nearest_page(number, len(wanted), embeds.PER_PAGE)
    part = wanted[(number - 1) * embeds.PER_PAGE :][: embeds.PER_PAGE]
    current = await reader.services.database.run(actions.list_current, guild.id, part)
    troubles = {one.declared.key: places.trouble(guild, one.declared, one.value) for one in current}
    return Page(embeds.page(current, troubles), number, pages, key)


async def _open_record(
    known: Sequence[Declared],
    lines: Mapping[str, AuditLine],
    reader: Reader,
    key: str,
    number: int,
) -> Page:
    count = min(int(key), MOST_ENTRIES)
    found = await reader.services.database.run(
        actions.read_record, reader.guild.id, count, max(0, number - 1)
    )
    about = {one.key: one for one in known}
    embed = embeds.record(found, count, about, lines, partial(places.mention, reader.guild))
    return Page(embed, *nearest_page(number, found.total, count), key)
