"""Connecting the streamer's Kick account with a server.

No transaction is open while Kick is asked.
"""

import structlog

from core.guilds.actions import name_of
from core.guilds.connections.links import Link
from core.guilds.store import Channel
from core.kick.accounts import actions, channels, oauth, store
from core.kick.accounts.records import Account, KickConnectAttempt
from core.kick.accounts.rules import LINK_LASTS, STATE_LASTS, missing_words
from core.kick.client import KickClient, client_of
from core.kick.intake.reconcile import reconcile_channel
from core.kick.wire import KickRejected
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.kit.discord.ui import safe
from core.kit.errors import Outage
from core.kit.oauth.flow import OAuthFlow
from core.kit.oauth.signed_links import SignedLinks
from core.kit.oauth.tokens import Connected, GrantEnded, granted_columns
from core.kit.services import Services
from core.kit.text.words import _

FLOW = OAuthFlow(
    "kick_connect",
    SignedLinks("kick.connect", "/connect/kick", LINK_LASTS),
    KickConnectAttempt,
    oauth.CALLBACK,
    STATE_LASTS,
    "Kick",
    oauth.consent_url,
    actions.get_channel,
    again=lambda: _("In Discord, run /connect_kick to get a new link."),
    nothing=lambda: _("Nothing was connected."),
)


def _open(work: Work, attempt: KickConnectAttempt) -> str:
    channel = actions.open_attempt(work, attempt)
    return _(
        "This ties **{server}** to the channel **{channel}** on Kick. The streamer of that channel "
        "has to agree on Kick."
    ).format(server=safe(name_of(work)), channel=safe(channel.slug))


LINK = Link(actions.ACCOUNT, FLOW, _open)

_log = structlog.get_logger(__name__)


class WrongPerson(Exception):
    """Somebody other than the channel's streamer consented.

    Attributes:
        came: the account that consented.
        needed: the slug of the channel whose streamer is needed.
    """

    def __init__(self, came: str, needed: str) -> None:
        super().__init__("the account is not the channel's")
        self.came = came
        self.needed = needed


def choose(services: Services, guild_id: int, name: str | None, actor: int) -> Channel:
    """The channel to connect: the named one, which becomes the server's, or the configured one.

    Raises:
        Refusal: no channel is configured, or Kick does not know it.
        Outage: Kick does not answer.
    """
    if name is None:
        return channels.ensure_channel(services, guild_id)
    channel = channels.find_at_kick(services, guild_id, name)
    with services.database.begin() as tx:
        account = store.find_account(tx, guild_id)
    if account is not None and account.kick_user_id != channel.channel_id:
        # That is the former channel's streamer.
        actions.ACCOUNT.disconnect(services, guild_id, actor)
    with services.work_in(guild_id, actor) as work:
        actions.choose_channel(work, channel)
    return channel


def arrive(services: Services, attempt: KickConnectAttempt, code: str) -> Connected:
    """The streamer consented: exchange the code, check whose account it is, and store it.

    Raises:
        StateExpired: the answer came too late.
        WrongPerson: it is not the channel's streamer; nothing is stored.
        GrantEnded: Kick does not accept the code.
        Refusal: no channel is configured, or Kick does not accept our app.
        Outage: Kick does not answer.
    """
    client, now = client_of(services.settings), services.clock()
    verifier = FLOW.verifier_of(services, attempt)
    tokens = oauth.redeem(client, services.settings, code, verifier, now)
    is_kept = False
    try:
        who = client.account_of(tokens.access)
        with services.work_in(attempt.guild_id, attempt.asked_by) as work:
            channel = actions.get_channel(work)
            if who.kick_user_id != channel.channel_id:
                raise WrongPerson(who.name, channel.slug)
            server = name_of(work)
            account = Account(
                guild_id=work.guild_id,
                kick_user_id=PlatformUserId(who.kick_user_id),
                name=who.name,
                connected_by=attempt.asked_by,
                **granted_columns(services, tokens),
            )
            actions.connect_account(work, account)
        is_kept = True
    except KickRejected as rejected:
        raise GrantEnded(rejected.reason) from rejected
    finally:
        if not is_kept:
            oauth.revoke(client, tokens.access, tokens.refresh)
    _log.info("Kick account connected", account=who.name, guild_id=attempt.guild_id)
    _learn_numbers(services, client, channel)
    _subscribe(services, channel)
    return Connected(server, who.name, missing_words(tokens.scopes))


def _learn_numbers(services: Services, client: KickClient, channel: Channel) -> None:
    with services.work_in(channel.guild_id) as work:
        known = actions.get_known_channel(work)
    channels.look_at_site(services, client, channel.slug, known)


def _subscribe(services: Services, channel: Channel) -> None:
    """Subscribe to the channel's events now; if that fails, the next scheduled run does."""
    try:
        reconcile_channel(services, channel.channel_id)
    except (Outage, KickRejected) as error:
        _log.warning(
            "Subscribing to Kick events failed after connecting",
            reason=str(error),
            guild_id=channel.guild_id,
        )
