"""Exclusions in set-based SQL: for each line of chat, and for the statements of features."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy import BigInteger, Connection, TextualSelect, column, delete, text
from sqlalchemy.dialects.postgresql import insert

from core.events import ChatMessageSent
from core.kit.database.connection import as_json
from core.kit.database.work import Work
from core.people import actions as people
from core.people.exclusions.records import Cause, ExcludedName, Exclusion, Scope
from core.people.exclusions.rules import CHAT_BOT_SCOPE, is_chat_bot
from core.people.store import fold


def excluded_from(scope: Scope, *, at: str = "now()") -> str:
    """SQL for `viewer_id NOT IN ...` in a statement on the guild `:guild_id`: all accounts of
    people with an excluded account.

    NOT IN reads the list once regardless of table statistics; without them NOT EXISTS can read it
    for each row. OFFSET 0 keeps both look-ups on their indexes.
    """
    return f"""(
        WITH person AS (
            SELECT (SELECT v.person_id FROM people_viewers AS v
                     WHERE v.guild_id = :guild_id AND v.viewer_id = x.viewer_id) AS viewer_id
              FROM people_exclusions AS x
             WHERE x.guild_id = :guild_id AND x.scope IN ('everything', '{scope}')
               AND (x.until IS NULL OR x.until > {at})
        )
        SELECT viewer_id FROM person
         UNION ALL
        SELECT other.viewer_id
          FROM person,
               LATERAL (SELECT v.viewer_id FROM people_viewers AS v
                         WHERE v.guild_id = :guild_id AND v.represented_by = person.viewer_id
                        OFFSET 0) AS other
    )"""


_LISTED = {
    scope: text(f"SELECT viewer_id FROM {excluded_from(scope)} AS excluded").columns(
        column("viewer_id", BigInteger)
    )
    for scope in get_args(Scope)
}


def select_excluded(guild_id: int, scope: Scope) -> TextualSelect:
    """Like `excluded_from`, for SQLAlchemy."""
    return _LISTED[scope].bindparams(guild_id=guild_id)


# One round trip for a whole batch of chat.
_FIND = text("""
    WITH sender AS (
        SELECT DISTINCT * FROM jsonb_to_recordset(CAST(:senders AS jsonb))
                            AS sender (guild_id bigint, viewer_id bigint, folded_name text)
    ), person AS (
        SELECT guild_id, viewer_id,
               (SELECT v.person_id FROM people_viewers AS v
                 WHERE v.guild_id = sender.guild_id AND v.viewer_id = sender.viewer_id) AS person_id
          FROM sender
    ), account AS (
        SELECT guild_id, viewer_id, person_id AS account FROM person
         UNION ALL
        SELECT guild_id, viewer_id, other.account
          FROM person,
               LATERAL (SELECT v.viewer_id AS account FROM people_viewers AS v
                         WHERE v.guild_id = person.guild_id
                           AND v.represented_by = person.person_id OFFSET 0) AS other
    )
    SELECT a.guild_id, a.viewer_id, NULL AS folded_name, x.scope, x.until, TRUE AS excluded,
           a.account = a.viewer_id AS own
      FROM account a
      JOIN people_exclusions AS x ON x.guild_id = a.guild_id AND x.viewer_id = a.account
     UNION ALL
    SELECT s.guild_id, NULL, n.folded_name, n.scope, NULL, n.excluded, FALSE
      FROM sender s
      JOIN people_excluded_names AS n ON n.guild_id = s.guild_id AND n.folded_name = s.folded_name
""")


def without_excluded(
    tx: Connection, messages: Sequence[ChatMessageSent], scope: Scope
) -> list[ChatMessageSent]:
    """The messages whose sender is not excluded from `scope`, with this account or another one. An
    account that writes under an excluded name becomes excluded.
    """
    if not messages:
        return []
    guild_ids = [message.guild_id for message in messages]
    viewer_ids = people.get_or_create_senders(tx, messages)
    names = [_names(message) for message in messages]
    accounts = defaultdict(list)
    listed: dict[tuple[int, str], dict[Scope, bool]] = defaultdict(dict)
    senders = [
        {"guild_id": guild_id, "viewer_id": viewer_id, "folded_name": name}
        for guild_id, viewer_id, several in zip(guild_ids, viewer_ids, names, strict=True)
        for name in several
    ]
    for row in tx.execute(_FIND, {"senders": as_json(senders)}):
        if row.folded_name is None:
            accounts[row.guild_id, row.viewer_id].append((row.scope, row.until, row.own))
        else:
            listed[row.guild_id, row.folded_name][row.scope] = row.excluded
    kept = []
    for message, guild_id, viewer_id, several in zip(
        messages, guild_ids, viewer_ids, names, strict=True
    ):
        known = accounts[guild_id, viewer_id]
        for listed_scope in [
            s for name in several for s in _take_listed(listed[guild_id, name], name)
        ]:
            if (listed_scope, None, True) not in known:
                _exclude_account(tx, message, viewer_id, listed_scope)
                known.append((listed_scope, None, True))
        if not any(
            known_scope in ("everything", scope) and (until is None or until > message.at)
            for known_scope, until, _own in known
        ):
            kept.append(message)
    return kept


def _names(message: ChatMessageSent) -> list[str]:
    """The folded names of the sender."""
    return sorted({fold(message.sender.name), fold(message.sender.login)} - {""})


def _take_listed(listed: dict[Scope, bool], name: str) -> list[Scope]:
    """The scopes in which the name is excluded. The name's exclusion becomes that of the account,
    except for bots."""
    found = [scope for scope, excluded in listed.items() if excluded]
    for scope in found:
        del listed[scope]
    if is_chat_bot(name, CHAT_BOT_SCOPE) and listed.get(CHAT_BOT_SCOPE, True):
        found.append(CHAT_BOT_SCOPE)
    return found


def _exclude_account(
    tx: Connection, message: ChatMessageSent, viewer_id: int, scope: Scope
) -> None:
    with Work(tx, message.guild_id, now=message.at) as work:
        add_exclusion(work, viewer_id, scope, "name")
        for name in _names(message):
            end_name(work, name, scope)


def add_exclusion(
    work: Work,
    viewer_id: int,
    scope: Scope,
    cause: Cause,
    *,
    reason: str = "",
    until: datetime | None = None,
) -> bool:
    """False if the viewer is excluded for the same cause. A new timeout replaces an older one."""
    values = {
        "reason": reason,
        "excluded_by": work.actor if cause == "admin" else None,
        "excluded_at": work.now,
        "until": until,
    }
    added = (
        insert(Exclusion)
        .values(viewer_id=viewer_id, scope=scope, cause=cause, **values)
        .on_conflict_do_update(
            constraint="people_exclusions_once", set_=values, where=Exclusion.until.is_not(None)
        )
        .returning(Exclusion.viewer_id)
    )
    return work.scalar(added) is not None


def set_name(work: Work, name: str, scope: Scope, *, excluded: bool) -> None:
    """Exclude a name, or include it."""
    values = {"name": name, "excluded": excluded}
    work.execute(
        insert(ExcludedName)
        .values(folded_name=fold(name), scope=scope, **values)
        .on_conflict_do_update(constraint="people_excluded_names_once", set_=values)
    )


def end_name(work: Work, folded_name: str, scope: Scope) -> None:
    """Delete the decision about a name; for `everything`, in every scope."""
    ended = delete(ExcludedName).where(ExcludedName.folded_name == folded_name)
    if scope != "everything":
        ended = ended.where(ExcludedName.scope == scope)
    work.execute(ended)
