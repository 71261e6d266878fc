"""The connection with Kick on the dashboard: channel, account, checks, and the webhook log."""

import asyncio
import json
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Response, abort, request

from core.guilds.setting_fields import add_settings, setting_fields
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import find_channel
from core.kick import health, messages
from core.kick.accounts import actions, channels, connect, primary
from core.kick.accounts.records import Account, ConnectAttempt, KnownChannel
from core.kick.accounts.rules import missing_words, scope_words
from core.kick.accounts.store import find_account
from core.kick.bodies import PLATFORM, WEBHOOK_KINDS
from core.kick.chat import selftest
from core.kick.intake.log import (
    Filter,
    count_stored,
    count_unattributed,
    find_body,
    list_newest_lines,
)
from core.kick.intake.records import LogLine
from core.kick.intake.rules import LATE, AlertSettings
from core.kick.intake.store import list_subscriptions
from core.kick.review.rules import ReviewSettings
from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.oauth.pages import begin
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep, Stat, local_time, whole_number

PAGES = GuildPages("kick", lambda: _("Kick connection"), icon="plug-connected", order=10)
LOG = GuildPages("webhooks", lambda: _("Webhook log"), icon="mailbox", order=85, group="kick")

SETTINGS = (
    ADMIN_CHANNEL,
    *AlertSettings.declared.values(),
    *ReviewSettings.declared.values(),
)
MAX_LINES = 1000
MAX_COUNTED = 100_000
OUTCOMES = ("stored", "seen", "unverified", "stale")
"""Of deliveries that belong to a server."""
PER_PAGE = 50


_BELOW = {
    "kick_channel": "channel-title",
    "chatroom ID": "numbers-title",
    "OAuth token": "account-title",
}
"""Name of a check -> the part of the page where it can be fixed."""


@PAGES.get()
def connection(page: Page) -> str:
    """Everything that the Kick side of the server needs."""

    def load(work: Work) -> dict[str, object]:
        channel = find_channel(work.tx, work.guild_id, PLATFORM)
        account, known = work.find(Account), work.find(KnownChannel)
        described = primary.describe(work) if channel else None
        lines = health.examine(work, page.services, (described, account) if described else None)
        return {
            "lines": [line for line in lines if line.name not in WEBHOOK_KINDS],
            "webhooks": [line for line in lines if line.name in WEBHOOK_KINDS],
            "channel": channel,
            "account": account,
            "known": known,
            "primary": described,
        }

    with page.together():
        found, fields = page.run(load), setting_fields(page, SETTINGS)
    return page.render(
        "kick_dashboard/connection.html",
        **found,
        below=_BELOW,
        scope_words=scope_words,
        missing_words=missing_words,
        fields=fields,
    )


@PAGES.post("channel", shows=connection)
def choose_channel(page: Page) -> Response:
    """Follow another channel."""
    name = page.form.get("channel", "").strip()
    if not name:
        raise Refusal(_("Enter the channel's name as in kick.com/<name>."))
    chosen = connect.choose(page.services, page.guild.id, name, page.person.discord_id)
    return page.done(_("This server now follows {channel}.").format(channel=chosen.slug))


@PAGES.post("connect", shows=connection)
def link_account(page: Page) -> Response:
    """To the page on which the streamer connects the account."""
    attempt = ConnectAttempt(
        asked_by=MemberId(page.person.discord_id),
        asked_by_name=page.member.name,
        asked_at=page.services.clock(),
    )
    page.run(actions.open_attempt, attempt)
    link = connect.FLOW.make_link(page.services.settings, attempt, page.person.discord_id)
    return begin(page, link, attempt.link_id)


@PAGES.post("disconnect", shows=connection)
def disconnect(page: Page) -> Response:
    """Forget the account, and revoke its tokens."""
    ended = connect.disconnect(page.services, page.guild.id, page.person.discord_id)
    if ended is None:
        raise Refusal(_("No Kick account is connected."))
    account, is_revoked = ended
    done = (
        _("{name} is disconnected, and its tokens are revoked.")
        if is_revoked
        else _("{name} is disconnected. Kick did not answer, so remove the app there, too.")
    )
    return page.done(done.format(name=account.name))


@PAGES.post("chatroom", shows=connection)
def type_numbers(page: Page) -> Response:
    """Set the numbers of Kick's website by hand."""
    chatroom_id = whole_number(page.form, "chatroom_id", _("Chatroom ID"))
    site_channel_id = None
    if page.form.get("site_channel_id", "").strip():
        site_channel_id = whole_number(page.form, "site_channel_id", _("Channel ID"))
    typed = channels.type_numbers(
        page.services, page.guild.id, chatroom_id, site_channel_id, page.person.discord_id
    )
    if typed.known.chatroom_id is None:
        return page.done(_("Chatroom ID cleared."))
    return page.done(_("Chatroom ID set to {id}.").format(id=typed.known.chatroom_id))


@PAGES.post("primary", shows=connection)
def choose_primary(page: Page) -> Response:
    """Let another server answer in Kick's chat, or this one if none is named."""
    if other := page.form.get("server", ""):
        found = page.run(primary.hand_over, other)
    else:
        current = page.run(primary.find_current)
        member = page.discord.member(current, page.person.discord_id) if current else None
        manages = current if member is not None and member.is_admin else None
        found = page.run(primary.claim, manages=manages)
    return page.done(_("{server} now answers in Kick chat.").format(server=found.server))


@PAGES.post("sync", shows=connection)
def sync(page: Page) -> Response:
    """Look up the channel's name and ids again."""
    found = channels.sync(page.services, page.guild.id)
    if found.site_trouble and found.known.chatroom_id is None:
        raise Refusal(
            _("Kick's website did not return the chatroom ID ({reason}).").format(
                reason=found.site_trouble
            ),
            _("Enter it below, or try again later."),
        )
    return page.done(_("Synced from Kick: {channel}.").format(channel=found.slug))


@PAGES.post("selftest", shows=connection)
def test_chat(page: Page) -> Response:
    """Send a line to Kick's chat and wait for it to come back."""
    result = asyncio.run(selftest.run(page.services, page.guild.id))
    embed = messages.selftest(result)
    if result.returned_after is None:
        raise Refusal(embed.title or "", embed.description or "")
    return page.done(_("A line went to Kick's chat and came back."))


add_settings(PAGES, SETTINGS, shows=connection)


@LOG.get()
def log(page: Page) -> str:
    """The latest deliveries from Kick."""

    wanted = Filter(
        request.args.get("kind", ""),
        request.args.get("outcome", ""),
        page.day("since"),
        page.day("until", after=1),
    )

    def load(work: Work) -> tuple[list[LogLine], dict[str, int]]:
        newest = list_newest_lines(work.tx, work.guild_id, MAX_LINES, wanted)
        return newest, count_unattributed(work.tx, work.now - timedelta(days=1))

    lines, unattributed = page.run(load)
    number, pages = nearest_page(page.number("page"), len(lines), PER_PAGE)
    words = messages.outcome_words
    return page.render(
        "kick_dashboard/log.html",
        lines=lines[(number - 1) * PER_PAGE : number * PER_PAGE],
        number=number,
        pages=pages,
        kinds=[(kind, kind) for kind in sorted(WEBHOOK_KINDS)],
        outcomes=[(outcome, words(outcome)) for outcome in OUTCOMES],
        asked=request.args,
        unattributed={words(name): count for name, count in unattributed.items()},
        outcome_words=words,
        late=LATE.total_seconds(),
        maximum=MAX_LINES,
    )


@LOG.get("<delivery_id>")
def delivery(page: Page, delivery_id: str) -> str:
    """One delivery with its body."""
    found = page.run(lambda work: find_body(work.tx, work.guild_id, delivery_id))
    if found is None:
        abort(404)
    line, body = found
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return page.render("kick_dashboard/delivery.html", line=line, body=text)


# -- parts of other pages -------------------------------------------------------------------------


def stats(work: Work) -> list[Stat]:
    """For the overview."""
    count = count_stored(work.tx, work.guild_id, work.now - timedelta(hours=1), MAX_COUNTED)
    value = f"{count:,}+" if count == MAX_COUNTED else f"{count:,}"
    return [Stat(_("Webhooks in the last hour"), value, pages="webhooks", icon=LOG.icon)]


def setup(page: Page) -> list[SetupStep]:
    """For the checklist."""
    steps = page.run(_checks, page.time_zone)
    url = page.url_of(PAGES, connection)
    buttons = (
        (10, _("Kick connection"), "channel-title"),
        (20, _("Link Kick account"), "account-title"),
        (30, _("Sync from Kick"), "numbers-title"),
        (40, _("Check the webhooks"), "checks-title"),
        (45, _("Chat self-test"), "checks-title"),
    )
    return [
        SetupStep(title, is_done, text, f"{url}#{part}", button, order)
        for (order, button, part), (title, is_done, text) in zip(buttons, steps, strict=True)
    ]


def _checks(work: Work, zone: ZoneInfo) -> list[tuple[str, bool, str]]:
    """What has to be done, whether it is, and how it is."""
    channel = find_channel(work.tx, work.guild_id, PLATFORM)
    titles = (
        _("Enter the name of the Kick channel"),
        _("Link the streamer's Kick account"),
        _("Sync from Kick"),
        _("Receive Kick's webhooks"),
        _("Test the chat"),
    )
    if channel is None:
        first = _("As in its address: kick.com/name.")
        return [
            (title, False, first if n == 0 else _("Comes after the channel."))
            for n, title in enumerate(titles)
        ]
    state, found, _remedy = health.account_state(
        find_account(work.tx, work.guild_id), channel, work.now
    )
    if state == "down":
        found += " " + _("Only the streamer can link it, on Kick's own page.")
    known = work.find(KnownChannel)
    chatroom = known.chatroom_id if known else None
    ids = _("broadcaster id {channel}, chatroom id {chatroom}").format(
        channel=channel.channel_id, chatroom=chatroom or _("unknown")
    )
    missing = _missing_webhooks(work, channel.channel_id)
    if missing:
        webhooks = _("Missing: {kinds}. It is tried again every 10 minutes.").format(
            kinds=", ".join(missing)
        )
    else:
        webhooks = _("Kick sends every type of event.")
    test = health.find_selftest(work)
    if test is None or test.at is None:
        tested = False, _("Send a line to Kick's chat and see it come back.")
    else:
        tested = test.state == "ok", f"{local_time(test.at, zone)}: {test.found}"
    done = (
        (True, channel.slug),
        (state == "ok", found),
        (chatroom is not None, ids),
        (not missing, webhooks),
        tested,
    )
    return [(title, *how) for title, how in zip(titles, done, strict=True)]


def _missing_webhooks(work: Work, broadcaster_user_id: int) -> list[str]:
    found = list_subscriptions(work.tx, broadcaster_user_id)
    subscribed = {known.kind for known in found if known.subscription_id is not None}
    return [kind for kind in WEBHOOK_KINDS if kind not in subscribed]
