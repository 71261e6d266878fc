"""The connection with Twitch on the dashboard: accounts, checks, and the listener."""

import asyncio

from flask import Response, flash, redirect, url_for

from core.kit.database.records import MemberId
from core.kit.database.work import Work, note_change
from core.kit.errors import Refusal
from core.kit.oauth.pages import begin
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep
from core.twitch import health, messages
from core.twitch.accounts import actions, connect, leaving
from core.twitch.accounts.records import Role, TwitchConnectAttempt
from core.twitch.accounts.rules import missing_words, scope_reason, scope_words
from core.twitch.bodies import KINDS
from core.twitch.chat import selftest
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
        missing_words=missing_words,
    )


def _role(page: Page) -> Role:
    return "bot" if page.form.get("role") == "bot" else "streamer"


@PAGES.post("connect", shows=connection)
def link_account(page: Page) -> Response:
    """To the page on which the streamer, or the owner of the bot's account, connects it."""
    attempt = TwitchConnectAttempt(
        role=_role(page),
        asked_by=MemberId(page.person.discord_id),
        asked_by_name=page.member.name,
        asked_at=page.services.clock(),
        streamer_id=page.person.twitch_id,
    )
    page.run(actions.open_attempt, attempt)
    return begin(page, connect.make_link(page.services, attempt), attempt.link_id)


@PAGES.post("disconnect", shows=connection)
def disconnect(page: Page) -> Response:
    """Forget an account, and revoke its token; if wanted, once what would stay on Twitch has
    ended."""
    if page.form.get("end") and (held := page.run(leaving.end_first)):
        ending = _("{held} That is being ended on Twitch. The account is disconnected after that.")
        return page.done(ending.format(held=held))
    account = page.run(actions.disconnect_account, _role(page))
    if account is None:
        raise Refusal(_("No Twitch account is connected."))
    is_revoked = connect.revoke_token(page.services, account)
    done = (
        _("{name} is disconnected, and its token is revoked.")
        if is_revoked
        else _("{name} is disconnected. Twitch did not answer, so remove the app there, too.")
    )
    if page.person.is_streamer and account.role == "streamer":
        # They can no longer open this page.
        flash(done.format(name=account.name), "success")
        return redirect(url_for("dashboard.picker"), 303)  # type: ignore[return-value]
    return page.done(done.format(name=account.name))


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


@PAGES.post("selftest", shows=connection)
def test_chat(page: Page) -> Response:
    """Send a line to Twitch's chat and wait for it to come back."""
    result = asyncio.run(selftest.run(page.services, page.guild.id))
    embed = messages.selftest(result)
    if result.returned_after is None:
        raise Refusal(embed.title or "", embed.description or "")
    return page.done(_("A line went to Twitch's chat and came back."))


def setup(page: Page) -> list[SetupStep]:
    """For the checklist; only where this installation has a Twitch app."""
    settings = page.services.settings
    if settings.twitch_client_id is None:
        return []

    def load(work: Work) -> tuple[bool, bool, str]:
        account, channel = actions.find_account(work), actions.find_channel(work)
        if account is None:
            return False, True, _("Only if you also stream on Twitch.")
        state, found, remedy = health.account_state(account, channel, work.now)
        return state == "ok", False, f"{found} {remedy}".rstrip()

    is_done, is_optional, text = page.run(load)
    url = f"{page.url_of(PAGES, connection)}#streamer-title"
    title = _("Link the streamer's Twitch account")
    return [SetupStep(title, is_done, text, url, _("Link Twitch account"), 50, is_optional)]
