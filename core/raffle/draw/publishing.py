"""The public data of a draw, and a viewer's own entry in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from core.draws import picks, secrets
from core.guilds.store import list_names
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox.store import find_receipt
from core.people import store as people
from core.raffle import announcements
from core.raffle import store as raffle
from core.raffle.actions import opened_key
from core.raffle.config import Config
from core.raffle.draw import store
from core.raffle.draw.announcing import frozen_key
from core.raffle.draw.integrity import is_replaced, salt_of, seed_of
from core.raffle.draw.store import Draw, PickState
from core.raffle.draw.store import Pick as Drawn
from core.raffle.records import Announcement, Period

SEARCHED = 12
"""How many lists, newest first, are searched for an entry if no raffle is named."""

_RESULTS: dict[PickState, picks.Result] = {
    "drawn": "waiting",
    "claimed": "won",
    "delivered": "won",
    "expired": "expired",
    "skipped": "skipped",
}


_DISCORD_EPOCH = 1420070400


@dataclass(frozen=True, slots=True)
class Post:
    """A message in Discord. `at` is by Discord's clock."""

    guild_id: int
    channel_id: int
    message_id: int
    at: datetime

    @property
    def url(self) -> str:
        return f"https://discord.com/channels/{self.guild_id}/{self.channel_id}/{self.message_id}"


@dataclass(frozen=True, slots=True)
class PublicDraw:
    """Everything that a draw's page shows.

    Attributes:
        draw: None while the list is not frozen.
        plans: what was announced about the draw: at the opening, and whenever the end or the grace
            time changed.
        freezes: every list that was frozen, with its Discord message; more than one only if
            somebody changed the database.
        opening: the Discord message with the commitment, once it is there.
        freeze: the one with the hash of the list.
        altered: numbers of winners whose rows are not as drawn.
    """

    server: str
    period: Period
    draw: Draw | None
    picks: Sequence[Drawn]
    plans: Sequence[Announcement]
    freezes: Sequence[tuple[Announcement, Post | None]]
    opening: Post | None
    freeze: Post | None
    altered: frozenset[int]


def find_public_draw(tx: Connection, config: Config, public_id: str) -> PublicDraw | None:
    period = raffle.find_by_public_id(tx, public_id)
    if period is None:
        return None
    guild_id, number = period.guild_id, period.number
    draw = store.find_draw(tx, guild_id, number)
    announced = announcements.list_announcements(tx, guild_id, number)
    freezes = [
        (one, _find_post(tx, guild_id, frozen_key(number, one.snapshot_hash or "")))
        for one in announced
        if one.kind == "frozen"
    ]
    drawn = store.list_picks(tx, guild_id, number)
    salt = salt_of(tx, config, guild_id, number) if drawn else b""
    return PublicDraw(
        server=list_names(tx).get(guild_id, ""),
        period=period,
        draw=draw,
        picks=drawn,
        plans=[one for one in announced if one.kind != "frozen"],
        freezes=freezes,
        opening=_find_post(tx, guild_id, opened_key(number)),
        freeze=_find_post(tx, guild_id, frozen_key(number, draw.snapshot_hash)) if draw else None,
        altered=frozenset(pick.k for pick in drawn if is_replaced(salt, pick)),
    )


def _find_post(tx: Connection, guild_id: int, key: str) -> Post | None:
    receipt = find_receipt(tx, guild_id, key) or {}
    at = posted_at(receipt)
    return Post(guild_id, receipt["channel_id"], receipt["message_id"], at) if at else None


def posted_at(receipt: Mapping[str, Any] | None) -> datetime | None:
    """When a message was posted, by its id; None if it was not."""
    if receipt is None or "message_id" not in receipt:
        return None
    return datetime.fromtimestamp((receipt["message_id"] >> 22) / 1000 + _DISCORD_EPOCH, UTC)


def bundle_of(tx: Connection, config: Config, found: PublicDraw) -> bytes | None:
    """None before the draw, because the seed is secret until then."""
    draw, period = found.draw, found.period
    if draw is None or period.drawn_at is None:
        return None
    salt = salt_of(tx, config, period.guild_id, period.number)
    seed = seed_of(tx, config, period.guild_id, period.number)
    snapshot = store.get_snapshot(tx, draw.guild_id, draw.period)
    published = [_published(pick, salt) for pick in found.picks]
    return picks.bundle(snapshot, seed, draw.random, published)


def _published(pick: Drawn, salt: bytes) -> picks.Pick:
    """Winners' accounts are published, unless they were erased since. An account that replaced the
    winner's is published without its secret number, so that the verifier reports it."""
    shown = picks.Pick.of(salt, pick.k, pick.account, pick.claimant, _RESULTS[pick.state])
    if pick.state == "skipped":
        return picks.Pick(pick.k, pick.pseudonym, "skipped", pick.reason)
    if pick.erased:
        return replace(shown, pseudonym=pick.pseudonym, account=None, secret=None)
    if shown.pseudonym != pick.pseudonym:
        return replace(shown, pseudonym=pick.pseudonym, secret=None)
    return shown


@dataclass(frozen=True, slots=True)
class Proof:
    """A viewer's own entry. `secret` is shown only to the owner."""

    number: int
    pseudonym: str
    tickets: int
    secret: str
    account: str
    page: str


def get_proof(
    tx: Connection, config: Config, guild_id: int, discord_id: int, number: int | None
) -> Proof:
    """A member's entry in this raffle, or in the newest frozen list that has one.

    Raises:
        Refusal: there is none.
    """
    link = people.find_link(tx, guild_id, discord_id)
    if link is None:
        raise Refusal(_("You have not linked a Kick account."), _("Link it with `/link`."))
    viewer = people.get_viewer(tx, guild_id, link.viewer_id)
    account = f"{viewer.platform}:{viewer.platform_user_id}"
    for period in store.list_frozen_periods(tx, guild_id, SEARCHED, number):
        proof = _find_proof(tx, config, period, account)
        if proof is not None:
            return proof
    raise Refusal(
        _("{name} is in no frozen list.").format(name=link.name),
        _("Lists are frozen when a raffle has ended."),
    )


def _find_proof(tx: Connection, config: Config, period: Period, account: str) -> Proof | None:
    secret = secrets.secret_number(salt_of(tx, config, period.guild_id, period.number), account)
    name = secrets.pseudonym(secret, account)
    tickets = store.find_tickets_of_line(tx, period.guild_id, period.number, name)
    if tickets is None:
        return None
    return Proof(period.number, name, tickets, secret, account, config.page_of(period.public_id))


@dataclass(frozen=True, slots=True)
class Past:
    """A raffle that was frozen or drawn.

    Attributes:
        freezes: when its list was frozen; more than once only if somebody changed the database.
        winners: names with the state of the prize.
    """

    number: int
    prize: str
    state: str
    ended_at: datetime
    page: str
    freezes: Sequence[datetime]
    winners: Sequence[tuple[str, str]]


def list_past(tx: Connection, config: Config, guild_id: int, most: int) -> list[Past]:
    """The last raffles, newest first."""
    return [
        Past(
            period.number,
            period.prize,
            "cancelled" if period.is_cancelled else period.state,
            period.ends_at,
            config.page_of(period.public_id),
            [one.at for one in announcements.list_freezes(tx, guild_id, period.number)],
            [
                (pick.name, pick.state)
                for pick in store.list_picks(tx, guild_id, period.number)
                if pick.state in store.WINNING
            ],
        )
        for period in store.list_ever_frozen_periods(tx, guild_id, most)
    ]
