"""What the feed reports. Only this package handles it; other features never see it."""

from dataclasses import dataclass

from core.events import Event
from core.kick.review.rules import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport(Event):
    """One gifted subscription, one subscription, or Kicks on the feed. `at` is when the frame
    arrived; for Kicks, the time in the frame.

    Attributes:
        channel_id: the platform user id of the channel's owner.
        subject: equal to that of the fact, see `rules`.
        identified: `key` holds the platform's own number of it; without one, the same subject again
            within its window is a repeat.
        drop: the same for all gifts of one drop, else equal to `key`.
        giver: name of the gifter or sender, "" for an anonymous one; "" for a subscription.
        giver_id: the sender's user id, where the feed has it (Kicks).
        receiver: name of the giftee or subscriber; "" for Kicks.
        amount: Kicks, or months; 1 for a gift.
        gift_name: such as "Rage Quit", for Kicks.
        message: what the sender wrote with it.
    """

    kind: Kind
    channel_id: int
    subject: str
    identified: bool
    drop: str
    giver: str = ""
    giver_id: int | None = None
    receiver: str = ""
    amount: int = 1
    gift_name: str = ""
    message: str = ""
