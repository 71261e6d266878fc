"""The expected effects of ten thousand events: a slow, obvious model."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

from tests.stories.ten_thousand import PREFIX, STREAM_SECONDS, Delivery, Fact, Frame, Seen

WINDOW_SECONDS = 600
"""Whoever writes is counted for so long."""


def arrived(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Those that are sent at all."""
    return [delivery for delivery in deliveries if delivery.fate != "lost"]


def facts(deliveries: Iterable[Delivery]) -> Counter[Fact]:
    """What is to be counted."""
    return Counter(fact for delivery in arrived(deliveries) for fact in delivery.facts)


def missed(deliveries: Iterable[Delivery]) -> Counter[Seen]:
    """What the feed showed and no delivery."""
    return Counter(
        seen for delivery in deliveries if delivery.fate == "lost" for seen in delivery.seen
    )


def matched(deliveries: Iterable[Delivery]) -> Counter[Seen]:
    """What both showed."""
    return Counter(seen for delivery in arrived(deliveries) for seen in delivery.seen)


def missed_drops(deliveries: Iterable[Delivery]) -> int:
    """In how many things an admin is shown that."""
    return len(
        {delivery.drop for delivery in deliveries if delivery.fate == "lost" and delivery.seen}
    )


def frames(deliveries: Iterable[Delivery]) -> list[Frame]:
    """All that the feed says."""
    return [frame for delivery in deliveries for frame in delivery.frames]


def used(frames: Iterable[Frame]) -> int:
    """How many of the frames say something new that is worth writing down."""
    events = ("SubscriptionEvent", "GiftedSubscriptionsEvent", "KicksGifted")
    names = ((frame.event.removeprefix(PREFIX), str(frame.data)) for frame in frames)
    return len({(event, data) for event, data in names if event in events})


def watched(deliveries: Iterable[Delivery]) -> dict[str, timedelta]:
    """Name -> for how long: every second of a stream that follows soon enough after a line."""
    live: set[int] = set()
    counted: dict[str, set[int]] = defaultdict(set)
    for delivery in arrived(deliveries):
        if delivery.platform != "kick":
            continue  # nobody streams there
        for event, _key, at in delivery.facts:
            second = int(at.timestamp())
            if event == "ChatMessageSent":
                window = range(second, second + WINDOW_SECONDS)
                counted[delivery.body["sender"]["username"]].update(window)
            elif event == "StreamWentLive":
                live.update(range(second, second + STREAM_SECONDS))
    found = {name: timedelta(seconds=len(each & live)) for name, each in counted.items()}
    return {name: time for name, time in found.items() if time}


def called(deliveries: Iterable[Delivery]) -> list[str]:
    """The slots that are called."""
    words = (delivery.text for delivery in arrived(deliveries))
    return sorted(each.removeprefix("!call ") for each in words if each.startswith("!call "))
