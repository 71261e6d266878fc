"""The shapes of Kick's webhook bodies.

The header that names the type is not signed, so the body has to fit it: otherwise a genuine
delivery could be relabelled. Fields that are `null` or empty in the wild are allowed to be.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _sensible(at: datetime) -> datetime:
    """In UTC, and far enough from the ends of time that rules can reckon with it."""
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("not of our time")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_sensible)]
KickId = Annotated[int, Field(gt=0, lt=2**63)]


class Body(BaseModel):
    """What all bodies share: the channel they are about, which decides whose they are."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    broadcaster: "Broadcaster"


class Broadcaster(BaseModel):
    user_id: KickId


class Badge(BaseModel):
    type: str


class Identity(BaseModel):
    badges: list[Badge] | None = None


class ChatSender(BaseModel):
    user_id: KickId
    username: Annotated[str, Field(min_length=1)]
    identity: Identity | None = None

    def badge_types(self) -> tuple[str, ...]:
        """Such as `("moderator", "subscriber")`; empty when Kick sends none."""
        badges = self.identity.badges if self.identity else None
        return tuple(badge.type for badge in badges or ())


class ChatMessage(Body):
    """`chat.message.sent`."""

    message_id: Annotated[str, Field(min_length=1, max_length=100)]
    sender: ChatSender
    content: str
    created_at: Instant


class StreamStarted(Body):
    """`livestream.status.updated` when a stream begins."""

    is_live: Literal[True]
    title: str | None = None
    started_at: Instant


class StreamStopped(Body):
    """`livestream.status.updated` when a stream is over."""

    is_live: Literal[False]
    started_at: Instant
    ended_at: Instant | None = None


class Look(Body):
    """Not Kick's: how our own poll of the livestreams is written down (`poll.livestream`)."""

    seen_at: Instant
    started_at: Instant | None = None
    title: str | None = None


SHAPES: dict[str, tuple[type[Body], ...]] = {
    "chat.message.sent": (ChatMessage,),
    "livestream.status.updated": (StreamStarted, StreamStopped),
    "poll.livestream": (Look,),
}
"""Kind -> the shapes it may have. What is not here is not understood by this version."""

WEBHOOK_KINDS = tuple(kind for kind in SHAPES if not kind.startswith("poll."))
"""The event types that are subscribed to."""


def parse(kind: str, body: object) -> Body:
    """The body in its shape.

    Raises:
        KeyError: the kind is not understood.
        ValueError: the body does not fit the kind.
    """
    problems: list[ValueError] = []
    for shape in SHAPES[kind]:
        try:
            return shape.model_validate(body)
        except ValueError as error:
            problems.append(error)
    raise problems[0]
