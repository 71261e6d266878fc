"""Performs queued changes of points. No transaction is open during requests to StreamElements.

The state `sending` is committed before the call. After a lost answer or a killed process the call
is not repeated; the balances are read a few more times and compared instead.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from core.kit.errors import Outage, Refusal
from core.kit.runtime.crypto import SealBroken, vault_of
from core.kit.runtime.wire import NoAnswer
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.text.words import _
from core.streamelements import actions
from core.streamelements.client import StreamElementsRejected, client_of
from core.streamelements.records import StreamElementsAccount
from core.streamelements.rules import is_jwt

_log = structlog.get_logger(__name__)


_ALL_TIME = datetime.max.replace(tzinfo=UTC)


def perform_due(services: Services) -> bool:
    """Perform every operation that is due, one after the other. Runs in one process at a time.
    False if no operation is open."""
    with services.database.begin() as tx:
        due = actions.list_due(tx, services.clock())
        has_more = due or actions.list_due(tx, _ALL_TIME)
    for_each(due, lambda operation: perform(services, *operation))
    return bool(has_more)


def perform(services: Services, guild_id: int, number: int) -> None:
    """Make the call of an operation, or find out whether it was made."""
    with services.work_in(guild_id) as work:
        operation = actions.find_operation(work, number)
        account = actions.find_account(work)
        if operation is None or operation.state not in ("waiting", "sending"):
            return
        was_sent = operation.state == "sending"
        logins = [line.login for line in actions.list_open_lines(work, number)]
        if account is None or account.state != "connected":
            _wait_for_account(services, guild_id, number, was_sent)
            return
    client, channel_id = client_of(services.settings), account.channel_id
    try:
        token = token_of(services, account)
        if was_sent:
            _look(services, account, token, number, logins)
            return
        balances = client.balances(token, channel_id, logins)
    except Outage as outage:
        with services.work_in(guild_id) as work:
            actions.postpone(work, number, outage, was_sent=was_sent)
        return
    except StreamElementsRejected as rejected:
        _on_rejected(services, account, rejected, number)
        return
    with services.work_in(guild_id) as work:
        deltas = actions.prepare(work, number, balances)
    try:
        if deltas:
            client.change_all(token, channel_id, deltas)
    except NoAnswer as lost:
        _log.warning(
            "StreamElements did not answer a points update", guild_id=guild_id, reason=lost.reason
        )
        _look(services, account, token, number, list(deltas))
        return
    except Outage as outage:
        with services.work_in(guild_id) as work:
            actions.postpone(work, number, outage)
        return
    except StreamElementsRejected as rejected:
        _on_rejected(services, account, rejected, number)
        return
    with services.work_in(guild_id) as work:
        actions.settle(work, number, "applied")


def _wait_for_account(services: Services, guild_id: int, number: int, was_sent: bool) -> None:
    outage = Outage(StreamElementsRejected.service, _("it is not connected"), 60.0)
    with services.work_in(guild_id) as work:
        actions.postpone(work, number, outage, was_sent=was_sent)


def _look(
    services: Services,
    account: StreamElementsAccount,
    token: str,
    number: int,
    logins: Sequence[str],
) -> None:
    """Read the balances and compare."""
    try:
        balances = client_of(services.settings).balances(token, account.channel_id, logins)
    except Outage as outage:
        with services.work_in(account.guild_id) as work:
            actions.postpone(work, number, outage, was_sent=True)
        return
    except StreamElementsRejected as rejected:
        _on_rejected(services, account, rejected, number, was_sent=True)
        return
    with services.work_in(account.guild_id) as work:
        actions.look(work, number, balances, _("StreamElements did not answer"))


def _on_rejected(
    services: Services,
    account: StreamElementsAccount,
    rejected: StreamElementsRejected,
    number: int,
    *,
    was_sent: bool = False,
) -> None:
    """After a rejected token the operation waits for a new one. Otherwise a change fails
    permanently, and balances are read again until the last check."""
    with services.work_in(account.guild_id) as work:
        is_token = rejected.status in (401, 403)
        if is_token:
            actions.ACCOUNT.require_reconnect(work, account)
        if is_token or (was_sent and actions.is_looked_for(work, number)):
            outage = Outage(rejected.service, rejected.reason, 60.0)
            actions.postpone(work, number, outage, was_sent=was_sent)
        else:
            actions.settle(work, number, "unclear" if was_sent else "refused", rejected.reason)


def token_of(services: Services, account: StreamElementsAccount) -> str:
    """Raises Refusal if the key that encrypted it is missing."""
    try:
        return vault_of(services.settings).open(account.token)
    except SealBroken:
        raise Refusal(
            _("The token of {name} was encrypted with a key that is missing.").format(
                name=account.name
            ),
            _("Put it back into TOKEN_ENCRYPTION_KEYS, or run `/connect_streamelements` again."),
        ) from None


# -- the account ----------------------------------------------------------------------------------


def connect(services: Services, guild_id: int, token: str, actor: int) -> str:
    """Store a JWT, encrypted; returns the name of its channel.

    Raises:
        Refusal: it is not a JWT, or StreamElements does not accept it.
        Outage: StreamElements does not answer.
    """
    token = token.strip().removeprefix("Bearer ")
    remedy = _("Copy the JWT token from your StreamElements account page (Channels, Show secrets).")
    if not is_jwt(token):
        raise Refusal(_("This is not a JWT token."), remedy)
    try:
        channel = client_of(services.settings).channel_of(token)
    except StreamElementsRejected as rejected:
        what = _("StreamElements rejected this token.")
        raise Refusal(what, remedy) from rejected
    with services.work_in(guild_id, actor) as work:
        account = StreamElementsAccount(
            guild_id=work.guild_id,
            channel_id=channel.id,
            name=channel.name,
            platform=channel.platform,
            state="connected",
            token=vault_of(services.settings).seal(token),
            connected_by=work.actor,
            connected_at=work.now,
        )
        actions.connect_account(work, account)
    return channel.name
