"""Actions on link panels. Requests to Discord are made before and after, outside of
transactions."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from core.guilds.actions import audit
from core.kit.database.connection import notify_after_commit
from core.kit.database.records import ChannelId, MemberId, MessageId, table_of
from core.kit.database.work import ACROSS_GUILDS, Lock, Work
from core.kit.health_item import HealthItem
from core.kit.runtime.settings import Settings
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt
from core.people.linking.platforms import list_offered
from core.people.linklog.actions import PanelNews, log_panel
from core.people.panels.records import Panel, State
from core.people.panels.rules import DEFAULT_EMOJI

TOPIC = "people.panels"
"""Topic of notifications that the panels of the server `guild_id` have changed."""

POST_KIND = "people.requested_panel"
"""Outbox kind of a panel requested on the dashboard."""

SHOW_DELETED_FOR = timedelta(days=1)
"""How long the health page shows that a panel was deleted."""

_ALL = select(Panel).order_by(Panel.posted_at, Panel.message_id)


def list_panels(work: Work) -> Sequence[Panel]:
    """Panels in every state, the oldest first."""
    return work.scalars(_ALL).all()


def request_panel(
    work: Work,
    channel_id: int,
    channel_name: str,
    *,
    server: str,
    settings: Settings,
    key: str,
) -> None:
    """Request a panel from the bot. A request with the same key is posted once."""
    payload = {
        "channel_name": channel_name.lstrip("#"),
        "server": server,
        "privacy_url": f"{settings.public_url}/privacy",
        "platforms": [platform.key for platform in list_offered(work, settings)],
        "actor": work.actor,
    }
    outbox.post_to_channel(work, channel_id, POST_KIND, f"{POST_KIND}:{key}", payload)


def note_posted(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """The requested panel is in its channel: see `Feature.settles`."""
    if "message_id" not in receipt:
        return
    actor = MemberId(message.payload["actor"])
    panel = Panel(
        message_id=MessageId(receipt["message_id"]),
        channel_id=ChannelId(receipt["channel_id"]),
        channel_name=message.payload["channel_name"],
        emoji=DEFAULT_EMOJI,
        platforms=" ".join(message.payload.get("platforms", ["kick"])),
        posted_by=actor,
        posted_at=now,
    )
    with Work(tx, message.guild_id, actor=actor, now=now) as work:
        put_panel(work, panel)
        _notify(work)


def find_problem(work: Work) -> str:
    """Why a requested panel is not posted yet; "" if none is waiting."""
    return outbox.find_error(work, POST_KIND) or ""


def _notify(work: Work) -> None:
    """Notify the bot, which reacts to new panels and deletes withdrawn ones."""
    notify_after_commit(work.tx, TOPIC, guild_id=str(work.guild_id))


def put_panel(work: Work, panel: Panel) -> list[Panel]:
    """Store this message as the channel's panel; returns the panels to delete."""
    before = _withdraw(work, panel.channel_id)
    work.flush()  # a channel has one posted panel at any moment
    work.add(panel)
    audit(work, "people.panel", f"#{panel.channel_name}")
    _log(work, "posted", panel)
    return before


def withdraw_panel(work: Work, channel_id: int) -> list[Panel]:
    """Withdraw the channel's panel; returns the panels to delete."""
    before = _withdraw(work, channel_id)
    for panel in before:
        audit(work, "people.panel_withdrawn", f"#{panel.channel_name}")
        _log(work, "withdrawn", panel)
    if before:
        _notify(work)
    return before


def _withdraw(work: Work, channel_id: int) -> list[Panel]:
    work.lock(Lock.PANELS)
    posted = _ALL.where(Panel.channel_id == channel_id, Panel.state == "posted")
    before = list(work.scalars(posted))
    for panel in before:
        _end(work, panel, "withdrawn")
    return before


def delete_withdrawn(work: Work, message_id: int) -> bool:
    """Delete the record of a withdrawn panel whose message is deleted; False if it is not
    withdrawn."""
    work.lock(Lock.PANELS)
    panel = work.find(Panel, message_id)
    if panel is None or panel.state != "withdrawn":
        return False
    work.delete(panel)
    return True


def record_gone(work: Work, message_ids: Collection[int]) -> None:
    """These messages are deleted. The link log shows panels not deleted by the bot."""
    if not work.exists(Panel.message_id.in_(message_ids)):
        return
    work.lock(Lock.PANELS)
    for panel in work.scalars(_ALL.where(Panel.message_id.in_(message_ids))).all():
        _record_gone(work, panel)


def record_channel_gone(work: Work, channel_id: int) -> None:
    """The channel is deleted, and every panel with it."""
    work.lock(Lock.PANELS)
    for panel in work.scalars(_ALL.where(Panel.channel_id == channel_id)).all():
        _record_gone(work, panel)


def _record_gone(work: Work, panel: Panel) -> None:
    if panel.state == "withdrawn":
        work.delete(panel)
    elif panel.state == "posted":
        _end(work, panel, "gone")
        _log(work, "gone", panel)


def _end(work: Work, panel: Panel, state: State) -> None:
    panel.state, panel.ended_at, panel.trouble = state, work.now, None


def _log(work: Work, news: PanelNews, panel: Panel) -> None:
    """Log a deletion, whose author Discord does not report."""
    actor = None if news == "gone" else work.actor
    log_panel(work, news, panel.channel_id, actor)


def set_trouble(work: Work, message_id: int, trouble: str | None) -> None:
    """Store a panel's problem, or None."""
    work.lock(Lock.PANELS)
    panel = work.find(Panel, message_id)
    if panel is not None:
        panel.trouble = trouble


def set_platforms(work: Work, message_id: int, platforms: str) -> None:
    """Store the platforms that an edited panel offers."""
    work.lock(Lock.PANELS)
    panel = work.find(Panel, message_id)
    if panel is not None:
        panel.platforms = platforms


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """For the health page: panels with problems, and panels that were deleted recently and not
    replaced in their channel."""
    panels = table_of(Panel)
    posted = panels.alias("posted")
    replaced = select(posted.c.message_id).where(
        posted.c.guild_id == panels.c.guild_id,
        posted.c.channel_id == panels.c.channel_id,
        posted.c.state == "posted",
    )
    in_trouble = (panels.c.state == "posted") & panels.c.trouble.is_not(None)
    is_gone = (panels.c.state == "gone") & (panels.c.ended_at > now - SHOW_DELETED_FOR)
    wanted = select(panels.c.guild_id, panels.c.channel_name, panels.c.trouble).where(
        in_trouble | (is_gone & ~replaced.exists())
    )
    found = tx.execute(
        wanted.order_by(panels.c.guild_id, panels.c.message_id), execution_options=ACROSS_GUILDS
    )
    return [
        HealthItem(
            _("Link panel in #{channel}").format(channel=row.channel_name),
            "warn",
            row.trouble or _("It was deleted. Post a new one with `/setup_link_panel`."),
            guild_id=row.guild_id,
        )
        for row in found
    ]
