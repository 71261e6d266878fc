"""Meeting viewers and finding them again."""

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.kit.database import notes
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import store
from core.people.store import Viewer


def meet_sender(tx: Connection, message: ChatMessageSent) -> int:
    """The viewer id of who wrote this line; asked once a transaction and line."""
    key = ("people.sender", message.guild_id, message.platform, message.key)
    if key not in notes(tx):
        notes(tx)[key] = store.set_viewer(
            tx,
            message.guild_id,
            message.platform,
            message.sender.user_id,
            message.sender.name,
            message.at,
        )
    viewer_id = notes(tx)[key]
    assert isinstance(viewer_id, int)
    return viewer_id


def get_by_name(tx: Connection, guild_id: int, name: str) -> Viewer:
    """The viewer of this name.

    Raises:
        Refusal: nobody of this name has been seen in the server's chat.
    """
    viewer = store.find_by_name(tx, guild_id, name)
    if viewer is None:
        raise Refusal(
            _("I have not seen anybody called “{name}” in chat.").format(name=name.strip()),
            _("Names are as on Kick. Capitals do not matter."),
        )
    return viewer
