"""The vendors of a world: the sandbox's state, and what they have sent that is still under way."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.app import MAX_BODY_BYTES
from sandbox.change_feed import ChangeFeed
from sandbox.control import ControlError
from sandbox.discord.control import Control as DiscordControl
from sandbox.discord.errors import ApiError
from sandbox.discord.routes import routes as discord_routes
from sandbox.discord.service import DiscordService
from sandbox.drand import FakeBeacon
from sandbox.faults import Faults
from sandbox.kick.control import _Control as KickControl
from sandbox.kick.ids import ulid
from sandbox.kick.routes import routes as kick_routes
from sandbox.kick.signing import SigningKey
from sandbox.kick.state import FakeKick
from sandbox.people import PEOPLE
from sandbox.shuffle import FakeShuffle
from sandbox.streamelements.control import routes as streamelements_routes
from sandbox.streamelements.state import FakeStreamElements
from sandbox.twitch.control import _Control as TwitchControl
from sandbox.twitch.eventsub import instant
from sandbox.twitch.models import Subscription
from sandbox.twitch.routes import routes as twitch_routes
from sandbox.twitch.state import FakeTwitch
from tests.world.time_and_chance import WorldClock
from tests.world.wires import Sandbox, finish

PRODUCT = "https://regulars.test"
SANDBOX = "http://sandbox.test"

Json = dict[str, Any]


@cache
def signing_key() -> SigningKey:
    """Making one is slow."""
    return SigningKey()


@dataclass
class Delivery:
    """A webhook under way.

    Attributes:
        kind: of the event, as the vendor calls it.
        confirms: called with status and text of the answer; None where nobody cares.
    """

    vendor: str
    path: str
    kind: str
    headers: dict[str, str]
    body: bytes
    confirms: Callable[[int, str], None] | None = None


@dataclass
class Frame:
    """An event of Kick's realtime feed under way."""

    feed: str
    name: str
    data: Any


class Outside:
    """All vendors, and the two queues of what they have sent."""

    def __init__(self, clock: WorldClock) -> None:
        self.faults, changes = Faults(), _Quiet()
        self.kick = FakeKick(
            PEOPLE,
            changes,
            self.faults,
            SANDBOX,
            webhook_url=f"{PRODUCT}/webhooks/kick",
            signing_key=signing_key(),
        )
        self.discord = DiscordService(PEOPLE, changes, self.faults, SANDBOX)
        self.discord.redirect_hosts.add(urlsplit(PRODUCT).netloc)
        self.beacon = FakeBeacon(self.faults, SANDBOX, now=clock.time)
        self.shuffle = FakeShuffle(changes, self.faults, SANDBOX)
        self.twitch = FakeTwitch(PEOPLE, changes, self.faults, SANDBOX, PRODUCT)
        self.streamelements = FakeStreamElements(PEOPLE, changes, self.faults, SANDBOX)
        self.faults.redefine(
            {"discord.ratelimit.messages": 100_000, "discord.ratelimit.others": 100_000}
        )
        self.deliveries: list[Delivery] = []
        self.frames: list[Frame] = []
        self.kick.webhooks._post = self._kick_sends  # type: ignore[method-assign]
        self.kick.feed.hub.publish = self._feed_sends  # type: ignore[method-assign]
        self.twitch.eventsub.add = self._twitch_adds  # type: ignore[method-assign]
        self.twitch.eventsub._send = self._twitch_sends  # type: ignore[method-assign]
        self.clock = clock
        self._kick, self._twitch = KickControl(self.kick), TwitchControl(self.twitch)
        self.on_discord = DiscordControl(self.discord)

    @cached_property
    def sandbox(self) -> Sandbox:
        """Answers requests. Made when it is asked for, because it cannot be copied."""
        return Sandbox(_application(self), self.clock)

    def copy(self, clock: WorldClock) -> "Outside":
        """Vendors in the same state, with a time of their own, but without the bot."""
        self.discord.gateway.sessions.clear()
        self.discord.interactions.clear()
        kept = {**vars(self), "clock": None}
        kept.pop("sandbox", None)
        made = Outside.__new__(Outside)
        memo: dict[int, Any] = {id(self): made, id(self.clock): clock}
        memo |= {id(key): key for key in (self.kick.webhooks.key, self.beacon._key)}
        vars(made).update({name: deepcopy(value, memo) for name, value in kept.items()})
        made.clock, made.beacon._now = clock, clock.time
        return made

    def env(self) -> dict[str, str]:
        """The product's settings for these vendors."""
        parts = self.discord, self.kick, self.twitch, self.beacon, self.shuffle
        return {k: v for part in (*parts, self.streamelements) for k, v in part.env().items()}

    def on_kick(self, action: str, **given: Any) -> Json | None:
        """Somebody does something on Kick; None if Kick does not let them."""
        return _done(lambda: finish(getattr(self._kick, action)(given)))

    def on_twitch(self, action: str, **given: Any) -> Json | None:
        """The same on Twitch."""
        return _done(lambda: finish(getattr(self._twitch, action)(given)))

    def member(self, **given: Any) -> Json | None:
        """An admin of Discord, or a member."""
        return _done(lambda: finish(self.on_discord.member(given)))

    # -- what they send -------------------------------------------------------------------------

    def _kick_sends(self, pending: Any) -> None:
        path = urlsplit(self.kick.webhooks.url).path
        headers = self.kick.webhooks._headers(pending)
        self.deliveries.append(Delivery("kick", path, pending.type, headers, pending.body))

    def again(self, sent: Delivery) -> Delivery:
        """The same event of Kick in another delivery."""
        kind, webhooks = sent.kind, self.kick.webhooks
        timestamp = sent.headers["Kick-Event-Message-Timestamp"]
        headers = sent.headers | webhooks.sign(ulid(), timestamp, kind, sent.body)
        return Delivery("kick", sent.path, kind, headers, sent.body)

    def _feed_sends(self, events: Any) -> None:
        self.frames += [Frame(one.feed, one.name, one.data) for one in events]

    def _twitch_adds(self, made: Subscription) -> None:
        self.twitch.eventsub.subscriptions[made.id] = made
        challenge = uuid.uuid4().hex
        body = {"challenge": challenge, "subscription": made.json()}

        def confirm(status: int, text: str) -> None:
            is_good = 200 <= status < 300 and text == challenge
            made.status = "enabled" if is_good else "webhook_callback_verification_failed"

        kind = "webhook_callback_verification"
        sent = self._twitch_delivery(made, uuid.uuid4().hex, kind, body)
        sent.confirms = confirm
        self.deliveries.append(sent)

    def _twitch_sends(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str = ""
    ) -> None:
        self.deliveries.append(self._twitch_delivery(subscription, message_id, kind, payload, at))

    def _twitch_delivery(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str = ""
    ) -> Delivery:
        raw = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = at or instant()
        signed = message_id.encode() + timestamp.encode() + raw
        digest = hmac.new(subscription.secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "Twitch-Eventsub-Message-Id": message_id,
            "Twitch-Eventsub-Message-Retry": "0",
            "Twitch-Eventsub-Message-Type": kind,
            "Twitch-Eventsub-Message-Signature": f"sha256={digest}",
            "Twitch-Eventsub-Message-Timestamp": timestamp,
            "Twitch-Eventsub-Subscription-Type": subscription.type,
            "Twitch-Eventsub-Subscription-Version": subscription.version,
        }
        return Delivery(
            "twitch", urlsplit(subscription.callback).path, subscription.type, headers, raw
        )


class _Quiet(ChangeFeed):
    """Nobody looks at the sandbox's page."""

    def publish(self, *_: Any, **_named: Any) -> None: ...


def _done(act: Callable[[], Json | None]) -> Json | None:
    try:
        return act() or {}
    except (ControlError, ApiError, ValueError, KeyError, TypeError):
        return None


def _application(outside: Outside) -> Any:
    """As in `sandbox.app.build`, around vendors that exist."""
    made = web.Application(client_max_size=MAX_BODY_BYTES)
    made.add_routes(kick_routes(outside.kick))
    made.add_routes(twitch_routes(outside.twitch))
    made.add_routes(discord_routes(outside.discord))
    made.add_routes(outside.beacon.routes())
    made.add_routes(outside.shuffle.routes())
    made.add_routes(streamelements_routes(outside.streamelements))
    made.freeze()
    return made
