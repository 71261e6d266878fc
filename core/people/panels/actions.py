"""What one can do with panels, inside a transaction. Discord is asked before and after."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.part import Part
from core.kit.words import _
from core.people.linklog import actions as linklog
from core.people.panels import store
from core.people.panels.store import Panel

TOLD_FOR = timedelta(days=1)
"""How long the health page says that a panel was deleted."""


def put_panel(tx: Connection, panel: Panel) -> list[Panel]:
    """This message is the channel's panel from now on; what is returned is to be deleted."""
    store.lock_panels(tx, panel.guild_id)
    before = store.list_of_channel(tx, panel.guild_id, panel.channel_id)
    for old in before:
        store.set_ended(tx, old.guild_id, old.message_id, "withdrawn", panel.posted_at)
    store.add_panel(tx, panel)
    post_audit(tx, panel.guild_id, panel.posted_by, "people.panel", f"#{panel.channel_name}")
    linklog.note_panel(
        tx, panel.guild_id, "posted", panel.channel_id, panel.posted_by, panel.posted_at
    )
    return before


def withdraw_panel(
    tx: Connection, guild_id: int, channel_id: int, actor: int, now: datetime
) -> list[Panel]:
    """The channel is to have no panel any more; what is returned is to be deleted."""
    store.lock_panels(tx, guild_id)
    before = store.list_of_channel(tx, guild_id, channel_id)
    for old in before:
        store.set_ended(tx, guild_id, old.message_id, "withdrawn", now)
        post_audit(tx, guild_id, actor, "people.panel_withdrawn", f"#{old.channel_name}")
        linklog.note_panel(tx, guild_id, "withdrawn", channel_id, actor, now)
    return before


def notice_gone(tx: Connection, guild_id: int, message_ids: Collection[int], now: datetime) -> None:
    """These messages are deleted. Where one was a panel an admin is told, unless we deleted it."""
    for panel in store.list_of_messages(tx, guild_id, message_ids):
        _end(tx, panel, now)


def notice_channel_gone(tx: Connection, guild_id: int, channel_id: int, now: datetime) -> None:
    """The channel is deleted, and every panel with it."""
    for panel in store.list_panels(tx, guild_id):
        if panel.channel_id == channel_id:
            _end(tx, panel, now)


def _end(tx: Connection, panel: Panel, now: datetime) -> None:
    if store.end_panel(tx, panel.guild_id, panel.message_id):
        return  # it was withdrawn
    if store.set_ended(tx, panel.guild_id, panel.message_id, "gone", now):
        linklog.note_panel(tx, panel.guild_id, "gone", panel.channel_id, None, now)


def look(tx: Connection, now: datetime) -> list[Part]:
    """What the panels have to say on the health page."""
    return [_told(panel) for panel in store.list_troubles(tx, now - TOLD_FOR)]


def _told(panel: Panel) -> Part:
    reason = panel.trouble or _("It was deleted. `/setup_link_panel` posts a new one.")
    name = _("Link panel in #{channel}").format(channel=panel.channel_name)
    return Part(name, "warn", reason, guild_id=panel.guild_id)
