"""Recognises repeated gifts: Kick may send a gift several times with more or fewer details about
who received it, and an admin may have credited it from the feed before its webhook arrived."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import select

from core.events import SubGifted
from core.kick.review.records import KnownGift, RecentSupport, ReviewItem
from core.kick.review.rules import (
    SAME_GIFT_WINDOW,
    WINDOWS,
    Giftee,
    gift_subject,
    giver_key,
    may_be_same,
    name_key,
    pair_giftees,
)
from core.kit.database.connection import cached
from core.kit.database.work import Work

_ANY_ITEMS = "kick.review.has_gift_items"


def giftee_of(event: SubGifted) -> Giftee:
    """The recipient according to a delivery."""
    if event.giftee is not None:
        return Giftee(event.giftee.user_id, name_key(event.giftee.name))
    return Giftee(None, name_key(event.giftee_name))


# -- sent again by another webhook --------------------------------------------------------------


def recognise(work: Work, gifts: Sequence[SubGifted]) -> list[SubGifted]:
    """The gifts of one delivery. Those that an earlier delivery contained keep the keys that they
    had there, so that they count once; what this delivery says about them is remembered.

    A delivery repeats an earlier one if giver, time and number are the same and no giftee
    contradicts it; otherwise only the giftees that are certainly the same are repeats.
    """
    at, drop = gifts[0].at, gifts[0].drop
    at_once = select(KnownGift).where(KnownGift.at == at).order_by(KnownGift.drop, KnownGift.part)
    parts = work.scalars(at_once)
    known = [part for part in parts if part.drop == drop or gifts[0].gifter is None]
    giftees = [giftee_of(event) for event in gifts]
    repeated = _find_repeated(known, drop, giftees)
    if repeated is not None:
        pairs = pair_giftees(repeated.first, giftees)
        free = [key for place, key in enumerate(repeated.keys) if place not in pairs.values()]
        keys = [
            repeated.keys[pairs[place]] if place in pairs else free.pop()
            for place in range(len(gifts))
        ]
        repeated.note(giftees)
    else:
        same_drop = [part for part in known if part.drop == drop]
        keys = _keys_of_part(same_drop, gifts, giftees)
        number = 1 + max((part.part for part in same_drop), default=0)
        new = KnownGift(at=at, drop=drop, part=number, keys=keys, told=[])
        new.note(giftees)
        work.add(new)
    return [replace(event, key=key) for event, key in zip(gifts, keys, strict=True)]


def _find_repeated(
    known: Sequence[KnownGift], drop: str, giftees: Sequence[Giftee]
) -> KnownGift | None:
    """The earlier delivery of the same gift. If its giver is unknown, it must share a giftee."""
    matching = []
    for gift in known:
        is_possible = all(may_be_same(old, giftees) for old in gift.variants)
        if len(gift.keys) == len(giftees) and is_possible:
            certain = max(len(pair_giftees(old, giftees, surely=True)) for old in gift.variants)
            if gift.drop == drop or certain:
                matching.append((certain, -gift.part, gift))
    return max(matching, key=lambda found: found[:2])[2] if matching else None


def _keys_of_part(
    parts: Sequence[KnownGift], gifts: Sequence[SubGifted], giftees: Sequence[Giftee]
) -> list[str]:
    """Keys for another part of a drop: giftees that are certainly the same keep theirs."""
    keys = [event.key for event in gifts]
    taken = {key for part in parts for key in part.keys}
    sure: dict[int, str] = {}
    for part in parts:
        found = pair_giftees(part.first, giftees, surely=True)
        if found:  # it overlaps: unnamed giftees may be others of that part
            found = pair_giftees(part.first, giftees)
        sure |= {place: part.keys[known] for place, known in found.items() if place not in sure}
    fresh = f"~{1 + max((part.part for part in parts), default=0)}"
    return [
        sure.get(place) or (f"{key}{fresh}" if key in taken else key)
        for place, key in enumerate(keys)
    ]


# -- credited before its webhook arrived --------------------------------------------------------


def expect_items(work: Work) -> None:
    """The feed reports a gift in this transaction."""
    cached(work.tx, (_ANY_ITEMS, work.guild_id), lambda: True)


def take_credited(work: Work, gifts: Sequence[SubGifted]) -> set[str]:
    """The keys of a delivery's gifts that were credited before it arrived. A credited item stores
    the key, so that only one webhook's gift is dropped for it.

    Giftees with other names are the same gift if the rest of it is, or if giver, number and roughly
    the time are.
    """
    items = _items_near(work, gifts)
    if all(item.state != "credited" for item in items):
        return set()
    keys = [gift.key for gift in gifts]
    counted = select(RecentSupport.key).where(
        RecentSupport.kind == "gift", RecentSupport.key.in_(keys)
    )
    known = set(work.scalars(counted))
    taken = {
        item.webhook_key: item.state == "credited"
        for item in items
        if item.webhook_key in keys and (item.state == "credited" or item.webhook_key in known)
    }
    left = [gift for gift in gifts if gift.key not in taken and gift.key not in known]
    for gift in list(left):
        free = [item for item in items if item.webhook_key is None and _names(item, gift)]
        nearest = min(
            free, key=lambda item: (abs(item.at - gift.at), item.state == "credited"), default=None
        )
        if nearest is not None:
            left.remove(gift)
            if nearest.state == "credited":
                nearest.webhook_key, taken[gift.key] = gift.key, True
    for drop in _drops(items):
        free = [item for item in drop if item.state == "credited" and item.webhook_key is None]
        if not free or not _is_given_by(drop[0], gifts[0]):
            continue
        is_same = _is_same_gift(drop, gifts, keys)
        for gift in [gift for gift in left if is_same or not giftee_of(gift).name]:
            if free:
                free[-1].webhook_key, taken[gift.key] = gift.key, True
                free.pop()
                left.remove(gift)
    return {key for key, is_credited in taken.items() if key and is_credited}


def _items_near(work: Work, gifts: Sequence[SubGifted]) -> Sequence[ReviewItem]:
    """The feed's reports around these gifts, by time."""
    is_gift = ReviewItem.kind == "gift"
    if not cached(work.tx, (_ANY_ITEMS, work.guild_id), lambda: work.exists(is_gift)):
        return []
    at, window = gifts[0].at, WINDOWS["gift"]
    near = select(ReviewItem).where(is_gift, ReviewItem.at.between(at - window, at + window))
    return work.scalars(near.order_by(ReviewItem.at, ReviewItem.key)).all()


def _names(item: ReviewItem, gift: SubGifted) -> bool:
    """Whether the feed's report is certainly about this gift."""
    if not _is_given_by(item, gift):
        return False
    if item.receiver_id is not None and gift.giftee is not None:
        return item.receiver_id == gift.giftee.user_id
    return bool(item.receiver) and giftee_of(gift).name == name_key(item.receiver)


def _is_given_by(item: ReviewItem, gift: SubGifted) -> bool:
    if gift.gifter is not None and item.giver_id is not None:
        return item.giver_id == gift.gifter.user_id
    return giver_key(item.giver) == giver_key(gift.gifter.name if gift.gifter else None)


def _drops(items: Iterable[ReviewItem]) -> list[list[ReviewItem]]:
    """Items that the feed reported together."""
    by_drop = sorted(items, key=lambda item: (item.drop, item.key))
    return [list(same) for _drop, same in groupby(by_drop, key=lambda item: item.drop)]


def _is_same_gift(
    drop: Sequence[ReviewItem], gifts: Sequence[SubGifted], keys: Collection[str]
) -> bool:
    """Whether the feed's report of a gift by the same giver is about this one."""
    is_near = abs(drop[0].at - gifts[0].at) <= SAME_GIFT_WINDOW
    return any(item.webhook_key in keys for item in drop) or (is_near and len(drop) == len(gifts))


# -- reported by both, with different names -----------------------------------------------------


def name_gifts(work: Work, items: Sequence[ReviewItem]) -> list[ReviewItem]:
    """A webhook may leave out who received a gift or use another name than the feed: give such a
    webhook the subject of one of these items that no other webhook confirms. Returns the items
    whose webhook is now known."""
    if not items:
        return []
    window = WINDOWS["gift"]
    times = [item.at for item in items]
    first, last = min(times) - window, max(times) + window
    near = RecentSupport.at.between(first, last)
    wanted = select(RecentSupport).where(
        RecentSupport.kind == "gift", RecentSupport.subject.is_not(None), near
    )
    confirmed = select(ReviewItem.webhook_key).where(
        ReviewItem.kind == "gift", ReviewItem.at.between(first, last)
    )
    paired = {key for key in work.scalars(confirmed) if key is not None}
    order = (RecentSupport.at, RecentSupport.key)
    free: dict[str, list[RecentSupport]] = {}
    for webhook in work.scalars(wanted.order_by(*order)):
        if webhook.key not in paired:
            free.setdefault((webhook.subject or "").partition("|")[0], []).append(webhook)
    parts = _parts_between(work, first, last) if free else {}
    found = []
    for drop in _drops(items):
        for item in drop:
            given = free.get(giver_key(item.giver), [])
            candidates = (gift for gift in given if _may_confirm(gift, item, drop, parts))
            same = next(candidates, None)
            if same is not None:
                given.remove(same)
                same.subject = item.subject
                found.append(item)
    return found


def _parts_between(work: Work, first: Any, last: Any) -> dict[str, list[str]]:
    """Key of a webhook's gift -> the keys of all gifts in the same delivery."""
    found = select(KnownGift).where(KnownGift.at.between(first, last))
    return {key: gift.keys for gift in work.scalars(found) for key in gift.keys}


def _may_confirm(
    webhook: RecentSupport,
    item: ReviewItem,
    drop: Sequence[ReviewItem],
    parts: dict[str, list[str]],
) -> bool:
    """Whether this gift of the same giver may be the one that the feed reported."""
    apart = abs(webhook.at - item.at)
    if webhook.subject == gift_subject(item.giver, ""):
        return apart <= WINDOWS["gift"]
    return apart <= SAME_GIFT_WINDOW and len(parts.get(webhook.key, ())) == len(drop)
