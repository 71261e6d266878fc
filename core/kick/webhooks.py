"""`POST /webhooks/kick`: verify, have we seen it, write it down, say 2xx.

What each answer means to Kick: nothing is ever repeated, so whatever is refused here is gone; and
an event type whose deliveries fail for a day is silently unsubscribed.

| status | when | stored |
|---|---|---|
| 200 stored | genuine, fresh, ours | yes |
| 200 seen | this delivery id is already here | no |
| 200 ignored | genuine, of a type that this version does not use | no |
| 400 | a header is missing, or the body is not JSON | no |
| 401 | the signature does not fit | no |
| 403 | signed too long ago or in the future | no |
| 404 | about a channel that no server here follows | no |
| 413 | more than 1 MB | no |
| 415 | not application/json | no |
| 422 | the body does not fit the (unsigned) type | no |
| 503 | the database or Kick's key is out of reach | no |
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from flask import Blueprint, Request, Response, jsonify, request
from prometheus_client import Counter

from core.inbox.mailbox import Mailbox
from core.inbox.store import Delivery
from core.kick.bodies import WEBHOOK_KINDS, parse
from core.kick.client import client_of
from core.kick.intake.log import Slip, WebhookLog
from core.kick.public_key import KeyRing
from core.kick.signature import is_genuine
from core.kick.translate import guilds_of
from core.kit import strict_json
from core.kit.clock import parse_instant
from core.kit.errors import Outage
from core.kit.services import Services
from core.kit.web import problem

SOURCE = "kick.webhook"
MOST_BYTES = 1_000_000
REMEMBER_FOLLOWED = timedelta(minutes=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

_log = structlog.get_logger(__name__)
_received = Counter("kick_webhooks", "Deliveries by what became of them", ["outcome"])


class Declined(Exception):
    """This delivery is not taken, and why."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.outcome = outcome
        self.what = what


def pages(services: Services) -> Blueprint:
    """The blueprint with the one route that Kick calls."""
    blueprint = Blueprint("kick", __name__)
    keys = KeyRing(client_of(services.settings), services.database, services.clock)
    intake = Intake(services, keys)

    @blueprint.post("/webhooks/kick")
    def receive() -> Response:
        slip = Slip(services.clock())
        try:
            outcome = intake.take(request, slip)
        except Declined as declined:
            _received.labels(declined.outcome).inc()
            _log.info("A delivery was declined", reason=declined.outcome)
            intake.log.write_other(slip, declined.outcome)
            return problem(declined.status, declined.what)
        except Outage:
            _received.labels("unavailable").inc()
            raise
        _received.labels(outcome).inc()
        return jsonify(status=outcome)

    return blueprint


class Intake:
    """Checks a delivery in the order in which each check becomes worth its cost."""

    def __init__(self, services: Services, keys: KeyRing) -> None:
        settings = services.settings
        self.log = WebhookLog(services.database)
        self._database = services.database
        self._mailbox = Mailbox(services.database, self.log.write_stored)
        self._followed: dict[int, tuple[datetime, tuple[int, ...]]] = {}
        self._clock = services.clock
        self._keys = keys
        self._max_age = timedelta(seconds=settings.webhook_max_age_seconds)
        self._max_ahead = timedelta(seconds=settings.webhook_max_ahead_seconds)

    def take(self, request: Request, slip: Slip) -> str:
        """What became of it: `stored`, `seen` or `ignored`. What is found out goes on the slip.

        Raises:
            Declined: it is not taken.
            Outage: it cannot be taken right now.
        """
        raw = _read(request)
        slip.delivery_id = _header(request, "Message-Id")
        timestamp = _header(request, "Message-Timestamp")
        self._check_signature(slip.delivery_id, timestamp, raw, _header(request, "Signature"))
        slip.subscription_id = request.headers.get("Kick-Event-Subscription-Id", "")
        slip.sent_at = sent_at = _instant(timestamp)
        slip.kind = _header(request, "Type")
        body = _decode(raw)
        if slip.kind not in WEBHOOK_KINDS:
            self._check_age(sent_at)
            self.log.write_other(slip, "ignored")
            return "ignored"
        broadcaster_user_id = _check_shape(slip.kind, body)
        slip.guild_ids = self._guilds_of(broadcaster_user_id)
        self._check_age(sent_at)
        if not slip.guild_ids:
            raise Declined(404, "unknown_channel", "No server here follows this channel.")
        lane = f"kick:{broadcaster_user_id}"
        delivery = Delivery(SOURCE, slip.delivery_id, slip.kind, lane, body, sent_at)
        return "stored" if self._mailbox.put(delivery, slip) else "seen"

    def _guilds_of(self, broadcaster_user_id: int) -> tuple[int, ...]:
        """Asked of the database at most once a minute for a channel that is followed. One that was
        given up in between does no harm: it becomes no event."""
        now = self._clock()
        asked_at, found = self._followed.get(broadcaster_user_id, (LONG_AGO, ()))
        if now - asked_at < REMEMBER_FOLLOWED:
            return found
        with self._database.begin() as tx:
            found = tuple(guilds_of(tx, broadcaster_user_id))
        if found:
            self._followed[broadcaster_user_id] = (now, found)
        return found

    def _check_signature(self, message_id: str, timestamp: str, raw: bytes, signature: str) -> None:
        key = self._keys.key()
        if is_genuine(key, message_id, timestamp, raw, signature):
            return
        newer = self._keys.newer_key(key)
        if newer is None or not is_genuine(newer, message_id, timestamp, raw, signature):
            raise Declined(401, "bad_signature", "The signature does not fit.")

    def _check_age(self, sent_at: datetime) -> None:
        age = self._clock() - sent_at
        if age > self._max_age or -age > self._max_ahead:
            raise Declined(403, "stale", "The delivery is too old, or from the future.")


def _instant(timestamp: str) -> datetime:
    try:
        return parse_instant(timestamp)
    except ValueError:
        raise Declined(400, "bad_timestamp", "The timestamp is not an instant.") from None


def _read(request: Request) -> bytes:
    if request.mimetype != "application/json":
        raise Declined(415, "not_json", "The content type has to be application/json.")
    if request.content_length is None or request.content_length > MOST_BYTES:
        raise Declined(413, "too_large", "The body is larger than 1 MB, or its size is not told.")
    return request.get_data()


def _header(request: Request, name: str) -> str:
    value = request.headers.get(f"Kick-Event-{name}", "")
    if not value or len(value) > 1000:
        raise Declined(400, "missing_header", f"The header Kick-Event-{name} is missing.")
    return value


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        body = strict_json.decode(raw)
    except ValueError:
        raise Declined(400, "bad_json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Declined(422, "wrong_shape", "The body is not an object.")
    return body


def _check_shape(kind: str, body: dict[str, Any]) -> int:
    try:
        return parse(kind, body).broadcaster.user_id
    except ValueError:
        raise Declined(422, "wrong_shape", "The body does not fit its type.") from None
