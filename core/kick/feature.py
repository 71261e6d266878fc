"""What the Kick package declares."""

from datetime import datetime

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.settings import ADMIN_CHANNEL
from core.inbox.store import find_newest
from core.kick.accounts import embeds
from core.kick.accounts import pages as accounts
from core.kick.accounts.buttons import LinkButton
from core.kick.accounts.checks import check_health as check_accounts
from core.kick.accounts.commands import KickAccounts
from core.kick.accounts.tasks import TASKS as ACCOUNT_TASKS
from core.kick.alerts import messages as alerts
from core.kick.alerts.selftest import SELFTEST
from core.kick.alerts.tasks import TASKS as ALARM_TASKS
from core.kick.chat.checks import check_health as check_chat
from core.kick.chat.commands import KickChecks
from core.kick.feed.frames import SOURCE as FEED_SOURCE
from core.kick.feed.listener import FeedListener
from core.kick.feed.store import check_health as check_feed
from core.kick.feed.translate import translate as translate_feed
from core.kick.intake.commands import WebhookLogbook
from core.kick.intake.health import check_health as check_intake
from core.kick.intake.settings import NO_EVENTS_MINUTES
from core.kick.intake.store import source_of_chat
from core.kick.personal import PERSONAL
from core.kick.review import credit as misses
from core.kick.review.discord import Missed, ReviewButton
from core.kick.review.discord import alert as review_alert
from core.kick.review.rules import ReviewSettings
from core.kick.review.tasks import TASKS as REVIEW_TASKS
from core.kick.review.tasks import check_health as check_review
from core.kick.tasks import POLL_SOURCE, TASKS
from core.kick.translate import PLATFORM, translate
from core.kick.unverified import check_health as check_unverified
from core.kick.webhooks import SOURCE, pages
from core.kit.feature import Feature
from core.kit.health_item import HealthItem
from core.kit.words import _, plural


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Whether Kick has been heard, for the health page."""
    channels = guilds.list_channels(tx, PLATFORM)
    if not channels:
        return [HealthItem("Kick channel", "warn", "No channel is tied to a server yet.")]
    if all(source_of_chat(tx, channel.channel_id) != SOURCE for channel in channels):
        return []  # no webhook can come; how the realtime feed is heard has lines of its own
    newest = find_newest(tx, SOURCE, [f"{PLATFORM}:{one.channel_id}" for one in channels])
    if newest is None:
        return [
            HealthItem(
                "Kick webhooks", "warn", "Nothing received yet. Write in your Kick chat to test it."
            )
        ]
    age = (now - newest).total_seconds()
    following = plural("Following {count} channel.", "Following {count} channels.", len(channels))
    return [HealthItem("Kick webhooks", "ok", following, age, age_of="received")]


FEATURE = Feature(
    "kick",
    cogs=(KickAccounts, KickChecks, WebhookLogbook, Missed),
    pages=(pages, accounts.pages),
    tasks=(*TASKS, *ALARM_TASKS, *ACCOUNT_TASKS, *REVIEW_TASKS),
    lines={"kick.line": lambda payload: str(payload["text"])},
    embeds={
        "kick.connected": embeds.connected,
        "kick.reconnect": embeds.reconnect,
        "kick.primary": embeds.primary_changed,
        "kick.no_events": alerts.no_events,
        "kick.no_events_over": alerts.no_events_over,
        "kick.wrong_chatroom": alerts.wrong_chatroom,
        "kick.missed": review_alert,
    },
    settings=(ADMIN_CHANNEL, NO_EVENTS_MINUTES, SELFTEST, *ReviewSettings.declared.values()),
    buttons=(LinkButton, ReviewButton),
    translates={
        SOURCE: translate,
        POLL_SOURCE: translate,
        FEED_SOURCE: translate_feed,
        misses.BY_ADMIN: misses.translate_admins,
        misses.BY_FEED: misses.translate_feeds,
    },
    checks=(
        check_health,
        check_unverified,
        check_accounts,
        check_intake,
        check_feed,
        check_chat,
        check_review,
    ),
    runs=(FeedListener,),
    audit={
        "kick.missed.credit": lambda before, after: _("credited missed event {target}"),
        "kick.missed.dismiss": lambda before, after: _("dismissed missed event {target}"),
        "kick.missed.take_back": lambda before, after: _("took back duplicate {target}"),
        "kick.say": lambda before, after: _("wrote in Kick chat: {after}"),
        "kick.channel": lambda before, after: (
            _("chose the Kick channel {after} (was {before})")
            if before
            else _("chose the Kick channel {after}")
        ),
        "kick.chatroom": lambda before, after: _("set the chatroom id to {after} (was {before})"),
        "kick.site_channel": lambda before, after: _(
            "set the channel id of the website to {after} (was {before})"
        ),
        "kick.connect": lambda before, after: _("connected the Kick account {target}"),
        "kick.disconnect": lambda before, after: _("disconnected the Kick account {target}"),
        "kick.primary": lambda before, after: _(
            "made {after} the server that answers in the chat of {target} (was {before})"
        ),
    },
    personal=PERSONAL,
)
