"""What the Twitch package declares."""

from core.kit.feature import Feature
from core.kit.text.words import N_, _
from core.twitch import pages as dashboard
from core.twitch import tasks
from core.twitch.accounts.actions import ACCOUNTS
from core.twitch.api import API
from core.twitch.bodies import POLL, SOCKET, WEBHOOK
from core.twitch.consent import pages as consent
from core.twitch.discord import (
    Twitch,
    TwitchBotDisconnectButton,
    TwitchBotLinkButton,
    TwitchDisconnectButton,
    TwitchEndButton,
    TwitchLinkButton,
)
from core.twitch.events import events_of
from core.twitch.eventsub.listener import TwitchListener
from core.twitch.health import check_subscriptions
from core.twitch.personal import PERSONAL
from core.twitch.webhooks import pages

FEATURE = Feature(
    "twitch",
    cogs=(Twitch,),
    pages=(pages, consent.pages),
    tasks=tasks.TASKS,
    lines={"twitch.line": lambda payload: str(payload["text"])},
    buttons=(
        TwitchLinkButton,
        TwitchBotLinkButton,
        TwitchDisconnectButton,
        TwitchBotDisconnectButton,
        TwitchEndButton,
    ),
    translates={WEBHOOK: events_of, SOCKET: events_of, POLL: events_of},
    checks=(*(kind.check_health for kind in ACCOUNTS.values()), check_subscriptions),
    runs=(TwitchListener,),
    audit={
        "twitch.say": N_("wrote in Twitch chat: {after}"),
        "twitch.channel": lambda before, after: (
            _("chose the Twitch channel {after} (was {before})")
            if before
            else _("chose the Twitch channel {after}")
        ),
        "twitch.connect": N_("connected the Twitch account {target} ({after})"),
        "twitch.disconnect": N_("disconnected the Twitch account {target}"),
    },
    dashboard=dashboard.PAGES,
    setup=dashboard.setup,
    api=API,
    personal=PERSONAL,
)
