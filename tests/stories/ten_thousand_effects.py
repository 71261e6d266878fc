"""What has to come of ten thousand things: the slow, obvious model of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

from tests.stories.ten_thousand import PREFIX, STREAM_SECONDS, Fact, Frame, Letter, Seen

WINDOW_SECONDS = 600
"""Whoever writes is counted for so long."""


def arrived(letters: Iterable[Letter]) -> list[Letter]:
    """Those that are told at all."""
    return [letter for letter in letters if letter.fate != "lost"]


def facts(letters: Iterable[Letter]) -> Counter[Fact]:
    """What is to be counted."""
    return Counter(fact for letter in arrived(letters) for fact in letter.facts)


def missed(letters: Iterable[Letter]) -> Counter[Seen]:
    """What the feed told and no letter."""
    return Counter(seen for letter in letters if letter.fate == "lost" for seen in letter.seen)


def matched(letters: Iterable[Letter]) -> Counter[Seen]:
    """What both told."""
    return Counter(seen for letter in arrived(letters) for seen in letter.seen)


def missed_drops(letters: Iterable[Letter]) -> int:
    """In how many things an admin is shown that."""
    return len({letter.drop for letter in letters if letter.fate == "lost" and letter.seen})


def frames(letters: Iterable[Letter]) -> list[Frame]:
    """All that the feed says."""
    return [frame for letter in letters for frame in letter.frames]


def used(told: Iterable[Frame]) -> int:
    """How many of the frames say something new that is worth writing down."""
    events = ("SubscriptionEvent", "GiftedSubscriptionsEvent", "KicksGifted")
    names = ((frame.event.removeprefix(PREFIX), str(frame.data)) for frame in told)
    return len({(event, data) for event, data in names if event in events})


def watched(letters: Iterable[Letter]) -> dict[str, timedelta]:
    """Name -> for how long: every second of a stream that follows soon enough after a line."""
    live: set[int] = set()
    counted: dict[str, set[int]] = defaultdict(set)
    for letter in arrived(letters):
        for event, _key, at in letter.facts:
            second = int(at.timestamp())
            if event == "ChatMessageSent":
                window = range(second, second + WINDOW_SECONDS)
                counted[letter.body["sender"]["username"]].update(window)
            elif event == "StreamWentLive":
                live.update(range(second, second + STREAM_SECONDS))
    found = {name: timedelta(seconds=len(each & live)) for name, each in counted.items()}
    return {name: time for name, time in found.items() if time}


def called(letters: Iterable[Letter]) -> list[str]:
    """The slots that are called."""
    words = (letter.body.get("content", "") for letter in arrived(letters))
    return sorted(each.removeprefix("!call ") for each in words if each.startswith("!call "))
