"""Connecting a Twitch account with a server. No transaction is open while Twitch is asked."""

import structlog

from core.guilds.actions import name_of
from core.guilds.connections.links import Link
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.kit.discord.ui import safe
from core.kit.errors import Refusal
from core.kit.oauth.flow import OAuthFlow
from core.kit.oauth.signed_links import SignedLinks
from core.kit.oauth.tokens import Connected, GrantEnded, granted_columns
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _
from core.twitch.accounts import actions, oauth
from core.twitch.accounts.records import Role, TwitchAccount, TwitchConnectAttempt
from core.twitch.accounts.rules import LINK_LASTS, SCOPES, STATE_LASTS, missing_words
from core.twitch.client import User, client_of
from core.twitch.wire import TwitchRejected

_log = structlog.get_logger(__name__)


def _consent_url(role: Role, settings: Settings, state: str, verifier: str) -> str:
    return oauth.consent_url(settings, state, verifier, SCOPES[role])


def _flow(role: Role) -> OAuthFlow[TwitchConnectAttempt]:
    def require(work: Work) -> object:
        return actions.get_channel(work) if role == "bot" else None

    return OAuthFlow(
        f"twitch_{role}",
        SignedLinks(f"twitch.{role}", f"/connect/twitch/{role}", LINK_LASTS),
        TwitchConnectAttempt,
        oauth.CALLBACK,
        STATE_LASTS,
        "Twitch",
        lambda settings, state, verifier: _consent_url(role, settings, state, verifier),
        require,
        again=lambda: _("In Discord, run /connect_twitch to get a new link."),
        nothing=lambda: _("Nothing was connected."),
        prefix=f"{role}.",
    )


FLOWS: dict[Role, OAuthFlow[TwitchConnectAttempt]] = {
    "streamer": _flow("streamer"),
    "bot": _flow("bot"),
}


def _open(work: Work, attempt: TwitchConnectAttempt) -> str:
    actions.open_attempt(work, attempt)
    if attempt.role == "bot":
        text = _(
            "This lets another account write in the Twitch chat for **{server}**. Open the link in "
            "a browser in which you can sign in to Twitch as that account."
        )
    else:
        text = _(
            "This connects **{server}** with the Twitch channel of the account that the streamer "
            "signs in with."
        )
    return text.format(server=safe(name_of(work)))


LINKS = {role: Link(actions.ACCOUNTS[role], flow, _open) for role, flow in FLOWS.items()}


def arrive(services: Services, attempt: TwitchConnectAttempt, code: str) -> Connected:
    """The owner consented: exchange the code, ask whose account it is, and store it.

    Raises:
        StateExpired: the answer came too late.
        GrantEnded: Twitch does not accept the code.
        Refusal: it is the wrong account, or Twitch does not accept our app.
        Outage: Twitch does not answer.
    """
    client, now = client_of(services.settings), services.clock()
    FLOWS[attempt.role].verifier_of(services, attempt)
    tokens = oauth.redeem(client, services.settings, code, now)
    is_kept = False
    try:
        who = client.account_of(tokens.access)
        _require_streamer(attempt, who)
        asked_by, streamer = attempt.asked_by, attempt.streamer_id
        with services.work_in(attempt.guild_id, asked_by, streamer=streamer) as work:
            server = name_of(work)
            actions.connect_account(
                work,
                TwitchAccount(
                    guild_id=work.guild_id,
                    role=attempt.role,
                    twitch_user_id=PlatformUserId(who.user_id),
                    login=who.login,
                    name=who.name,
                    connected_by=attempt.asked_by,
                    **granted_columns(services, tokens),
                ),
            )
        is_kept = True
    except TwitchRejected as rejected:
        raise GrantEnded(rejected.reason) from rejected
    finally:
        if not is_kept:
            oauth.revoke(client, tokens.access)
    _log.info("Twitch account connected", account=who.login, guild_id=attempt.guild_id)
    return Connected(server, who.name, missing_words(attempt.role, tokens.scopes))


def _require_streamer(attempt: TwitchConnectAttempt, who: User) -> None:
    """Raises Refusal if a streamer who signed in with Twitch would replace the channel."""
    theirs = attempt.streamer_id
    if theirs is not None and attempt.role == "streamer" and who.user_id != theirs:
        raise Refusal(
            _("You signed in to Twitch as {name}, who is not the channel.").format(name=who.name),
            _("Sign in to Twitch as the channel's account and link it again."),
        )
