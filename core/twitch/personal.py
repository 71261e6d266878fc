"""Personal data from Twitch, and the admins who connected an account."""

from typing import Any

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.inbox import personal as inbox
from core.kit.database.personal import Personal, Subject
from core.kit.database.privacy import personal_data
from core.twitch.accounts.actions import ACCOUNTS
from core.twitch.accounts.records import TwitchAccount, TwitchConnectAttempt
from core.twitch.bodies import PLATFORM

_WRITERS = ("chatter_user_id", "user_id")
"""Who wrote what an event carries as `message`."""


_RECORDS = personal_data(
    TwitchAccount,
    TwitchConnectAttempt,
    before_forget=ACCOUNTS["streamer"].require_disconnected,
)


def _lanes(tx: Connection, subject: Subject) -> list[str]:
    channel = guilds.find_channel(tx, subject.guild_id, PLATFORM)
    return [] if channel is None else [f"{PLATFORM}:{channel.channel_id}"]


def _is_theirs(body: dict[str, Any], subject: Subject) -> bool:
    numbers = {str(number) for number in subject.numbers}
    return any(str(body.get(name)) in numbers for name in _WRITERS)


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """What they wrote and did in the stream's chat, and what they connected as an admin."""
    seen = [row for lane in _lanes(tx, subject) for row in inbox.list_about(tx, lane, subject)]
    return {
        "received_from_twitch": [
            {"at": row["sent_at"], "what": row["kind"]}
            | (
                {"message": row["body"]["message"]}
                if "message" in row["body"] and _is_theirs(row["body"], subject)
                else {}
            )
            for row in seen
        ],
        **_RECORDS.collect(tx, subject),
    }


def _scrub(body: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """The body without what they wrote."""
    if "message" in body and _is_theirs(body, subject):
        is_text = isinstance(body["message"], str)
        return body | {"message": "" if is_text else {"text": ""}}
    return body


def forget(tx: Connection, subject: Subject) -> None:
    """Lines of chat lose their text and their writer.

    Raises:
        Refusal: the channel's connection hangs on this person.
    """
    _RECORDS.forget(tx, subject)
    for lane in _lanes(tx, subject):
        inbox.redact_lane(tx, lane, subject, _scrub)


def sweep(tx: Connection, subject: Subject) -> bool:
    """The same for what came since. True while something waits to be handled."""
    waits = [inbox.redact_lane(tx, lane, subject, _scrub) for lane in _lanes(tx, subject)]
    return any(waits)


PERSONAL = Personal(
    tables=(*_RECORDS.tables, "inbox_deliveries"), collect=collect, forget=forget, sweep=sweep
)
