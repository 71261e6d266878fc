"""Timed work for Kick: maintain channels and subscriptions, and poll livestreams."""

from collections.abc import Callable
from datetime import timedelta

from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick import store
from core.kick.accounts.actions import rename_channels
from core.kick.accounts.channels import follow_environment, look_up_missing
from core.kick.accounts.connect import forget_old_attempts
from core.kick.accounts.tokens import renew_due
from core.kick.bodies import POLL
from core.kick.client import Livestream, client_of
from core.kick.intake import store as intake
from core.kick.intake.pruning import prune
from core.kick.intake.reconcile import followed_channels, reconcile
from core.kick.intake.unverified import SECONDS as VERIFY_SECONDS
from core.kick.intake.unverified import verify_deliveries
from core.kick.wire import KickRejected
from core.kit.errors import Outage, Refusal
from core.kit.feature import Task
from core.kit.services import Services

MOST_AT_ONCE = 100
"""Channels that Kick takes in one question about livestreams."""

SHORT_GAP = timedelta(minutes=1)
"""Beyond three missed polls, the longest gap that still counts as watched."""


def tune_in(services: Services) -> None:
    """Find the channel of KICK_CHANNEL and put every channel's subscriptions in order. Trouble with
    one of these does not stop the others.

    Raises:
        Refusal: a setting is missing or wrong, in words for the health page.
        Outage: Kick is away.
    """
    if services.settings.kick_client_id is None or services.settings.kick_client_secret is None:
        raise Refusal("KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set.")
    # The numbers of a channel that was tied just now: the realtime feed waits for them.
    steps = (follow_environment, reconcile, look_up_missing)
    troubles = [trouble for step in steps if (trouble := _attempt(step, services)) is not None]
    if troubles:
        raise troubles[0]


def _attempt(step: Callable[[Services], None], services: Services) -> Refusal | Outage | None:
    try:
        step(services)
    except (Refusal, Outage) as trouble:
        return trouble
    except KickRejected as rejected:
        app = "Please check KICK_CLIENT_ID and KICK_CLIENT_SECRET."
        return Refusal(f"{str(rejected).rstrip('.')}.", app if rejected.status == 401 else "")
    return None


def learn_own_account(services: Services) -> None:
    """Whose KICK_BOT_USER_TOKEN is.

    Raises:
        Refusal: Kick does not take it (any more).
        Outage: Kick is away.
    """
    token = services.settings.kick_bot_user_token
    if token is None:
        return
    try:
        account = client_of(services.settings).account_of(token.get_secret_value())
    except KickRejected as rejected:
        raise Refusal(
            f"Kick does not take KICK_BOT_USER_TOKEN ({rejected.status}).",
            "Such a token ends after two hours: make a new one, or better remove it and let the "
            "streamer run /connect_kick.",
        ) from rejected
    with services.database.begin() as tx:
        store.set_bot(tx, account.kick_user_id, account.name)


def poll_livestreams(services: Services) -> None:
    """Ask Kick who is live, and write the answer into the inbox like every other event."""
    followed = followed_channels(services)
    client = client_of(services.settings)
    refusals: list[Refusal] = []
    for start in range(0, len(followed), MOST_AT_ONCE):
        some = followed[start : start + MOST_AT_ONCE]
        try:
            live = {one.broadcaster_user_id: one for one in client.list_live(some)}
        except KickRejected as rejected:
            refusals.append(Refusal(str(rejected)))
        else:
            _write_down(services, some, live)
    if refusals:
        raise refusals[0]


def _write_down(services: Services, asked: list[int], live: dict[int, Livestream]) -> None:
    now = services.clock()
    starts = {user_id: live[user_id].started_at if user_id in live else None for user_id in asked}
    gap = timedelta(seconds=3 * services.settings.live_poll_seconds) + SHORT_GAP
    with services.database.begin() as tx:
        rename_channels(tx, {user_id: one.slug for user_id, one in live.items() if one.slug})
        intake.set_status_checks(tx, starts, now, now - gap)
        for user_id in asked:
            stream = live.get(user_id)
            body = {
                "broadcaster": {"user_id": user_id},
                "seen_at": now.isoformat(),
                "started_at": stream.started_at.isoformat() if stream else None,
                "title": stream.title if stream else None,
            }
            inbox.receive(
                tx,
                Delivery(
                    POLL,
                    f"{user_id}@{now.isoformat()}",
                    "poll.livestream",
                    f"kick:{user_id}",
                    body,
                    now,
                ),
            )


def look_up_channels(services: Services) -> None:
    """Look up what is not known of channels yet, and delete old links."""
    forget_old_attempts(services)
    look_up_missing(services)


TASKS = (
    Task("kick.tune_in", every=lambda settings: settings.subscription_check_seconds, run=tune_in),
    Task("kick.bot_account", every=lambda _settings: 600, run=learn_own_account),
    Task("kick.prune", every=lambda _settings: 3600, run=prune),
    Task("kick.unverified", every=lambda _settings: VERIFY_SECONDS, run=verify_deliveries),
    # Due ten minutes before its end, so nine runs may fail.
    Task("kick.tokens", every=lambda _settings: 60, run=renew_due),
    Task("kick.channels", every=lambda _settings: 600, run=look_up_channels),
    Task("kick.live", every=lambda settings: settings.live_poll_seconds, run=poll_livestreams),
)
