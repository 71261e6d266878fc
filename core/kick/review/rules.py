"""When a webhook confirms an event of the feed.

The feed has names instead of user ids and mostly no timestamps, so the keys differ. Both sides get
a *subject* that is equal for the same thing, and are paired within a subject by time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from core.events import KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.kit.guild_settings import GuildSettings, number

Kind = Literal["gift", "sub", "kicks"]
Decision = Literal["credited", "taken_back", "dismissed"]
Support = SubGifted | SubscriptionStarted | SubscriptionRenewed | KicksGifted


class ReviewSettings(GuildSettings, feature="kick"):
    """Settings of a server."""

    confirmation_minutes: int = number(
        "Minutes that an event from Kick's realtime feed waits for its webhook before admins are "
        "asked about it. Webhooks can be ten minutes late.",
        default=15,
        minimum=1,
        maximum=1440,
        label="Wait for a missing webhook",
        unit="min",
    )


WINDOWS: Mapping[Kind, timedelta] = {
    # Nobody can sensibly be given two subscriptions by the same person in that time.
    "gift": timedelta(minutes=10),
    # Nobody subscribes for the same month twice in that time.
    "sub": timedelta(hours=24),
    # Both sides have the timestamp, one of them more precisely.
    "kicks": timedelta(seconds=2),
}
"""How far apart the two may be."""

SAME_GIFT_WINDOW = timedelta(minutes=2)
"""How far apart the feed and a webhook may report one gift if they name different giftees."""

DUPLICATE_WINDOW = timedelta(minutes=10)
"""A subscription this close to a gift to the same viewer is the gift, sent twice."""

REMEMBERED = timedelta(days=30)
"""How long webhooks are kept for comparison: an admin may credit a gift weeks later."""

_ANONYMOUS = "anonymous"


def name_key(name: str | None) -> str:
    """Equal for all spellings of an account's name: as chosen, in other case, or as in URLs."""
    return (name or "").casefold().replace("_", "-")


def giver_key(name: str | None) -> str:
    """Like `name_key`, but empty for an anonymous giver, whom the feed gives a placeholder name."""
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


def kind_and_subject(event: Support) -> tuple[Kind, str]:
    """The kind and subject, the same as in the feed's reports of this event."""
    match event:
        case SubGifted():
            giver = event.gifter.name if event.gifter else None
            giftee = event.giftee.name if event.giftee else event.giftee_name
            return "gift", gift_subject(giver, giftee)
        case KicksGifted():
            return "kicks", kicks_subject(event.sender.user_id, event.amount)
        case _:
            return "sub", sub_subject(event.subscriber.name, event.months)


class Giftee(NamedTuple):
    """What a delivery says about who received a gift: a missing id is None, a missing name is
    empty; the name is a `name_key`."""

    user_id: int | None
    name: str


def pair_giftees(
    known: Sequence[Giftee], new: Sequence[Giftee], *, surely: bool = False
) -> dict[int, int]:
    """Index of a new giftee -> index of the same known giftee; as many pairs as possible, certain
    ones first, and with `surely` only those."""
    pairs: dict[int, int] = {}
    free = dict.fromkeys(range(len(known)))
    left = dict.fromkeys(range(len(new)))

    def pair_by(key: Callable[[Giftee], object], here: Iterable[int], there: Iterable[int]) -> None:
        by_key: dict[object, list[int]] = {}
        for place in there:
            by_key.setdefault(key(known[place]), []).append(place)
        for place in here:
            if found := by_key.get(key(new[place])):
                pairs[place] = found.pop(0)
                del left[place], free[pairs[place]]

    def which(
        places: Iterable[int], of: Sequence[Giftee], has_id: bool | None, has_name: bool | None
    ) -> list[int]:
        return [
            place
            for place in places
            if has_id in (None, of[place].user_id is not None)
            and has_name in (None, bool(of[place].name))
        ]

    def pair_kinds(
        *kinds: bool | None, key: Callable[[Giftee], object] = lambda _giftee: 0
    ) -> None:
        """Those with (True) or without (False) an id and a name, new and known."""
        here = which(left, new, kinds[0], kinds[1])
        pair_by(key, here, which(free, known, kinds[2], kinds[3]))

    pair_kinds(True, None, True, None, key=lambda giftee: giftee.user_id)
    pair_kinds(False, True, None, True, key=lambda giftee: giftee.name)
    pair_kinds(True, True, False, True, key=lambda giftee: giftee.name)
    if not surely:
        # An id and a name match only each other, and unknown matches everything: this order
        # finds as many pairs as possible.
        pair_kinds(True, False, False, True)
        pair_kinds(False, True, True, False)
        pair_kinds(True, None, False, False)
        pair_kinds(None, True, False, False)
        pair_kinds(False, False, None, None)
    return pairs


def may_be_same(known: Sequence[Giftee], new: Sequence[Giftee]) -> bool:
    """Whether the giftees allow two deliveries to be the same gift."""
    return len(known) == len(new) == len(pair_giftees(known, new))


def pair(
    webhooks: Sequence[datetime], reports: Sequence[datetime], window: timedelta
) -> dict[int, int]:
    """Pair one to one, as many as possible, whichever came first.

    Args:
        webhooks: timestamps in order.
        reports: timestamps in order.
        window: the maximum distance within a pair.

    Returns:
        Index of a report -> index of its webhook. With windows of equal width, taking the earliest
        pair that fits leaves most for the others.
    """
    pairs: dict[int, int] = {}
    webhook = report = 0
    while webhook < len(webhooks) and report < len(reports):
        apart = reports[report] - webhooks[webhook]
        if abs(apart) <= window:
            pairs[report] = webhook
            webhook, report = webhook + 1, report + 1
        elif apart > timedelta(0):
            webhook += 1
        else:
            report += 1
    return pairs


def neighbourhood(
    instants: Iterable[datetime], around: datetime, window: timedelta
) -> tuple[datetime, datetime]:
    """First and last of the timestamps that are connected to `around` by gaps no wider than the
    window: nothing outside can be paired with anything inside."""
    ordered = sorted({*instants, around})
    first = last = ordered.index(around)
    while first > 0 and ordered[first] - ordered[first - 1] <= window:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1] - ordered[last] <= window:
        last += 1
    return ordered[first], ordered[last]
