"""Asks Twitch's list of subscribers, outside of transactions."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import cast

import structlog
from sqlalchemy import select

from core.guilds import store as guilds
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.tasks import slices
from core.kit.work import Work
from core.people.records import Viewer
from core.tiers import store
from core.tiers.rules import Tier
from core.tiers.store import Told
from core.twitch.accounts.actions import find_account
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import PLATFORM
from core.twitch.client import MOST_IN_A_QUESTION, client_of
from core.twitch.wire import TwitchRejected

SCOPE = "channel:read:subscriptions"
FRESH = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


def refresh(services: Services, guild_id: int, viewer_ids: Collection[int]) -> bool:
    """Ask Twitch which tier these viewers have, and keep it, also that they have none. Whom it was
    asked about in the last minute it is not asked again. False if nothing was asked, because Twitch
    is not connected, does not allow it, or does not answer: what is known counts then."""
    with services.work_in(guild_id) as work:
        viewer_ids = _without_fresh(work, viewer_ids)
        account, channel = find_account(work), guilds.find_channel(work.tx, guild_id, PLATFORM)
        of_twitch = Viewer.viewer_id.in_(list(viewer_ids)), Viewer.platform == PLATFORM
        rows = work.execute(
            select(Viewer.platform_user_id, Viewer.viewer_id).where(
                *of_twitch, Viewer.platform_user_id > 0
            )
        )
        viewers = {int(user_id): int(viewer_id) for user_id, viewer_id in rows}
    if account is None or channel is None or SCOPE not in account.scopes or not viewers:
        return False
    try:
        tiers = _ask(services, guild_id, channel.channel_id, sorted(viewers))
    except (Outage, Refusal, TwitchRejected) as trouble:
        _log.info("Twitch's subscribers could not be read", reason=str(trouble))
        return False
    with services.work_in(guild_id) as work:
        told = [
            Told(guild_id, viewer_id, "list", cast("Tier", tiers.get(user_id, "none")), work.now)
            for user_id, viewer_id in viewers.items()
        ]
        store.set_tiers(work.tx, told)
    return True


def _without_fresh(work: Work, viewer_ids: Collection[int]) -> list[int]:
    known = store.list_known(work, viewer_ids)
    return [
        viewer_id
        for viewer_id in viewer_ids
        if not any(
            one.source == "list" and work.now - one.at < FRESH for one in known.get(viewer_id, ())
        )
    ]


def _ask(
    services: Services, guild_id: int, channel_id: int, user_ids: Sequence[int]
) -> dict[int, str]:
    """Twitch user id -> tier of those who subscribe."""
    client, token = client_of(services.settings), user_token(services, guild_id, "streamer")
    found: dict[int, str] = {}
    for some in slices(user_ids, MOST_IN_A_QUESTION):
        try:
            subscribers = list(client.list_subscribers(token, channel_id, some))
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
            token = refresh_after_401(services, guild_id, "streamer", token)
            subscribers = list(client.list_subscribers(token, channel_id, some))
        found |= {one.user_id: one.tier for one in subscribers}
    return found
