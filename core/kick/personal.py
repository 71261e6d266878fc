"""What Kick told us about a person, and who connected the channel."""

from typing import Any

from sqlalchemy import Connection, RowMapping, Table, delete, select, update

from core.guilds import store as guilds
from core.inbox import personal as inbox
from core.kick.accounts.tables import accounts, attempts, channels
from core.kick.bodies import PLATFORM
from core.kick.intake.tables import parked
from core.kick.misses.tables import witnesses
from core.kit.database import contains_any
from core.kit.errors import Refusal
from core.kit.personal import Personal, Subject, is_about, redacted, redacted_key
from core.kit.words import _

_WROTE = {"sender": ("content",), "redeemer": ("user_input",)}
"""Who in a body -> what they wrote."""


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """What they wrote and did in the stream's chat, and what they connected as an admin."""
    seen = [row for lane in _lanes(tx, subject) for row in inbox.list_about(tx, lane, subject)]
    asked = tx.execute(
        select(attempts.c.asked_at, attempts.c.asked_by_name).where(
            attempts.c.guild_id == subject.guild_id, attempts.c.asked_by == subject.discord_id
        )
    )
    connected = tx.execute(
        select(accounts.c.name, accounts.c.scopes, accounts.c.connected_at).where(
            accounts.c.guild_id == subject.guild_id,
            (accounts.c.connected_by == subject.discord_id)
            | accounts.c.kick_user_id.in_(subject.numbers),
        )
    )
    return {
        "what_kick_told": [_told(row, subject) for row in seen],
        "gifts_and_subscriptions_seen": [
            *({"at": row["at"], "what": row["kind"]} for row in _about(tx, subject, witnesses)),
            *({"at": row["at"], "what": row["event"]} for row in _about(tx, subject, parked)),
        ],
        "attempts_to_connect_the_channel": [dict(row) for row in asked.mappings()],
        "channel_you_connected": [dict(row) for row in connected.mappings()],
    }


def _lanes(tx: Connection, subject: Subject) -> list[str]:
    channel = guilds.find_channel(tx, subject.guild_id, PLATFORM)
    return [] if channel is None else [f"{PLATFORM}:{channel.channel_id}"]


def _told(row: RowMapping, subject: Subject) -> dict[str, Any]:
    """Of what others did together with them, only that they did."""
    told = {"at": row["sent_at"], "what": row["kind"]}
    for who, texts in _WROTE.items():
        if is_about(row["body"].get(who), subject):
            told |= {text: row["body"].get(text) for text in texts if row["body"].get(text)}
    return told


def _scrub(body: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """The body without what they wrote."""
    for who, texts in _WROTE.items():
        if is_about(body.get(who), subject):
            body = body | {text: "" for text in texts if text in body}
            if "gift" in body:
                body["gift"] = body["gift"] | {"message": ""}
    return body


def _about(tx: Connection, subject: Subject, table: Table) -> list[RowMapping]:
    """What is set aside for an admin, or was: of the feed, or of gifts that look doubled."""
    found = tx.execute(
        select(table).where(
            table.c.guild_id == subject.guild_id,
            table.c.at < subject.swept_before,
            contains_any(table.c.payload, subject.traces),
        )
    )
    return [row for row in found.mappings() if is_about(row["payload"], subject)]


def forget(tx: Connection, subject: Subject) -> None:
    """Lines of chat lose their text and their writer.

    Raises:
        Refusal: the channel's connection hangs on this person.
    """
    mine = (accounts.c.guild_id == subject.guild_id) & (
        accounts.c.connected_by == subject.discord_id
    )
    if tx.execute(select(accounts.c.guild_id).where(mine)).first():
        raise Refusal(
            _("You have connected this server's Kick channel, and are told when it breaks."),
            _("Run `/disconnect_kick` first, or let another admin run `/connect_kick`."),
        )
    for lane in _lanes(tx, subject):
        inbox.redact_lane(tx, lane, subject, _scrub)
    tx.execute(
        delete(attempts).where(
            attempts.c.guild_id == subject.guild_id, attempts.c.asked_by == subject.discord_id
        )
    )
    tx.execute(
        update(channels)
        .where(channels.c.guild_id == subject.guild_id, channels.c.chosen_by == subject.discord_id)
        .values(chosen_by=0)
    )


def sweep(tx: Connection, subject: Subject) -> bool:
    """What was set aside can be matched with nothing any more. Where an admin has still to decide,
    it waits for that."""
    waits = [inbox.redact_lane(tx, lane, subject, _scrub) for lane in _lanes(tx, subject)]
    for table, kind, texts in (
        (witnesses, "kind", ("key", "subject", "drop", "fact_key")),
        (parked, "event", ("key", "drop", "giver")),
    ):
        for row in _about(tx, subject, table):
            waits.append(row["state"] in ("waiting", "suspected", "open"))
            if not waits[-1]:
                same = (
                    (table.c.guild_id == subject.guild_id)
                    & (table.c[kind] == row[kind])
                    & (table.c.key == row["key"])
                )
                words = {text: row[text] and redacted_key(row[text], subject) for text in texts}
                payload = redacted(row["payload"], subject)
                tx.execute(update(table).where(same).values(**words, payload=payload))
    return any(waits)


PERSONAL = Personal(
    tables=(
        "kick_accounts",
        "kick_connect_attempts",
        "kick_channels",
        "kick_witnesses",
        "kick_parked",
        "inbox_deliveries",
    ),
    collect=collect,
    forget=forget,
    sweep=sweep,
)
