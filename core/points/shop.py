"""The shop. Features declare offers; the shop takes the points and publishes `PointsSpent`, and
refunds them when the feature publishes `PointsPurchaseRefused`."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from core.events import ChatMessageSent, PointsPurchaseRefused, PointsSpent
from core.guilds.actions import load_settings, setting
from core.inbox import actions as inbox
from core.kit.database.records import ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.feature import Offer
from core.kit.guild_settings import GuildSetting
from core.kit.runtime.crypto import hash_of
from core.kit.text.amounts import split_part
from core.kit.text.cleaning import fold
from core.kit.text.words import N_, _
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.store import find_link_of_viewer
from core.points import ledger, store
from core.points.actions import require_own
from core.points.ledger import NewEntry
from core.points.records import Entry, Purchase
from core.points.rules import (
    MAX_POINTS,
    SPENDING_ORDER,
    Bucket,
    PointsSettings,
    allocate,
    spendable,
)

UNRESTRICTED: tuple[Bucket, ...] = ("earned",)
"""Points that can buy everything."""


class Priced(NamedTuple):
    """An offer with the server's price."""

    offer: Offer
    price: int
    buckets: tuple[Bucket, ...]


def settings_of(offer: Offer) -> tuple[GuildSetting[int], GuildSetting[bool]]:
    """Its price, and which points can pay."""
    name = offer.key.replace(".", "_")
    price = GuildSetting(
        f"points.{name}_price",
        int,
        offer.price,
        f"Price of {offer.say(1)} in points (`!buy {offer.words[0]}`); 0 to remove it from the "
        f"shop.",
        minimum=0,
        maximum=10**9,
        label=f"Price of {offer.say(1)}",
    )
    for_all = GuildSetting(
        f"points.{name}_for_all",
        bool,
        offer.for_all_points,
        f"Points from Kicks, bits and won games can also pay for `!buy {offer.words[0]}`.",
        label=f"All points can buy {offer.words[0]}",
    )
    return price, for_all


class Shop:
    """The offers of all features."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = tuple(offers)
        self.settings = tuple(setting for offer in offers for setting in settings_of(offer))

    def list_priced(self, work: Work) -> list[Priced]:
        """The offers that the server sells."""
        found = []
        for offer in self.offers:
            of_price, of_points = settings_of(offer)
            for_all = setting(work.tx, work.guild_id, of_points)
            if price := setting(work.tx, work.guild_id, of_price):
                buckets = SPENDING_ORDER if for_all else UNRESTRICTED
                found.append(Priced(offer, price, buckets))
        return found

    def buy(
        self, work: Work, viewer_id: int, wanted: str, key: str, chat: ChatMessageSent | None = None
    ) -> Purchase:
        """Buy a typed offer, such as `tickets 5`.

        Args:
            key: natural key of the request, which makes repeating it harmless.

        Raises:
            Refusal: there is no such offer, it cannot be delivered right now, or there are not
                enough points that can buy it.
        """
        require_own(load_settings(work, PointsSettings))
        work.lock(Lock.POINTS)
        key = f"buy:{hash_of(key)}"
        if known := work.find(Purchase, key):
            return known
        priced, count = self._parse(work, wanted)
        price, accounts = priced.price * count, store.accounts_of(work, viewer_id)
        if not store.list_excluded(work, accounts).isdisjoint(accounts):
            raise Refusal(_("You can't use the shop."))
        if reason := priced.offer.why_not(work, viewer_id):
            raise Refusal(reason)
        if price > MAX_POINTS:
            raise Refusal(_("That amount is too large."))
        balances = store.get_balances(work, accounts)
        parts = allocate(balances, accounts, price, priced.buckets)
        if parts is None:
            has = spendable(balances, accounts, priced.buckets)
            raise Refusal(
                _("That costs {price:,}, but you have {has:,}.").format(price=price, has=has)
                if priced.buckets == SPENDING_ORDER
                else _(
                    "That costs {price:,}. You have {has:,} points that can be spent on it."
                ).format(price=price, has=has)
            )
        purchase = Purchase(
            key=key,
            viewer_id=ViewerId(viewer_id),
            offer=priced.offer.key,
            quantity=count,
            points=price,
            at=work.now,
        )
        if chat is not None:
            purchase.platform, purchase.channel_id = chat.platform, chat.channel_id
            purchase.message_id = chat.message_id
        work.add(purchase)
        new = ledger.entries_for(purchase.key, parts, -1)
        ledger.post(work, f"shop:{purchase.offer}", new)
        event = PointsSpent(
            key=purchase.key,
            guild_id=work.guild_id,
            at=work.now,
            viewer_id=viewer_id,
            offer=purchase.offer,
            quantity=count,
            points=price,
        )
        inbox.publish(work.tx, event)
        return purchase

    def _parse(self, work: Work, wanted: str) -> tuple[Priced, int]:
        word, _space, number = fold(wanted).strip().partition(" ")
        offers = self.list_priced(work)
        found = next((priced for priced in offers if word in priced.offer.words), None)
        if found is None:
            words = ", ".join(priced.offer.words[0] for priced in offers) or _("nothing right now")
            raise Refusal(_("You can buy: {offers}.").format(offers=words))
        count = _count(number.strip(), found.offer.maximum)
        if count > found.offer.maximum:
            maximum = f"{found.offer.maximum:,}"
            raise Refusal(_("You can buy up to {maximum} at once.").format(maximum=maximum))
        return found, count

    def describe(self, purchase: Purchase) -> str:
        """Such as `5 raffle tickets`."""
        offer = next(
            (candidate for candidate in self.offers if candidate.key == purchase.offer), None
        )
        return offer.say(purchase.quantity) if offer else purchase.offer

    def handle_buy(self, work: Work, message: ChatMessageSent, argument: str) -> None:
        """Handle `!buy tickets 5`; without an offer, list them."""
        settings = load_settings(work, PointsSettings)
        if not settings.enabled:
            return
        viewer_id = people.get_or_create_sender(work.tx, message)
        payload: dict[str, object] = dict(settings.currency)
        if not argument.strip():
            offers = [(priced.offer.words[0], priced.price) for priced in self.list_priced(work)]
            payload["lines"] = [f"{word} ({price:,})" for word, price in offers]
            outbox.post_reply(work, message, "points.offers", payload, once_a_minute="all")
            return
        key = f"{message.platform}:{message.key}"
        try:
            bought = self.buy(work, viewer_id, argument, key, message)
        except Refusal as refusal:
            payload = {"what": refusal.what}
            outbox.post_reply(
                work, message, "points.refused", payload, once_a_minute=f"buy:{viewer_id}"
            )
            return
        payload |= {"what": self.describe(bought), "points": bought.points}
        outbox.post_reply(work, message, "points.bought", payload)


def _count(typed: str, maximum: int) -> int:
    """The quantity of an offer; 1 if only words such as an emote follow it."""
    if not re.match(r"\W*(\w*[0-9]|all\b|max\b|half\b)", typed):
        return 1
    return split_part(typed, maximum)[0]


def on_purchase_refused(work: Work, event: PointsPurchaseRefused) -> None:
    """Refund a purchase once, to the buckets that paid for it, and notify the viewer."""
    work.lock(Lock.POINTS)
    purchase, key = work.find(Purchase, event.key), f"back:{event.key}"
    if purchase is None or purchase.refused or store.list_posted(work, [key]):
        return
    purchase.refused = event.reason or N_("not delivered")
    paid = work.scalars(select(Entry).where(Entry.key == event.key).order_by(Entry.part))
    new = [
        NewEntry(key, entry.viewer_id, entry.bucket, -entry.amount, entry.part) for entry in paid
    ]
    ledger.post(work, f"shop:{purchase.offer}", new, reason=purchase.refused[:200])
    settings = load_settings(work, PointsSettings)
    payload = settings.currency | {"what": purchase.refused, "points": purchase.points}
    post_key = f"points.returned:{event.key}"
    if purchase.channel_id:
        payload["viewer"] = purchase.viewer_name
        outbox.post_to_chat(
            work,
            purchase.platform,
            purchase.channel_id,
            "points.returned",
            post_key,
            payload,
            purchase.message_id,
        )
    elif link := find_link_of_viewer(work, purchase.viewer_id):
        outbox.post_to_user(
            work, link.discord_id, "points.refunded", post_key, payload, if_possible=True
        )
