"""The connection with Twitch on the dashboard: accounts, checks, and the listener."""

from flask import Response

from core.guilds.connections.pages import (
    account_step,
    add_chat_test,
    add_disconnect,
    add_link,
    chat_step,
)
from core.kit.database.work import Work, note_change
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep
from core.twitch import health
from core.twitch.accounts import actions, connect, leaving
from core.twitch.accounts.rules import scope_reason, scope_words
from core.twitch.bodies import KINDS
from core.twitch.chat.actions import CHAT
from core.twitch.eventsub.reconcile import reconcile
from core.twitch.eventsub.rules import transport_of
from core.twitch.eventsub.topics import RESTART
from core.twitch.wire import TwitchRejected

PAGES = GuildPages(
    "twitch", lambda: _("Twitch connection"), icon="plug-connected", order=12, for_streamer=True
)


@PAGES.get()
def connection(page: Page) -> str:
    """Everything that the Twitch side of the server needs."""
    settings = page.services.settings

    def load(work: Work) -> dict[str, object]:
        lines = health.examine(work, page.services)
        return {
            "lines": [line for line in lines if line.name not in KINDS],
            "events": [line for line in lines if line.name in KINDS],
            "channel": actions.find_channel(work),
            "held": leaving.describe(work),
            "accounts": {
                "streamer": actions.find_account(work),
                "bot": actions.find_account(work, "bot"),
            },
        }

    return page.render(
        "twitch_dashboard/connection.html",
        **page.run(load),
        is_ready=settings.twitch_client_id is not None
        and settings.twitch_client_secret is not None,
        scope_words=scope_words,
        scope_reason=scope_reason,
        kinds=actions.ACCOUNTS,
    )


add_link(PAGES, *connect.LINKS.values(), shows=connection)
add_disconnect(PAGES, *actions.ACCOUNTS.values(), shows=connection)


@PAGES.post("restart", shows=connection)
def restart(page: Page) -> Response:
    """Subscribe to everything again: by webhook now, by WebSocket within seconds."""
    if transport_of(page.services.settings) == "webhook":
        try:
            reconcile(page.services)
        except TwitchRejected as rejected:
            raise Refusal(str(rejected)) from rejected
    else:
        page.services.bus.publish(RESTART)

    def note(work: Work) -> None:
        note_change(work.tx, work.guild_id, "twitch")

    page.run(note)
    return page.done(_("Restarting the listener. This page shows the result in a few seconds."))


add_chat_test(PAGES, CHAT, shows=connection)


def setup(page: Page) -> list[SetupStep]:
    """For the checklist; only where this installation has a Twitch app."""
    settings = page.services.settings
    if settings.twitch_client_id is None:
        return []

    url, hint = page.url_of(PAGES, connection), _("Only if you also stream on Twitch.")
    step = account_step(page, actions.ACCOUNTS["streamer"], f"{url}#streamer-title", 50, hint)
    steps = [step]
    if not step.optional:
        steps.append(chat_step(page, CHAT, f"{url}#checks-title", 51, optional=True))
    return steps
