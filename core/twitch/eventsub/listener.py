"""Listens to Twitch by WebSocket, on one thread, in one of several processes.

One socket for each account whose token is needed; a channel that fails does not affect the others.
Nothing here decides what counts: events are only stored in the inbox.
"""

import asyncio
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from core.inbox.listener import STOP_SECONDS, SocketListener
from core.inbox.store import Delivery
from core.kit.database.records import PlatformUserId
from core.kit.errors import Outage, Refusal
from core.kit.health_item import NOT_USED, STANDING_BY, HealthItem
from core.kit.services import Services
from core.twitch import store
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import KINDS, SOCKET, parse
from core.twitch.client import client_of
from core.twitch.eventsub import revocations
from core.twitch.eventsub.missed import publish_missed
from core.twitch.eventsub.plans import Consent, consents_of, list_plans
from core.twitch.eventsub.rules import ChannelPlan, Wanted, transport_of
from core.twitch.eventsub.socket import Socket, SocketTiming
from core.twitch.eventsub.topics import RESTART
from core.twitch.polling import poll_streams
from core.twitch.records import SocketState
from core.twitch.wire import TwitchRejected

SERVICE = "Twitch's WebSocket"
UPDATE_SECONDS = 5.0
CONNECTING_SECONDS = 1.0
"""Time between two updates while a socket is not connected."""

WRITE_SECONDS = 15.0
RETRY_SECONDS = 60.0
"""Delay before failed subscriptions are retried."""

_log = structlog.get_logger(__name__)


@dataclass
class _Account:
    """An account's socket and its subscriptions.

    Attributes:
        wanted: (channel, subscription) for each that the account should have.
        done: those the open session already has.
    """

    user_id: int
    consent: Consent
    wanted: tuple[tuple[int, Wanted], ...]
    done: set[tuple[int, str]] = field(default_factory=set)
    tried_at: float = 0.0
    received_at: datetime | None = None
    socket: Socket | None = None
    task: "asyncio.Task[None] | None" = None


class TwitchListener(SocketListener):
    """Started and stopped with the bot, or run alone in its own process."""

    def __init__(
        self, services: Services, timing: SocketTiming | None = None, update: float = UPDATE_SECONDS
    ) -> None:
        super().__init__(services, "twitch.eventsub", update)
        self._timing = timing or SocketTiming()
        self._has_plans = False
        self._restart = threading.Event()
        self._accounts: dict[int, _Account] = {}
        self._written: object = None
        self._written_at = -math.inf

    @property
    def is_connected(self) -> bool:
        """Whether every socket is up."""
        accounts = list(self._accounts.values())
        return bool(accounts) and all(
            account.socket and account.socket.session_id for account in accounts
        )

    @property
    def _is_wanted(self) -> bool:
        settings = self._services.settings
        return settings.twitch_client_id is not None and transport_of(settings) == "websocket"

    def start(self) -> None:
        if self._is_wanted:
            self._services.bus.subscribe(RESTART, lambda _message: self._restart.set())
        super().start()

    def _pause(self) -> float:
        # An admin may be watching whether it connects.
        is_connecting = self._is_leader and self._has_plans and not self.is_connected
        return min(CONNECTING_SECONDS if is_connecting else math.inf, self._update_seconds)

    async def _update(self) -> None:
        """Listen to the followed channels with the connected accounts."""
        if self._restart.is_set():
            self._restart.clear()
            await self._disconnect()
        self._is_leader = await asyncio.to_thread(self._leader.is_leader)
        if not self._is_leader:
            await self._disconnect()
            return
        try:
            plans = await self._services.database.run(list_plans, "websocket")
            consents = await self._services.database.run(consents_of)
        except Outage as outage:
            self._trouble = str(outage)
            return  # keep the connections
        self._trouble, self._has_plans = "", bool(plans)
        await self._connect(plans, consents)
        await self._write(plans)

    async def _connect(self, plans: Sequence[ChannelPlan], consents: Mapping[int, Consent]) -> None:
        wanted: dict[int, list[tuple[int, Wanted]]] = {}
        for plan in plans:
            for subscription in plan.wanted:
                if subscription.reader in consents:
                    theirs = wanted.setdefault(subscription.reader, [])
                    theirs.append((plan.channel_id, subscription))
        for user_id in self._accounts.keys() - wanted.keys():
            await self._drop(user_id)
        for user_id, subscriptions in wanted.items():
            account = self._accounts.get(user_id)
            # A new consent may allow more, and subscriptions of the old one may be revoked.
            if account is not None and (account.wanted, account.consent) != (
                tuple(subscriptions),
                consents[user_id],
            ):
                await self._drop(user_id)
                account = None
            if account is None:
                self._begin(_Account(user_id, consents[user_id], tuple(subscriptions)))
            else:
                await self._retry(account)

    def _begin(self, account: _Account) -> None:
        self._accounts[account.user_id] = account
        url = self._services.settings.twitch_eventsub_ws_url
        account.socket = Socket(url, _SocketHandler(self, account), self._timing)
        account.task = asyncio.create_task(account.socket.run())

    async def _retry(self, account: _Account) -> None:
        """Retry the failed subscriptions of an open session."""
        session_id = account.socket.session_id if account.socket is not None else ""
        is_complete = len(account.done) == len(account.wanted)
        if is_complete or not session_id or time.monotonic() - account.tried_at < RETRY_SECONDS:
            return
        with suppress(Outage):
            await asyncio.to_thread(self.subscribe, account, session_id)

    async def _drop(self, user_id: int) -> None:
        account = self._accounts.pop(user_id)
        if account.task is not None:
            account.task.cancel()
            await asyncio.wait((account.task,), timeout=STOP_SECONDS / 2)

    async def _disconnect(self) -> None:
        for user_id in list(self._accounts):
            await self._drop(user_id)

    # -- what a socket does -----------------------------------------------------------------

    def store_event(
        self, account: _Account, message_id: str, sent_at: datetime, payload: dict[str, Any]
    ) -> None:
        """Store an event in the inbox."""
        account.received_at = self._services.clock()
        kind, event = str(payload["subscription"].get("type") or ""), payload["event"]
        if kind not in KINDS:
            return
        try:
            channel_id = parse(kind, event).broadcaster_user_id
        except ValueError:
            _log.warning("Reading a Twitch event failed", kind=kind)
            return
        # Only events of channels that this account is subscribed to.
        if channel_id not in {channel for channel, _wanted in account.wanted}:
            return
        self._buffer.put(
            Delivery(
                SOCKET,
                message_id,
                kind,
                f"twitch:{channel_id}",
                event,
                sent_at,
                received_at=account.received_at,
                subscription_id=str(payload["subscription"].get("id") or "")[:100] or None,
            )
        )

    def subscribe(self, account: _Account, session_id: str) -> None:
        """Create the subscriptions that a session lacks; one that fails does not stop the others
        and is retried."""
        services = self._services
        account.tried_at = time.monotonic()
        made: dict[int, str] = {}
        for channel_id, wanted in account.wanted:
            if (channel_id, wanted.kind) in account.done:
                continue
            trouble, subscription_id = None, None
            try:
                subscription_id = self._subscribe(account, wanted, session_id)
            except (TwitchRejected, Refusal, Outage) as error:
                trouble = f"Subscribing failed: {error}."
            else:
                account.done.add((channel_id, wanted.kind))
                made.setdefault(channel_id, subscription_id)
            with services.database.begin() as tx:
                store.set_subscription(
                    tx,
                    channel_id,
                    wanted.kind,
                    services.clock(),
                    subscription_id=subscription_id,
                    place=session_id,
                    trouble=trouble,
                )
        for channel_id, first in made.items():
            with services.database.begin() as tx:
                publish_missed(tx, channel_id, first, services.clock())
        if account.wanted and not account.done:
            raise Outage("Twitch", "no subscription could be created")

    def _subscribe(self, account: _Account, wanted: Wanted, session_id: str) -> str:
        services, client = self._services, client_of(self._services.settings)
        transport = {"method": "websocket", "session_id": session_id}
        token = user_token(services, *account.consent.key)

        def subscribe(token: str) -> str:
            return client.subscribe(
                wanted.kind, wanted.version, wanted.condition, transport, token
            ).id

        try:
            return subscribe(token)
        except TwitchRejected as rejected:
            if rejected.status == 401:
                return subscribe(refresh_after_401(services, *account.consent.key, token))
            if rejected.status != 409:
                raise
            # It exists: an earlier response was lost.
            for known in client.list_subscriptions(token):
                if known.session_id == session_id and wanted.is_met_by(known):
                    return known.id
            raise

    def catch_up(self) -> None:
        """After a gap, poll which channels are live."""
        try:
            poll_streams(self._services)
        except (Outage, Refusal) as expected:
            _log.info("Polling live streams failed", reason=str(expected))

    def end(self, account: _Account, subscription: dict[str, Any]) -> None:
        """Twitch revoked a subscription; it is created again if that is still allowed."""
        ended = str(subscription.get("id") or "")
        try:
            with self._services.database.begin() as tx:
                channel_ids = store.list_channels_of(tx, ended)
            kind = str(subscription.get("type"))
            account.done -= {(channel_id, kind) for channel_id in channel_ids}
            revocations.on_subscription_ended(self._services, subscription)
        except Outage as outage:
            _log.warning("Storing an ended subscription failed", reason=outage.reason)
            account.done.clear()  # so all are created again; existing ones are found
            account.tried_at = -math.inf
        if subscription.get("status") == "authorization_revoked":
            account.tried_at = -math.inf  # the next update finds out whether the token is dead

    # -- status -----------------------------------------------------------------------------

    def status(self) -> list[HealthItem]:
        """One item for the health page. Each account's state is in the database."""
        if not self._is_wanted:
            return [HealthItem(SERVICE, "ok", NOT_USED)]
        if not self._is_running:
            return [HealthItem(SERVICE, "warn", "It is not running.")]
        if not self._is_leader:
            return [HealthItem(SERVICE, "ok", STANDING_BY)]
        if self._trouble:
            return [HealthItem(SERVICE, "warn", self._trouble)]
        up = sum(
            bool(account.socket and account.socket.session_id)
            for account in self._accounts.values()
        )
        return [HealthItem(SERVICE, "ok", f"{up} of {len(self._accounts)} connected.")]

    async def _write(self, plans: Sequence[ChannelPlan]) -> None:
        """Store changes, and everything at intervals, because old states are ignored."""
        states = list(self._states())
        shown = [(state.twitch_user_id, state.is_ok, state.reason) for state in states]
        current, now = (shown, plans), time.monotonic()
        if current == self._written and now - self._written_at < WRITE_SECONDS:
            return

        def write(tx: Connection) -> None:
            store.set_socket_states(tx, states)
            for plan in plans:
                for kind, trouble in plan.lacking.items():
                    at = self._services.clock()
                    store.set_subscription(
                        tx, plan.channel_id, kind, at, subscription_id=None, trouble=trouble
                    )
            store.delete_channels_except(tx, [plan.channel_id for plan in plans])

        with suppress(Outage):
            await self._services.database.run(write)
            self._written, self._written_at = current, now

    def _states(self) -> Iterator[SocketState]:
        now = self._services.clock()
        for account in list(self._accounts.values()):
            socket = account.socket
            is_ok = socket is not None and bool(socket.session_id)
            trouble = socket.trouble if socket is not None else ""
            yield SocketState(
                twitch_user_id=PlatformUserId(account.user_id),
                is_ok=is_ok,
                reason="Listening." if is_ok else f"Not connected ({trouble}); retrying.",
                received_at=account.received_at,
                checked_at=now,
            )


class _SocketHandler:
    """Handles what one socket receives."""

    def __init__(self, listener: TwitchListener, account: _Account) -> None:
        self._listener = listener
        self._account = account

    def notified(self, message_id: str, sent_at: datetime, payload: dict[str, Any]) -> None:
        self._listener.store_event(self._account, message_id, sent_at, payload)

    def revoked(self, subscription: dict[str, Any]) -> None:
        asyncio.get_running_loop().run_in_executor(
            None, self._listener.end, self._account, subscription
        )

    async def connected(self, session_id: str) -> None:
        self._account.done.clear()
        await asyncio.to_thread(self._listener.subscribe, self._account, session_id)
        await asyncio.to_thread(self._listener.catch_up)
