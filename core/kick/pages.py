"""The connection with Kick on the dashboard: channel, account, checks, and the webhook log."""

import json
from dataclasses import replace
from datetime import timedelta

from flask import Response, abort, request

from core.guilds.connections.pages import (
    account_step,
    add_chat_test,
    add_disconnect,
    add_link,
    chat_step,
)
from core.guilds.setting_fields import add_settings, setting_fields
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel, find_channel
from core.kick import health, messages
from core.kick.accounts import actions, channels, connect, primary
from core.kick.accounts.records import Account, KnownChannel
from core.kick.accounts.rules import scope_words
from core.kick.bodies import PLATFORM, WEBHOOK_KINDS
from core.kick.chat.actions import CHAT
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
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep, Stat, whole_number

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
"""Outcomes of deliveries that belong to a server."""
PER_PAGE = 50


_BELOW = {
    "kick_channel": "channel-title",
    "chatroom ID": "numbers-title",
    actions.ACCOUNT.label: "account-title",
}
"""Name of a check -> the part of the page where it can be fixed."""


@PAGES.get()
def connection(page: Page) -> str:
    """Everything that the Kick side of the server needs."""

    def load(work: Work) -> dict[str, object]:
        channel = find_channel(work.tx, work.guild_id, PLATFORM)
        account, known = work.find(Account), work.find(KnownChannel)
        described = primary.describe(work) if channel else None
        lines = health.examine(work, page.services, described)
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
        kind=actions.ACCOUNT,
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


add_link(PAGES, connect.LINK, shows=connection)
add_disconnect(PAGES, actions.ACCOUNT, shows=connection)


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


add_chat_test(PAGES, CHAT, shows=connection)


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
    url = page.url_of(PAGES, connection)
    channel, chatroom, missing = page.run(_find_missing)
    name = channel.slug if channel else _("As in its address: kick.com/name.")
    ids = _("broadcaster id {channel}, chatroom id {chatroom}").format(
        channel=channel.channel_id if channel else "–", chatroom=chatroom or _("unknown")
    )
    webhooks = _("Kick sends every type of event.")
    if missing:
        lacks = _("Missing: {kinds}. It is tried again every 10 minutes.")
        webhooks = lacks.format(kinds=", ".join(missing))
    title, sync = _("Enter the name of the Kick channel"), _("Sync from Kick")
    receive, check = _("Receive Kick's webhooks"), _("Check the webhooks")
    is_set, checks = channel is not None, f"{url}#checks-title"
    steps = [
        SetupStep(title, is_set, name, f"{url}#channel-title", PAGES.title(), 10),
        account_step(page, actions.ACCOUNT, f"{url}#account-title", 20),
        SetupStep(sync, chatroom is not None, ids, f"{url}#numbers-title", sync, 30),
        SetupStep(receive, is_set and not missing, webhooks, checks, check, 40),
        chat_step(page, CHAT, checks, 45),
    ]
    if channel is None:
        later = _("Comes after the channel.")
        return [steps[0], *(replace(step, text=later) for step in steps[1:])]
    return steps


def _find_missing(work: Work) -> tuple[Channel | None, int | None, list[str]]:
    """The channel, its chatroom's id, and the types of events that Kick does not send."""
    channel, known = find_channel(work.tx, work.guild_id, PLATFORM), work.find(KnownChannel)
    missing = _missing_webhooks(work, channel.channel_id) if channel else []
    return channel, known.chatroom_id if known else None, missing


def _missing_webhooks(work: Work, broadcaster_user_id: int) -> list[str]:
    found = list_subscriptions(work.tx, broadcaster_user_id)
    subscribed = {known.kind for known in found if known.subscription_id is not None}
    return [kind for kind in WEBHOOK_KINDS if kind not in subscribed]
