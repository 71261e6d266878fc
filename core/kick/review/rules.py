"""When a webhook confirms an event of the feed.

The feed has names instead of user ids and mostly no timestamps, so the keys differ. Both sides get
a *subject* that is equal for the same thing, and are paired within a subject by time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from core.events import KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.kit.guild_settings import GuildSettings, number

Kind = Literal["gift", "sub", "kicks"]
Decision = Literal["credited", "taken_back", "dismissed"]
Support = SubGifted | SubscriptionStarted | SubscriptionRenewed | KicksGifted


class ReviewSettings(GuildSettings, feature="kick"):
    """What an admin can set."""

    confirmation_minutes: int = number(
        "Minutes that an event on Kick's realtime feed waits for its webhook before admins are "
        "asked about it. Webhooks have come ten minutes late.",
        default=15,
        least=1,
        most=1440,
        label="Wait for a missing webhook",
        unit="min",
    )


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
"""How long webhooks are kept to be compared: an admin may credit a gift weeks later."""

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


def kind_and_subject(event: Support) -> tuple[Kind, str]:
    """What the feed's reports of this event have, too."""
    match event:
        case SubGifted():
            giver = event.gifter.name if event.gifter else None
            giftee = event.giftee.name if event.giftee else event.giftee_name
            return "gift", gift_subject(giver, giftee)
        case KicksGifted():
            return "kicks", kicks_subject(event.sender.user_id, event.amount)
        case _:
            return "sub", sub_subject(event.subscriber.name, event.months)


def pair(
    webhooks: Sequence[datetime], reports: Sequence[datetime], window: timedelta
) -> dict[int, int]:
    """One to one, as many pairs as there can be, whatever came first.

    Args:
        webhooks: instants in order.
        reports: instants in order.
        window: the farthest that two of a pair may be apart.

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
    """First and last of the instants that are connected with `around` by gaps no wider than the
    window: nothing outside can be paired with anything inside."""
    ordered = sorted({*instants, around})
    first = last = ordered.index(around)
    while first > 0 and ordered[first] - ordered[first - 1] <= window:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1] - ordered[last] <= window:
        last += 1
    return ordered[first], ordered[last]
