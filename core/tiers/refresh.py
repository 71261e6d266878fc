"""Reads Twitch's subscriber list, outside of transactions."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import cast

import structlog
from sqlalchemy import delete, select

from core.guilds import store as guilds
from core.kit.database.work import Work, note_change
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.tasks import for_each, slices
from core.people.records import Viewer
from core.tiers import store
from core.tiers.records import DueResync
from core.tiers.rules import Tier
from core.tiers.store import TierReport
from core.twitch.accounts.actions import find_account
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import PLATFORM
from core.twitch.client import MAX_IDS_PER_REQUEST, client_of
from core.twitch.wire import TwitchRejected

SCOPE = "channel:read:subscriptions"
FRESH = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


def refresh(services: Services, guild_id: int, viewer_ids: Collection[int]) -> bool:
    """Fetch the tiers of these viewers from Twitch, except those fetched in the last minute. False
    if that was not possible: not connected, no permission, or Twitch is down."""
    try:
        return _refresh(services, guild_id, viewer_ids)
    except (Outage, Refusal, TwitchRejected) as trouble:
        _log.info("Reading Twitch subscribers failed", reason=str(trouble))
        return False


def _refresh(services: Services, guild_id: int, viewer_ids: Collection[int]) -> bool:
    with services.work_in(guild_id) as work:
        asked_at, channel_id = work.now, _find_channel(work)
        viewers = _list_user_ids(work, _without_fresh(work, viewer_ids))
    if channel_id is None or not viewers:
        return False
    tiers: dict[int, str] = {}
    for some in slices(sorted(viewers), MAX_IDS_PER_REQUEST):
        tiers |= _ask(services, guild_id, channel_id, some)
    with services.work_in(guild_id) as work:
        reports = [
            TierReport(
                guild_id, viewer_id, "list", cast("Tier", tiers.get(user_id, "none")), asked_at
            )
            for user_id, viewer_id in viewers.items()
        ]
        store.set_tiers(work.tx, reports)
        note_change(work.tx, guild_id, "tiers")
    return True


def resync(services: Services) -> None:
    """Read the whole list after missed events. It stays due while Twitch is down; without
    permission it is due again when the streamer reconnects."""
    with services.database.begin() as tx:
        due = store.list_due(tx)
    for_each(due, lambda resync: _resync(services, resync))


def _resync(services: Services, due: DueResync) -> None:
    guild_id = due.guild_id
    try:
        _read_all(services, guild_id)
    except (Refusal, TwitchRejected) as trouble:
        _log.info("Reading Twitch subscribers failed", reason=str(trouble))
    with services.work_in(guild_id) as work:  # unless there was another gap
        work.execute(delete(DueResync).where(DueResync.since == due.since))


def _read_all(services: Services, guild_id: int) -> None:
    with services.work_in(guild_id) as work:
        asked_at, channel_id = work.now, _find_channel(work)
    if channel_id is None:
        return
    tiers = _ask(services, guild_id, channel_id)
    with services.work_in(guild_id) as work:
        absent = store.set_listed(work, tiers, asked_at)
        note_change(work.tx, guild_id, "tiers")
    # A list that changes while it is read may be incomplete, so fetch the others by id.
    _refresh(services, guild_id, absent)


def _find_channel(work: Work) -> int | None:
    """The streamer's channel on Twitch, if they let us read its subscribers."""
    account, channel = find_account(work), guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    if account is None or channel is None or SCOPE not in account.scopes:
        return None
    return channel.channel_id


def _list_user_ids(work: Work, viewer_ids: Collection[int]) -> dict[int, int]:
    """Twitch user id -> viewer id."""
    of_twitch = Viewer.viewer_id.in_(list(viewer_ids)), Viewer.platform == PLATFORM
    known = select(Viewer.platform_user_id, Viewer.viewer_id)
    rows = work.execute(known.where(*of_twitch, Viewer.platform_user_id > 0))
    return {int(user_id): int(viewer_id) for user_id, viewer_id in rows}


def _without_fresh(work: Work, viewer_ids: Collection[int]) -> list[int]:
    known = store.list_known(work, viewer_ids)
    return [
        viewer_id
        for viewer_id in viewer_ids
        if not any(
            report.source == "list" and work.now - report.at < FRESH
            for report in known.get(viewer_id, ())
        )
    ]


def _ask(
    services: Services, guild_id: int, channel_id: int, user_ids: Sequence[int] | None = None
) -> dict[int, str]:
    """Twitch user id -> tier of all subscribers, or of those among at most 100 users."""
    client, token = client_of(services.settings), user_token(services, guild_id, "streamer")
    try:
        subscribers = list(client.list_subscribers(token, channel_id, user_ids))
    except TwitchRejected as rejected:
        if rejected.status != 401:
            raise
        token = refresh_after_401(services, guild_id, "streamer", token)
        subscribers = list(client.list_subscribers(token, channel_id, user_ids))
    return {subscriber.user_id: subscriber.tier for subscriber in subscribers}
