"""`POST /webhooks/twitch` (also `/api/webhooks/eventsub`): verify, deduplicate, store, acknowledge.

The signature is HMAC-SHA256 over message id, timestamp and raw body. Twitch retries failed
deliveries with the same message id, and ends a subscription that fails too often.
https://dev.twitch.tv/docs/eventsub/handling-webhook-events

| status | when | stored |
|---|---|---|
| 200 challenge | confirms a new subscription; the response is the challenge itself | no |
| 200 stored | genuine and fresh | yes |
| 200 seen | this message id is already here | no |
| 200 revoked | a subscription, or the whole app, was ended | no |
| 200 ignored | genuine, but not used: unknown type, or a channel that no server follows | no |
| 400 | a header is missing, or the body is not JSON | no |
| 403 | the signature is wrong, or it was signed more than ten minutes ago, by Twitch's clock | no |
| 413 | more than 1 MB | no |
| 422 | the body does not match its type | no |
| 503 | the database is down, or the delivery's age is unknown; Twitch retries | no |
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from flask import Blueprint, Request, Response, request
from prometheus_client import Counter

from core.inbox.group_commit import Entry, GroupCommit
from core.inbox.intake import Declined, Followers, is_too_old
from core.inbox.store import Delivery
from core.kit.errors import Outage
from core.kit.services import Services
from core.kit.text import strict_json
from core.kit.web.app import DeferredResponse, problem
from core.twitch import store
from core.twitch.bodies import KINDS, REVOKED, WEBHOOK, parse, read_instant
from core.twitch.client import client_of
from core.twitch.eventsub import revocations
from core.twitch.eventsub.reconcile import secret_of
from core.twitch.eventsub.rules import WEBHOOK_PATH

MAX_BYTES = 1_000_000
MAX_AGE = timedelta(minutes=10)
"""Twitch's own rule, in both directions: timestamps in the future are rejected as well."""

_log = structlog.get_logger(__name__)
_received = Counter("twitch_webhooks", "Deliveries by outcome", ["outcome"])


def pages(services: Services) -> Blueprint:
    """The blueprint with the route that Twitch calls."""
    blueprint = Blueprint("twitch", __name__)
    intake = Intake(services)

    def receive() -> Response:
        return respond(partial(intake.take, request._get_current_object()))  # type: ignore[attr-defined]

    def respond(step: Callable[[], str | Entry | Response]) -> Response:
        try:
            outcome = step()
        except Declined as declined:
            _received.labels(declined.outcome).inc()
            _log.info("Twitch webhook delivery rejected", reason=declined.outcome)
            return problem(declined.status, declined.what)
        except Outage:
            _received.labels("unavailable").inc()
            raise
        if isinstance(outcome, Entry):
            return DeferredResponse(partial(respond, partial(intake.wait, outcome)))
        if isinstance(outcome, Response):
            _received.labels("challenge").inc()
            return outcome
        _received.labels(outcome).inc()
        body = f'{{"status":"{outcome}"}}\n'
        return Response(body, 200, content_type="application/json")

    for path in (WEBHOOK_PATH, "/api/webhooks/eventsub"):
        blueprint.post(path, endpoint=path.rsplit("/", 1)[1])(receive)
    return blueprint


class Intake:
    """Checks a delivery, the cheapest checks first."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._inbox = GroupCommit(services.database)
        self._followers = Followers(services.database, store.guilds_of, services.clock)

    def take(self, given: Request) -> str | Entry | Response:
        """The outcome, or the entry to `wait` for, or the response to a challenge.

        Raises:
            Declined: it is not accepted.
            Outage: it cannot be accepted right now.
        """
        message_id, sent_at, body = self._verified(given)
        kind = _header(given, "Message-Type")
        if kind == "webhook_callback_verification":
            return Response(str(body.get("challenge") or ""), 200, content_type="text/plain")
        subscription = body.get("subscription")
        if not isinstance(subscription, dict):
            raise Declined(422, "wrong_shape", "The body has no subscription.")
        if kind == "revocation" or "event" not in body:
            revocations.on_subscription_ended(self._services, subscription)
            return "revoked"
        return self._take_event(message_id, sent_at, subscription, body["event"])

    def _take_event(
        self, message_id: str, sent_at: datetime, subscription: dict[str, Any], event: Any
    ) -> str | Entry:
        # Not the header of the same name, which is not signed.
        kind = str(subscription.get("type") or "")
        if kind == REVOKED:
            revocations.on_app_removed(self._services, event)
            return "revoked"
        if kind not in KINDS:
            return "ignored"
        try:
            channel_id = parse(kind, event).broadcaster_user_id
        except ValueError:
            raise Declined(422, "wrong_shape", "The body does not match its type.") from None
        if not self._followers.of(channel_id):
            return "ignored"
        lane = f"twitch:{channel_id}"
        return self._inbox.add(
            Delivery(
                WEBHOOK,
                message_id,
                kind,
                lane,
                event,
                sent_at,
                received_at=self._services.clock(),
                subscription_id=str(subscription.get("id") or "")[:100] or None,
            )
        )

    def wait(self, entry: Entry) -> str:
        """`stored` or `seen`, once that is durable. Raises Outage if it could not be stored."""
        return "stored" if self._inbox.wait(entry) else "seen"

    def _verified(self, given: Request) -> tuple[str, datetime, dict[str, Any]]:
        """Message id, when it was sent, and the body; only signed parts are trusted."""
        if given.content_length is None or given.content_length > MAX_BYTES:
            raise Declined(413, "too_large", "The body is larger than 1 MB, or has no size.")
        message_id = _header(given, "Message-Id")
        timestamp = _header(given, "Message-Timestamp")
        raw = given.get_data(cache=False)
        secret = secret_of(self._services.settings).encode()
        signed = f"{message_id}{timestamp}".encode() + raw
        expected = "sha256=" + hmac.new(secret, signed, "sha256").hexdigest()
        given_signature = _header(given, "Message-Signature")
        if not hmac.compare_digest(expected.encode(), given_signature.encode()):
            raise Declined(403, "bad_signature", "The signature is not Twitch's.")
        try:
            sent_at = read_instant(timestamp)
        except ValueError:
            raise Declined(400, "bad_timestamp", "The timestamp is invalid.") from None
        self._require_fresh(sent_at)
        try:
            body = strict_json.decode(raw)
        except ValueError:
            raise Declined(400, "bad_json", "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise Declined(422, "wrong_shape", "The body is not an object.")
        return message_id, sent_at, body

    def _require_fresh(self, sent_at: datetime) -> None:
        """By Twitch's clock: ours may be wrong.

        Raises:
            Declined: it is too old.
            Outage: only our own clock says so, and Twitch's time is unknown; Twitch retries.
        """
        twitch = client_of(self._services.settings)

        def is_old() -> bool | None:
            now, theirs = self._services.clock(), twitch.time.now()
            return is_too_old(sent_at, MAX_AGE, now, theirs, ahead=MAX_AGE)

        too_old = is_old()
        if too_old is None:
            twitch.learn_time()
            too_old = is_old()
        if too_old is None:
            raise Outage("Twitch", "its time is unknown")
        if too_old:
            raise Declined(403, "stale", "The delivery is too old.")


def _header(given: Request, name: str) -> str:
    value: str = given.headers.get(f"Twitch-Eventsub-{name}", "")
    if not value or len(value) > 1000:
        missing = f"The header Twitch-Eventsub-{name} is missing."
        raise Declined(400, "missing_header", missing)
    return value
