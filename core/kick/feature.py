"""Declares the Kick package."""

from core.guilds.settings import ADMIN_CHANNEL
from core.kick import alerts, messages, tasks
from core.kick import pages as dashboard
from core.kick.accounts import pages as accounts
from core.kick.accounts.actions import ACCOUNT
from core.kick.bodies import FEED, POLL, WEBHOOK
from core.kick.discord import KickAccounts, KickChecks, KickDisconnectButton, KickLinkButton
from core.kick.events import events_of
from core.kick.feed.frames import translate as translate_feed
from core.kick.feed.listener import FeedListener
from core.kick.feed.store import check_health as check_feed
from core.kick.health import (
    check_chat,
    check_deliveries,
    check_unverified,
    check_webhooks,
)
from core.kick.intake.rules import AlertSettings
from core.kick.personal import PERSONAL
from core.kick.review import credit
from core.kick.review import pages as review
from core.kick.review.discord import Missed, ReviewButton
from core.kick.review.discord import alert as review_alert
from core.kick.review.rules import ReviewSettings
from core.kick.review.tasks import TASKS as REVIEW_TASKS
from core.kick.review.tasks import check_health as check_review
from core.kick.webhooks import pages
from core.kit.feature import Feature
from core.kit.text.words import N_, _

FEATURE = Feature(
    "kick",
    cogs=(KickAccounts, KickChecks, Missed),
    pages=(pages, accounts.pages),
    tasks=(*tasks.TASKS, *alerts.TASKS, *REVIEW_TASKS),
    lines={"kick.line": lambda payload: str(payload["text"])},
    embeds={
        "kick.primary": messages.primary_changed,
        "kick.no_events": messages.no_events,
        "kick.no_events_over": messages.no_events_over,
        "kick.wrong_chatroom": messages.wrong_chatroom,
        "kick.missed": review_alert,
    },
    settings=(
        ADMIN_CHANNEL,
        *AlertSettings.declared.values(),
        *ReviewSettings.declared.values(),
    ),
    buttons=(KickLinkButton, KickDisconnectButton, ReviewButton),
    translates={
        WEBHOOK: events_of,
        POLL: events_of,
        FEED: translate_feed,
        credit.BY_ADMIN: credit.translate,
        credit.BY_FEED: credit.translate,
    },
    checks=(
        check_webhooks,
        check_unverified,
        ACCOUNT.check_health,
        check_deliveries,
        check_feed,
        check_chat,
        check_review,
    ),
    runs=(FeedListener,),
    audit={
        "kick.missed.credited": N_("credited missed event {target}"),
        "kick.missed.dismissed": N_("dismissed missed event {target}"),
        "kick.missed.taken_back": N_("took back duplicate {target}"),
        "kick.say": N_("wrote in Kick chat: {after}"),
        "kick.channel": lambda before, after: (
            _("chose the Kick channel {after} (was {before})")
            if before
            else _("chose the Kick channel {after}")
        ),
        "kick.chatroom": N_("set the chatroom ID to {after} (was {before})"),
        "kick.site_channel": N_("set the website channel ID to {after} (was {before})"),
        "kick.connect": N_("connected the Kick account {target}"),
        "kick.disconnect": N_("disconnected the Kick account {target}"),
        "kick.primary": N_(
            "made {after} the server that answers in the chat of {target} (was {before})"
        ),
    },
    dashboard=(dashboard.PAGES, review.PAGES, dashboard.LOG),
    stats=dashboard.stats,
    setup=dashboard.setup,
    personal=PERSONAL,
)
