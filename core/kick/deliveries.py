"""What Kick's requests hold, apart from whether Kick really sent them."""

from datetime import datetime

from core.inbox.store import Delivery
from core.kick.bodies import WEBHOOK, WEBHOOK_KINDS, parse
from core.kick.signature import SignedRequest
from core.kit import strict_json
from core.kit.clock import parse_instant

MOST_CHARACTERS = 100
"""Of a header, where it is kept."""


class Declined(Exception):
    """This delivery is not taken, and why."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.outcome = outcome
        self.what = what


def sent_at_of(request: SignedRequest) -> datetime:
    """When Kick signed it.

    Raises:
        Declined: it does not say so.
    """
    try:
        return parse_instant(request.timestamp)
    except ValueError:
        raise Declined(400, "bad_timestamp", "The timestamp is not an instant.") from None


def read(
    request: SignedRequest, received_at: datetime | None = None
) -> tuple[Delivery, int] | None:
    """What is to be stored, and the channel that it is about; None for a type that this version
    does not use.

    Raises:
        Declined: it cannot be understood.
    """
    sent_at = sent_at_of(request)
    try:
        body = strict_json.decode(request.body)
    except ValueError:
        raise Declined(400, "bad_json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Declined(422, "wrong_shape", "The body is not an object.")
    if request.kind not in WEBHOOK_KINDS:
        return None
    try:
        channel_id = parse(request.kind, body).broadcaster.user_id
    except ValueError:
        raise Declined(422, "wrong_shape", "The body does not fit its type.") from None
    delivery = Delivery(
        WEBHOOK,
        request.message_id,
        request.kind,
        f"kick:{channel_id}",
        body,
        sent_at,
        received_at=received_at,
        subscription_id=request.subscription_id[:MOST_CHARACTERS] or None,
    )
    return delivery, channel_id
