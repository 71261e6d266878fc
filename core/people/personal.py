"""What is kept about a viewer's accounts, links and attempts."""

from typing import Any

from sqlalchemy import Connection, delete, select

from core.events import AccountUnlinked
from core.inbox import actions as inbox
from core.kit.personal import Personal, Subject
from core.kit.privacy import personal_data
from core.people import store
from core.people.exclusions.records import ExcludedName, Exclusion
from core.people.linking.tables import attempts
from core.people.linklog import actions as linklog
from core.people.panels.records import Panel
from core.people.records import Link, Viewer

RECORDS = personal_data(Panel, Exclusion, ExcludedName)


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Accounts, attempts to link one, panels that they posted as an admin."""
    return {
        "linked_accounts": _accounts(tx, subject),
        "attempts_to_link": _attempts(tx, subject),
        **RECORDS.collect(tx, subject),
    }


def _accounts(tx: Connection, subject: Subject) -> list[dict[str, Any]]:
    found = tx.execute(
        select(
            Viewer.platform,
            Viewer.platform_user_id.label("user_id_there"),
            Viewer.name.label("name_there"),
            Viewer.named_at.label("name_seen_at"),
            Link.linked_at,
        )
        .join(
            Link,
            (Link.guild_id == Viewer.guild_id) & (Link.viewer_id == Viewer.viewer_id),
        )
        .where(Viewer.guild_id == subject.guild_id, Link.discord_id == subject.discord_id)
    )
    return [dict(row) for row in found.mappings()]


def _attempts(tx: Connection, subject: Subject) -> list[dict[str, Any]]:
    found = tx.execute(
        select(
            attempts.c.asked_at,
            attempts.c.discord_name.label("your_name_on_discord"),
            attempts.c.discord_handle.label("your_handle_on_discord"),
            attempts.c.avatar_url.label("your_picture"),
            attempts.c.started_at.label("left_for_kick_at"),
            attempts.c.finished_at.label("came_back_at"),
            attempts.c.outcome,
        )
        .where(_of_attempts(subject))
        .order_by(attempts.c.asked_at)
    )
    return [dict(row) for row in found.mappings()]


def _of_attempts(subject: Subject) -> Any:
    return (attempts.c.guild_id == subject.guild_id) & (attempts.c.discord_id == subject.discord_id)


def forget(tx: Connection, subject: Subject) -> None:
    """Unlink, and leave a pseudonym with a keyed fingerprint of the account."""
    for account in subject.accounts:
        link = store.find_link(tx, subject.guild_id, subject.discord_id, account.platform)
        if link is not None and store.end_link(tx, link):
            _tell(tx, subject, link)
    store.set_forgotten(tx, subject)
    tx.execute(delete(attempts).where(_of_attempts(subject)))
    RECORDS.forget(tx, subject)
    linklog.log_forgotten(tx, subject)


def _tell(tx: Connection, subject: Subject, link: Link) -> None:
    """The features above hear it as an unlink, and take back what hung on the link."""
    inbox.publish(
        tx,
        AccountUnlinked(
            key=f"{link.platform}:{link.viewer_id}:{link.discord_id}:{subject.at.isoformat()}",
            guild_id=subject.guild_id,
            at=subject.at,
            platform=link.platform,
            discord_id=link.discord_id,
            viewer_id=link.viewer_id,
        ),
    )


PERSONAL = Personal(
    tables=(
        "people_viewers",
        "people_links",
        "people_link_attempts",
        "people_tombstones",
        *RECORDS.tables,
    ),
    collect=collect,
    forget=forget,
)
