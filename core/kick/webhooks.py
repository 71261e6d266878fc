"""`POST /webhooks/kick`: verify, deduplicate, store, acknowledge.

Kick never retries a delivery, so whatever is rejected here is lost; and it silently unsubscribes an
event type whose deliveries fail for a day.

| status | when | stored |
|---|---|---|
| 200 stored | genuine, fresh, ours | yes |
| 200 seen | this delivery id is already here | no |
| 200 ignored | genuine, of a type that this version does not use | no |
| 202 unverified | Kick's key or time is not available | for a day |
| 400 | a header is missing, or the body is not JSON | no |
| 401 | the signature matches no key of Kick's | for a day |
| 403 | signed too long ago | no |
| 404 | about a channel that no server here follows | no |
| 413 | more than 1 MB | no |
| 415 | not application/json | no |
| 422 | the body does not match the (unsigned) type | no |
| 503 | the database is down, or its disk is full | no |

`core/kick/intake/unverified.py` checks unverified deliveries, a limited number, with every new key.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from flask import Blueprint, Request, Response, request
from limits import RateLimitItemPerMinute
from prometheus_client import Counter

from core.inbox.group_commit import Entry, GroupCommit
from core.inbox.intake import Declined, Followers, Remembered, is_too_old
from core.kick.client import client_of
from core.kick.deliveries import KeyRing, SignedRequest
from core.kick.events import guilds_of
from core.kick.intake import unverified
from core.kick.intake.log import Arrival, WebhookLog
from core.kick.intake.store import list_subscription_ids
from core.kit.errors import Outage
from core.kit.runtime.crypto import hash_of
from core.kit.runtime.deadlines import PUBLIC, budget_of
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.web.app import DeferredResponse, problem

JSON = "application/json"
MAX_BYTES = 1_000_000

UNSIGNED = RateLimitItemPerMinute(60)
"""Deliveries from one network that match no key and name no subscription of ours."""

_log = structlog.get_logger(__name__)
_received = Counter("kick_webhooks", "Deliveries by outcome", ["outcome"])


def pages(services: Services) -> Blueprint:
    """The blueprint with the one route that Kick calls."""
    blueprint = Blueprint("kick", __name__)
    intake = Intake(services)

    @blueprint.post("/webhooks/kick")
    def receive() -> Response:
        # Not through the proxy, which looks up the request each time it is used.
        given = request._get_current_object()  # type: ignore[attr-defined]
        arrival = Arrival(services.clock())
        return respond(arrival, partial(intake.take, given, arrival))

    def respond(arrival: Arrival, step: Callable[[], str | Entry]) -> Response:
        try:
            outcome = step()
        except Declined as declined:
            _received.labels(declined.outcome).inc()
            _log.info("Webhook delivery rejected", reason=declined.outcome)
            intake.log.write_other(arrival, declined.outcome)
            return problem(declined.status, declined.what)
        except Outage:
            _received.labels("unavailable").inc()
            raise
        if isinstance(outcome, Entry):
            wait = partial(intake.wait, outcome, arrival)
            return DeferredResponse(partial(respond, arrival, wait))
        _received.labels(outcome).inc()
        status = 202 if outcome == "unverified" else 200
        return Response(f'{{"status":"{outcome}"}}\n', status, content_type=JSON)

    return blueprint


class Intake:
    """Checks a delivery, the cheapest checks first."""

    def __init__(self, services: Services) -> None:
        self.log = WebhookLog(services.database)
        self._services = services
        self._limits = RateLimit(services.settings)
        self._subscriptions = Remembered(services.database, list_subscription_ids, services.clock)
        self._database = services.database
        self._inbox = GroupCommit(services.database)
        self._followers = Followers(services.database, guilds_of, services.clock)
        self._clock = services.clock
        self._client = client_of(services.settings)
        self._keys = KeyRing(self._client, services.database, services.clock)
        self._max_age = timedelta(seconds=services.settings.webhook_max_age_seconds)

    def take(self, request: Request, arrival: Arrival) -> str | Entry:
        """`ignored`, `unverified`, or the entry to `wait` for; completes `arrival`.

        Raises:
            Declined: it is not accepted.
            Outage: it cannot be accepted right now.
        """
        signed = _read(request)
        arrival.delivery_id = signed.message_id
        if not self._keys.has_signed(signed):
            sender = self._count_unsigned(request, signed)
            is_sure = self._renew_keys()
            if not self._keys.has_signed(signed):
                with budget_of(PUBLIC):
                    return self._check_unverified(signed, arrival, sender, is_sure=is_sure)
        arrival.subscription_id = signed.subscription_id
        arrival.sent_at = signed.sent_at
        arrival.kind = signed.kind
        found = signed.read(arrival.at)
        if found is None:
            self._is_known_to_be_fresh(arrival.sent_at)
            self.log.write_other(arrival, "ignored")
            return "ignored"
        delivery, broadcaster_user_id = found
        arrival.guild_ids = self._followers.of(broadcaster_user_id)
        is_known_to_be_fresh = self._is_known_to_be_fresh(delivery.sent_at)
        if not arrival.guild_ids:
            raise Declined(404, "unknown_channel", "No server here follows this channel.")
        if not is_known_to_be_fresh:
            return self._keep_unverified(signed, arrival, network_of(request.remote_addr))
        return self._inbox.add(delivery)

    def wait(self, entry: Entry, arrival: Arrival) -> str:
        """`stored` or `seen`, once that is durable.

        Raises:
            Outage: it could not be stored.
        """
        if self._inbox.wait(entry):
            return "stored"
        self.log.write_other(arrival, "seen")
        return "seen"

    def _count_unsigned(self, request: Request, signed: SignedRequest) -> str:
        """The network that sent a request which matches no key. Strangers are rate limited before
        anything is looked up; requests that name a subscription of ours are not, because they may
        be signed with a new key. Raises Declined above the limit."""
        sender = network_of(request.remote_addr)
        if signed.subscription_id in (self._subscriptions.remembered or ()):
            return sender
        if self._limits.allows(UNSIGNED, "kick", sender):
            return sender
        with budget_of(PUBLIC):
            is_known = self._is_known(signed)
        if not is_known:
            raise Declined(401, "bad_signature", "The signature matches none of Kick's keys.")
        return sender

    def _is_known(self, signed: SignedRequest) -> bool:
        """Whether it names a subscription of ours."""
        return signed.subscription_id in self._subscriptions.of()

    def _renew_keys(self) -> bool:
        """If there is a new key, verify the kept deliveries at once. True if the keys are fresh."""
        before = self._keys.newest
        is_sure = self._keys.renew()
        if before and self._keys.newest != before:
            unverified.verify_with(self._services, self._keys)
        return is_sure

    def _check_unverified(
        self, signed: SignedRequest, arrival: Arrival, sender: str, *, is_sure: bool
    ) -> str:
        """Keep it if only the signature is wrong. If it does not match the key that Kick sent just
        now, it is most likely forged, and the answer is 401 anyway."""
        forged = Declined(401, "bad_signature", "The signature matches none of Kick's keys.")
        try:
            found = signed.read(arrival.at)
        except Declined:
            raise forged from None
        if found is None or not self._followers.of(found[1]):
            raise forged
        if not is_sure:
            return self._keep_unverified(signed, arrival, sender)
        self._keep(signed, sender, self._keys.newest)
        raise forged

    def _keep(self, signed: SignedRequest, sender: str, checked_with: str | None) -> bool:
        known, digest = self._is_known(signed), hash_of(sender)[:16]
        with self._database.begin() as tx:
            return unverified.keep(
                tx, signed, self._clock(), checked_with, is_known=known, sender=digest
            )

    def _keep_unverified(self, signed: SignedRequest, arrival: Arrival, sender: str) -> str:
        if not self._keep(signed, sender, None):
            raise Outage("Kick", "too many deliveries are waiting for verification")
        self.log.write_other(arrival, "unverified")
        return "unverified"

    def _is_known_to_be_fresh(self, sent_at: datetime) -> bool:
        """False when only our own clock says that it is too old, and Kick cannot be asked.

        Raises:
            Declined: it is too old.
        """

        def is_old() -> bool | None:
            return is_too_old(sent_at, self._max_age, self._clock(), self._client.time.now())

        too_old = is_old()
        if too_old is None and self._keys.renew():
            too_old = is_old()
        if too_old:
            raise Declined(403, "stale", "The delivery is too old.")
        return too_old is not None


def _read(request: Request) -> SignedRequest:
    if request.environ.get("CONTENT_TYPE") != JSON and request.mimetype != JSON:
        raise Declined(415, "not_json", "The content type must be application/json.")
    if request.content_length is None or request.content_length > MAX_BYTES:
        raise Declined(413, "too_large", "The body is larger than 1 MB, or has no size.")
    return SignedRequest(
        _header(request, "Message-Id"),
        _header(request, "Message-Timestamp"),
        request.get_data(cache=False),
        _header(request, "Signature"),
        _header(request, "Type"),
        request.environ.get(_KEYS["Subscription-Id"], ""),
    )


_KEYS = {
    name: f"HTTP_KICK_EVENT_{name.upper().replace('-', '_')}"
    for name in ("Message-Id", "Message-Timestamp", "Signature", "Type", "Subscription-Id")
}
"""Header -> its name in the WSGI environment."""


def _header(request: Request, name: str) -> str:
    value: str = request.environ.get(_KEYS[name], "")
    if not value or len(value) > 1000:
        raise Declined(400, "missing_header", f"The header Kick-Event-{name} is missing.")
    return value
