"""A message that always shows the whole queue."""

from typing import Any
from uuid import uuid4

from core.events import SettingChanged
from core.guilds.actions import audit, load_settings
from core.guilds.chat_commands import key_of
from core.kit.errors import Refusal
from core.kit.records import ChannelId
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.slot_calls.records import QueuePanel
from core.slot_calls.rules import NAMES, SlotCallSettings
from core.slot_calls.store import IS_OPEN, PANEL, QUEUE, get_names

PANEL_ROWS = 10


def post_panel(work: Work, channel_id: int) -> None:
    """Show the whole queue in a message of this channel; the panel before it is deleted."""
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(PANEL)
    if panel is None:
        panel = QueuePanel(channel_id=ChannelId(channel_id), name=str(uuid4()))
        work.add(panel)
    else:
        _drop(work, panel)
        panel.channel_id, panel.name = ChannelId(channel_id), str(uuid4())
    panel.version = 0
    payload = _payload(work)
    outbox.post_to_channel(work, channel_id, "slot_calls.panel", panel.key, payload)
    audit(work, "slot_calls.panel", f"<#{channel_id}>")


def remove_panel(work: Work) -> None:
    """Delete the panel.

    Raises:
        Refusal: there is none.
    """
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(PANEL)
    if panel is None:
        raise Refusal(_("There is no panel."), _("`/slotcalls panel` posts one."))
    _drop(work, panel)
    work.delete(panel)


def _drop(work: Work, panel: QueuePanel) -> None:
    outbox.withdraw(work, [panel.edit_key])
    gone = f"{panel.key}:gone"
    outbox.post_edit(work, panel.channel_id, panel.key, "slot_calls.panel", gone, None)


def refresh_panel(work: Work) -> None:
    """Show the queue as it is now; an edit that still waits is replaced."""
    panel = work.scalar(PANEL)
    if panel is None:
        return
    outbox.withdraw(work, [panel.edit_key])
    panel.version += 1
    payload = _payload(work)
    outbox.post_edit(work, panel.channel_id, panel.key, "slot_calls.panel", panel.edit_key, payload)


def _payload(work: Work) -> dict[str, Any]:
    work.flush()
    shown = work.scalars(QUEUE.limit(PANEL_ROWS)).all()
    rows = [
        {
            "number": one.number,
            "slot": one.slot,
            "viewer": one.viewer_name,
            "called_at": one.called_at.isoformat(),
            "is_picked": one.picked_at is not None,
        }
        for one in shown
    ]
    state = state_of(load_settings(work, SlotCallSettings))
    waiting, command = work.count(IS_OPEN), get_names(work)[0]
    return {"rows": rows, "waiting": waiting, "state": state, "command": command}


def state_of(settings: SlotCallSettings) -> str:
    """`off`, `closed` or `open`."""
    return "off" if not settings.enabled else "closed" if settings.closed else "open"


def on_setting_changed(work: Work, event: SettingChanged) -> None:
    """Show whether the queue is open, and what the command is called."""
    shown = [SlotCallSettings.declared[name].key for name in ("enabled", "closed")]
    if event.setting in (*shown, key_of(NAMES[0])):
        work.lock(Lock.SLOT_CALLS)
        refresh_panel(work)
