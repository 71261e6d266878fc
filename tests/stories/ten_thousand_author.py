"""Generates ten thousand deliveries of Kick and Twitch from one seed, and the frames of Kick's feed
about the same events."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from uuid import UUID

from tests.stories.ten_thousand import (
    CHATROOM,
    IDENTITY,
    LATE,
    NOBODY,
    NOTICES,
    OWNER,
    PREFIX,
    SITE,
    STREAM_SECONDS,
    Call,
    Delivery,
    Fact,
    Fate,
    Frame,
    Seen,
    person,
    stamp,
)
from tests.stories.webhooks import NORA, NORA_ON_TWITCH, Json

SHARE = 0.05
"""Of everything is lost, as much is sent twice, and as much is late."""

DROPS = (*[1] * 18, 2, 2, 2, 5, 5, 10, 30, 30)
"""How many subscriptions are given at once."""

WEBHOOK_CHUNK, FEED_CHUNK = 25, 20
"""How many giftees one delivery, and one frame, names at most."""

MONTH = timedelta(days=30)
PAUSE_SECONDS = 60
"""Between streams."""

CHAT_SPAN = timedelta(hours=6)
"""Lines of chat are that old, at most; the streams are among them."""

Plan = Callable[[Fate], Delivery]
"""A delivery is written when its fate is known: by the time a late one arrives, the clock is
later, and it reports what happened before."""


class Author:
    """Writes the deliveries.

    Args:
        seed: of all chance.
        now: when the story begins, in whole seconds.
        calls: chat messages that are in the fake Kick and Twitch already.
    """

    def __init__(self, seed: int, now: datetime, calls: Sequence[Call]) -> None:
        self._dice = random.Random(seed)
        self._now = now
        self._user_ids = count(5_000_001)
        self._givers = [self._somebody("Giver_") for _ in range(40)]
        self._chatters = [self._somebody("Chatter_") for _ in range(300)]
        self._calls = calls

    def write(self) -> list[Delivery]:
        """Ten thousand deliveries in the order in which they come."""
        streams = list(self._streams(40))
        simple = [
            (self._follow, 700),
            (self._subscription, 450),
            (self._renewal, 450),
            (self._metadata, 220),
            (self._ban, 300),
            (self._line, 1_400 - len(self._calls)),
            (self._twitch_line, 4_000),
            (self._twitch_subscription, 300),
            (self._twitch_cheer, 300),
        ]
        plans: list[Plan] = [*streams, *(partial(self._call, call) for call in self._calls)]
        plans += [plan for plan, many in simple for _ in range(many)]
        plans += [*self._gifts(400), *self._kicks(600), *self._redemptions(400)]
        plans += [*self._twitch_renewals(250), *self._twitch_gifts(150)]
        fates = self._fates(len(plans), spared=len(streams))
        pairs = list(zip(plans, fates, strict=True))
        self._dice.shuffle(pairs)
        return [plan(fate) for plan, fate in pairs]

    def _fates(self, total: int, spared: int) -> list[Fate]:
        """The first ones are not lost: of a stream whose end nobody tells, nobody can say how long
        it was."""
        many = round(total * SHARE)
        lost = set(self._dice.sample(range(spared, total), many))
        others = self._dice.sample([each for each in range(total) if each not in lost], 2 * many)
        twice, late = set(others[:many]), set(others[many:])
        return [
            "lost" if i in lost else "twice" if i in twice else "late" if i in late else "delivered"
            for i in range(total)
        ]

    # -- chance -----------------------------------------------------------------------------

    def _uuid(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    def _somebody(self, called: str) -> Json:
        user_id = next(self._user_ids)
        return person(user_id, f"{called}{user_id - 5_000_000}")

    def _as_the_feed_writes(self, name: str) -> str:
        """Now and then in another case, or as in addresses."""
        return self._dice.choice((name, name, name.upper(), name.lower().replace("_", "-")))

    def _lately(self) -> datetime:
        """Within the last half minute, to the millisecond."""
        return self._now - timedelta(milliseconds=self._dice.randrange(30_000))

    def _told_at(self, fate: Fate, at: datetime) -> datetime:
        """What the delivery says of when it was."""
        return at - LATE if fate == "late" else at

    def _sent_at(self, fate: Fate, at: datetime) -> datetime:
        """When it is signed: on time, or at last for half of the late ones."""
        waited = fate == "late" and self._dice.random() < 0.5
        return (self._now if waited else at).replace(microsecond=0)

    def _letter(
        self, kind: str, fate: Fate, sent_at: datetime, body: Json, *facts: Fact
    ) -> Delivery:
        ids = tuple(self._uuid() for _ in range(2 if fate == "twice" else 1))
        return Delivery(kind, {"broadcaster": OWNER, **body}, fate, ids, sent_at, facts)

    # -- what the feed tells too ------------------------------------------------------------

    def _subscription(self, fate: Fate) -> Delivery:
        at = self._told_at(fate, self._lately()).replace(microsecond=0)
        who = self._somebody("Sub_")
        fact = Fact("SubscriptionStarted", f"{who['user_id']}|{at.isoformat()}", at)
        body = _subscribed(who, 1, at, at + MONTH)
        sent_at = self._sent_at(fate, at)
        delivery = self._letter("channel.subscription.new", fate, sent_at, body, fact)
        return self._seen_subscribing(delivery, who, 1)

    def _renewal(self, fate: Fate) -> Delivery:
        at = self._told_at(fate, self._lately()).replace(microsecond=0)
        who, months = self._somebody("Loyal_"), self._dice.randrange(2, 40)
        sent_at, end = self._sent_at(fate, at), at + MONTH
        key = f"{who['user_id']}|{months}|{end.isoformat()}"
        fact = Fact("SubscriptionRenewed", key, sent_at)
        body = _subscribed(who, months, at - MONTH * (months - 1), end)
        delivery = self._letter("channel.subscription.renewal", fate, sent_at, body, fact)
        return self._seen_subscribing(delivery, who, months)

    def _seen_subscribing(self, delivery: Delivery, who: Json, months: int) -> Delivery:
        name = self._as_the_feed_writes(who["username"])
        frame = Frame(CHATROOM, f"{PREFIX}SubscriptionEvent", {"username": name, "months": months})
        sibling = Frame(SITE, f"{PREFIX}ChannelSubscriptionEvent", {"username": name})
        frames = (frame, sibling) if self._dice.random() < 0.1 else (frame,)
        return replace(delivery, drop=name, seen=(Seen("sub", "", name, months),), frames=frames)

    def _kicks(self, many: int) -> Iterator[Plan]:
        """Some are given again a second later, by the same person: they count twice."""
        named = [(each, self._as_the_feed_writes(each["username"])) for each in self._givers]
        (sender, name), amount, at = named[0], 1, self._lately()
        for number in range(many):
            if number % 50 == 49:
                at += timedelta(seconds=1)
            else:
                (sender, name), at = self._dice.choice(named), self._lately()
                amount = self._dice.choice((1, 10, 100, 500))
            yield partial(self._kick, sender, name, amount, at)

    def _kick(self, sender: Json, name: str, amount: int, at: datetime, fate: Fate) -> Delivery:
        told_at, number = self._told_at(fate, at), self._uuid()
        instant = f"{told_at:%Y-%m-%dT%H:%M:%S}.{told_at.microsecond // 1000:03d}Z"
        gift = {"amount": amount, "name": "Rage Quit"}
        key = f"{sender['user_id']}|{amount}|Rage Quit|{instant}"
        body = {"sender": sender, "gift": gift, "created_at": instant}
        fact = Fact("KicksGifted", key, told_at)
        delivery = self._letter("kicks.gifted", fate, self._sent_at(fate, told_at), body, fact)
        data = {
            "gift_transaction_id": number,
            "sender": {"id": sender["user_id"], "username": name},
            "gift": gift,
            "created_at": f"{at:%Y-%m-%dT%H:%M:%S.%f}{self._dice.randrange(1000):03d}Z",
        }
        frames = (Frame(SITE, "KicksGifted", data),)
        return replace(
            delivery, drop=number, seen=(Seen("kicks", name, "", amount),), frames=frames
        )

    def _gifts(self, many: int) -> Iterator[Plan]:
        """Drops, in so many deliveries altogether."""
        while many:
            size = self._dice.choice(DROPS)
            plans = list(self._drop(size if size <= many * WEBHOOK_CHUNK else 1))
            yield from plans
            many -= len(plans)

    def _drop(self, size: int) -> Iterator[Plan]:
        gifter = self._dice.choice(self._givers) if self._dice.random() < 0.8 else None
        giftees = [self._somebody("Lucky_") for _ in range(size)]
        names = {each["user_id"]: self._as_the_feed_writes(each["username"]) for each in giftees}
        giver = self._as_the_feed_writes(gifter["username"]) if gifter else "Anonymous"
        number = str(self._dice.randrange(10**15, 10**16))
        frames = tuple(self._frames(giver, list(names.values()), number))
        at = self._lately()
        for start in range(0, size, WEBHOOK_CHUNK):
            chunk = giftees[start : start + WEBHOOK_CHUNK]
            seen = tuple(
                Seen("gift", giver if gifter else "", names[each["user_id"]], 1) for each in chunk
            )
            whole = partial(replace, drop=number, seen=seen, frames=() if start else frames)
            yield partial(self._gift, gifter, chunk, at, whole)

    def _gift(
        self,
        gifter: Json | None,
        giftees: Sequence[Json],
        at: datetime,
        whole: Callable[[Delivery], Delivery],
        fate: Fate,
    ) -> Delivery:
        at = self._told_at(fate, at).replace(microsecond=0)
        giver = gifter["user_id"] if gifter else "anon"
        facts = [
            Fact("SubGifted", f"{giver}|{each['user_id']}|{at.isoformat()}", at) for each in giftees
        ]
        body = {
            "gifter": gifter or NOBODY,
            "giftees": list(giftees),
            "created_at": stamp(at),
            "expires_at": stamp(at + MONTH),
        }
        sent_at = self._sent_at(fate, at)
        return whole(self._letter("channel.subscription.gifts", fate, sent_at, body, *facts))

    def _frames(self, giver: str, names: Sequence[str], number: str) -> Iterator[Frame]:
        """Chunks, under the new name, the old one, or both."""
        events = self._dice.choice((("",), ("",), (PREFIX,), ("", PREFIX)))
        for start in range(0, len(names), FEED_CHUNK):
            data = {
                "correlation_id": number,
                "gifter_username": giver,
                "gifted_usernames": names[start : start + FEED_CHUNK],
                "gifted_total": len(names),
            }
            for prefix in events:
                yield Frame(NOTICES, f"{prefix}GiftedSubscriptionsEvent", data)

    # -- what only webhooks tell ------------------------------------------------------------

    def _streams(self, many: int) -> Iterator[Plan]:
        for number in range(many):
            ago = timedelta(hours=5) - number * timedelta(seconds=STREAM_SECONDS + PAUSE_SECONDS)
            began = self._now - ago
            yield partial(self._stream, began, None)
            yield partial(self._stream, began, began + timedelta(seconds=STREAM_SECONDS))

    def _stream(self, began: datetime, ended: datetime | None, fate: Fate) -> Delivery:
        body = {
            "is_live": ended is None,
            "title": "Slots",
            "started_at": stamp(began),
            "ended_at": stamp(ended) if ended else None,
        }
        at = ended or began
        fact = Fact("StreamEnded" if ended else "StreamWentLive", began.isoformat(), at)
        sent_at = self._sent_at(fate, at)
        return self._letter("livestream.status.updated", fate, sent_at, body, fact)

    def _line(self, fate: Fate) -> Delivery:
        who = self._dice.choice(self._chatters)
        words = self._dice.choice(("gg", "hello", "what a win 🔥", "[emote:37226:KEKW]"))
        return self._said(self._uuid(), who, words, fate)

    def _call(self, call: Call, fate: Fate) -> Delivery:
        if call.platform == "twitch":
            caller = _on_twitch("chatter_user", call.user_id, call.name)
            return self._said_on_twitch(call.message_id, caller, f"!call {call.slot}", fate)
        return self._said(
            call.message_id, person(call.user_id, call.name), f"!call {call.slot}", fate
        )

    def _said(self, message_id: str, who: Json, words: str, fate: Fate) -> Delivery:
        seconds = self._dice.randrange(int(CHAT_SPAN.total_seconds()))
        at = self._now - timedelta(seconds=seconds)
        body = {
            "message_id": message_id,
            "sender": {**who, "identity": IDENTITY},
            "content": words,
            "emotes": None,
            "created_at": stamp(at),
        }
        fact = Fact("ChatMessageSent", message_id, at)
        return self._letter("chat.message.sent", fate, self._sent_at(fate, at), body, fact)

    # -- Twitch ------------------------------------------------------------------------------

    def _twitch(
        self, kind: str, fate: Fate, event: Json, name: str, *keys: str, id: str = ""
    ) -> Delivery:
        """All of it is signed as the story begins: Twitch dates events when it sends them. The
        natural keys name what is to be counted; with `id` it is that of the message, which stays
        the same when it is sent again."""
        ids = tuple(id or self._uuid() for _ in range(2 if fate == "twice" else 1))
        body = {"broadcaster_user_id": str(NORA_ON_TWITCH), **event}
        facts = tuple(Fact(name, key, self._now) for key in keys)
        return Delivery(kind, body, fate, ids, self._now, facts, platform="twitch")

    def _twitch_line(self, fate: Fate) -> Delivery:
        who = self._dice.choice(self._chatters)
        chatter = _on_twitch("chatter_user", who["user_id"], who["username"])
        return self._said_on_twitch(self._uuid(), chatter, "what a win 🔥", fate)

    def _said_on_twitch(self, message_id: str, chatter: Json, text: str, fate: Fate) -> Delivery:
        event = {**chatter, "message_id": message_id, "message": {"text": text}, "badges": []}
        return self._twitch("channel.chat.message", fate, event, "ChatMessageSent", message_id)

    def _twitch_subscription(self, fate: Fate) -> Delivery:
        who, tier = self._somebody("Sub_"), self._dice.choice(("1000", "2000", "3000"))
        event = {**_on_twitch("user", who["user_id"], who["username"]), "tier": tier}
        key = f"{who['user_id']}|{tier}|{self._now:%Y-%m-%d}"
        event["is_gift"] = False
        return self._twitch("channel.subscribe", fate, event, "SubscriptionStarted", key)

    def _twitch_cheer(self, fate: Fate) -> Delivery:
        who, id = self._dice.choice(self._chatters), self._uuid()
        event = {**_on_twitch("user", who["user_id"], who["username"]), "is_anonymous": False}
        event |= {"message": "", "bits": self._dice.randrange(1, 500)}
        return self._twitch("channel.cheer", fate, event, "BitsCheered", id, id=id)

    def _twitch_renewals(self, many: int) -> Iterator[Plan]:
        for _ in range(many):
            yield partial(self._twitch_renewal, self._somebody("Loyal_"))

    def _twitch_renewal(self, who: Json, fate: Fate) -> Delivery:
        months = self._dice.randrange(2, 40)
        event = {**_on_twitch("user", who["user_id"], who["username"]), "tier": "1000"}
        event |= {"message": {"text": "", "emotes": []}, "cumulative_months": months}
        key, kind = f"{who['user_id']}|{months}|1000", "channel.subscription.message"
        return self._twitch(kind, fate, event, "SubscriptionRenewed", key)

    def _twitch_gifts(self, many: int) -> Iterator[Plan]:
        """Each giver's count grows."""
        given: Counter[int] = Counter()
        for _ in range(many):
            who, size = self._dice.choice(self._givers), self._dice.choice(DROPS)
            given[who["user_id"]] += size
            yield partial(self._twitch_gift, who, size, given[who["user_id"]])

    def _twitch_gift(self, who: Json, size: int, given: int, fate: Fate) -> Delivery:
        event = {**_on_twitch("user", who["user_id"], who["username"]), "total": size}
        event |= {"tier": "1000", "cumulative_total": given, "is_anonymous": False}
        keys = (f"{who['user_id']}|{given}|{number}" for number in range(size))
        return self._twitch("channel.subscription.gift", fate, event, "SubGifted", *keys)

    # -- Kick ---------------------------------------------------------------------------------

    def _follow(self, fate: Fate) -> Delivery:
        who, sent_at = self._somebody("Follower_"), self._sent_at(fate, self._lately())
        fact = Fact("ChannelFollowed", f"{NORA}|{who['user_id']}", sent_at)
        return self._letter("channel.followed", fate, sent_at, {"follower": who}, fact)

    def _metadata(self, fate: Fate) -> Delivery:
        sent_at = self._sent_at(fate, self._lately())
        about = {"title": f"Round {self._uuid()}", "language": "en", "category": None}
        fact = Fact("StreamChanged", "", sent_at)
        body = {"metadata": about}
        return self._letter("livestream.metadata.updated", fate, sent_at, body, fact)

    def _ban(self, fate: Fate) -> Delivery:
        who, at = self._somebody("Troll_"), self._lately().replace(microsecond=0)
        about = {"reason": "spam", "created_at": stamp(at), "expires_at": None}
        fact = Fact("ViewerBanned", f"{who['user_id']}|{at.isoformat()}", at)
        body = {"moderator": OWNER, "banned_user": who, "metadata": about}
        return self._letter("moderation.banned", fate, self._sent_at(fate, at), body, fact)

    def _redemptions(self, many: int) -> Iterator[Plan]:
        """Each is sent when it is redeemed, and when it is accepted."""
        for _ in range(many // 2):
            who, number = self._dice.choice(self._chatters), self._uuid()
            at = self._lately().replace(microsecond=0)
            yield partial(self._redemption, who, number, at, "pending")
            yield partial(self._redemption, who, number, at, "accepted")

    def _redemption(
        self, who: Json, number: str, at: datetime, status: str, fate: Fate
    ) -> Delivery:
        body = {
            "id": number,
            "status": status,
            "user_input": "",
            "redeemed_at": stamp(at),
            "reward": {"id": "hydrate", "title": "Hydrate", "cost": 100, "description": ""},
            "redeemer": who,
        }
        fact = Fact("RewardRedeemed", f"{number}|{status}", at)
        kind = "channel.reward.redemption.updated"
        return self._letter(kind, fate, self._sent_at(fate, at), body, fact)


def _on_twitch(prefix: str, user_id: int, name: str) -> Json:
    return {f"{prefix}_id": str(user_id), f"{prefix}_login": name.lower(), f"{prefix}_name": name}


def _subscribed(who: Json, months: int, began: datetime, end: datetime) -> Json:
    return {
        "subscriber": who,
        "duration": months,
        "created_at": stamp(began),
        "expires_at": stamp(end),
    }
