"""When a webhook confirms an event of the feed.

The feed has names instead of user ids and mostly no timestamps, so the keys
differ. Both sides get a *subject* that is equal for the same thing, and are paired within a
subject by time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

Kind = Literal["gift", "sub", "kicks"]
State = Literal["waiting", "matched", "suspected", "credited", "dismissed"]

Decision = Literal["credited", "taken_back", "dismissed"]
"""What an admin decided about a duplicate."""

KINDS: tuple[Kind, ...] = get_args(Kind)

WINDOWS: Mapping[Kind, timedelta] = {
    # Nobody can sensibly be given two subscriptions by the same person in that time.
    "gift": timedelta(minutes=10),
    # Nobody subscribes for the same month twice in that time.
    "sub": timedelta(hours=24),
    # Both sides have the instant, one of them more exactly.
    "kicks": timedelta(seconds=2),
}
"""How far apart the two may be."""

DUPLICATE_WINDOW = timedelta(minutes=10)
"""A subscription this close to a gift to the same viewer is the gift, sent twice."""

REMEMBERED = timedelta(days=30)
"""How long subscriptions are kept to be compared: an admin may credit a gift weeks later."""

_ANONYMOUS = "anonymous"


def name_key(name: str | None) -> str:
    """Equal for all ways of writing an account's name: as chosen, re-cased, or as in addresses."""
    return (name or "").casefold().replace("_", "-")


def giver_key(name: str | None) -> str:
    """The same, and empty for an anonymous giver, whom the feed gives a placeholder name."""
    key = name_key(name)
    return "" if key == _ANONYMOUS else key


def gift_subject(giver: str | None, giftee: str) -> str:
    """Who gave to whom."""
    return f"{giver_key(giver)}|{name_key(giftee)}"


def sub_subject(name: str, months: int) -> str:
    """Who, for which month."""
    return f"{name_key(name)}|{months}"


def kicks_subject(sender_id: int, amount: int) -> str:
    """Who gave how many; here both sides know the user id."""
    return f"{sender_id}|{amount}"


def pair(
    confirmations: Sequence[datetime], unconfirmed: Sequence[datetime], window: timedelta
) -> dict[int, int]:
    """One to one, as many pairs as there can be, whatever came first.

    Args:
        confirmations: instants in order.
        unconfirmed: instants in order.
        window: the farthest that two of a pair may be apart.

    Returns:
        Index of an unconfirmed event -> index of its confirmation. With windows of equal width,
        taking the earliest pair that fits leaves most for the others.
    """
    pairs: dict[int, int] = {}
    confirmation = event = 0
    while confirmation < len(confirmations) and event < len(unconfirmed):
        apart = unconfirmed[event] - confirmations[confirmation]
        if abs(apart) <= window:
            pairs[event] = confirmation
            confirmation, event = confirmation + 1, event + 1
        elif apart > timedelta(0):
            confirmation += 1
        else:
            event += 1
    return pairs


def neighbourhood(
    instants: Iterable[datetime], around: datetime, window: timedelta
) -> tuple[datetime, datetime]:
    """First and last of the instants that hang together with `around`, no gap being wider than the
    window: nothing outside can be paired with anything inside."""
    ordered = sorted({*instants, around})
    place = ordered.index(around)
    first = last = place
    while first > 0 and ordered[first] - ordered[first - 1] <= window:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1] - ordered[last] <= window:
        last += 1
    return ordered[first], ordered[last]
