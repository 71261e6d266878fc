"""A message that always shows the whole queue."""

from typing import Any

from core.events import SettingChanged
from core.guilds.actions import audit, load_settings
from core.guilds.chat_commands import key_of
from core.kit.database.records import ChannelId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people.names import public_names
from core.slot_calls.records import QueuePanel
from core.slot_calls.rules import NAMES, SlotCallSettings
from core.slot_calls.store import IS_OPEN, PANEL, QUEUE, get_names

PANEL_ROWS = 10


def post_panel(work: Work, channel_id: int) -> None:
    """Post the panel in this channel and delete the previous one."""
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(PANEL)
    if panel is None:
        panel = QueuePanel(channel_id=ChannelId(channel_id))
        work.add(panel)
    else:
        outbox.delete_live(work, panel, "slot_calls.panel")
        panel.channel_id = ChannelId(channel_id)
    outbox.post_live(work, panel, "slot_calls.panel", lambda: _payload(work))
    audit(work, "slot_calls.panel", f"<#{channel_id}>")


def remove_panel(work: Work) -> None:
    """Delete the panel. Raises Refusal if there is none."""
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(PANEL)
    if panel is None:
        raise Refusal(_("There is no queue panel."), _("Post one with `/slotcalls panel`."))
    outbox.delete_live(work, panel, "slot_calls.panel")
    work.delete(panel)


def refresh_panel(work: Work) -> None:
    panel = work.scalar(PANEL)
    if panel is not None:
        outbox.edit_live(work, panel, "slot_calls.panel", lambda: _payload(work))


def _payload(work: Work) -> dict[str, Any]:
    work.flush()
    shown = work.scalars(QUEUE.limit(PANEL_ROWS)).all()
    names = public_names(work, [call.viewer_id for call in shown])
    rows = [
        {
            "number": call.number,
            "slot": call.slot,
            "viewer": names[call.viewer_id],
            "called_at": call.called_at.isoformat(),
            "is_picked": call.picked_at is not None,
        }
        for call in shown
    ]
    state = state_of(load_settings(work, SlotCallSettings))
    waiting, command = work.count(IS_OPEN), get_names(work)[0]
    return {"rows": rows, "waiting": waiting, "state": state, "command": command}


def state_of(settings: SlotCallSettings) -> str:
    """`off`, `closed` or `open`."""
    return "off" if not settings.enabled else "closed" if settings.closed else "open"


def on_setting_changed(work: Work, event: SettingChanged) -> None:
    """Update the panel after the queue was opened or closed, or the command was renamed."""
    shown = [SlotCallSettings.declared[name].key for name in ("enabled", "closed")]
    if event.setting in (*shown, key_of(NAMES[0])):
        work.lock(Lock.SLOT_CALLS)
        refresh_panel(work)
