"""Handles subscriptions that Twitch revokes, and the removal of the app."""

from typing import Any

import structlog

from core.kit.services import Services
from core.twitch import store
from core.twitch.accounts.store import list_accounts
from core.twitch.accounts.tokens import TOKENS
from core.twitch.eventsub.rules import ended_words

_log = structlog.get_logger(__name__)


def on_subscription_ended(services: Services, subscription: dict[str, Any]) -> None:
    """Twitch revoked this subscription. The next run of `reconcile` creates it again, unless the
    streamer revoked the permission.
    """
    status = str(subscription.get("status") or "")
    _log.warning("Twitch revoked a subscription", kind=subscription.get("type"), status=status)
    with services.database.begin() as tx:
        trouble, now = ended_words(status), services.clock()
        store.end_subscription(tx, str(subscription.get("id") or ""), trouble, now)


def on_app_removed(services: Services, event: Any) -> None:
    """Somebody removed the app: their accounts must be connected again."""
    user_id = str(event.get("user_id") or "") if isinstance(event, dict) else ""
    with services.database.begin() as tx:
        accounts = list_accounts(tx)
    theirs = [account for account in accounts if str(account.twitch_user_id) == user_id]
    for account in theirs:
        TOKENS.end(services, account, "the app was removed on Twitch")
