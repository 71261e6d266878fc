"""The public data of a draw, and a viewer's own entry in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from core.draws import picks, secrets
from core.guilds.store import list_names
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Work
from core.outbox.actions import find_receipt
from core.people import store as people
from core.raffle import store as raffles
from core.raffle.actions import Config, message_key
from core.raffle.draw import store
from core.raffle.draw.frozen import find_frozen
from core.raffle.records import WINNING, Announcement, Draw, Period
from core.raffle.records import Pick as Drawn

SEARCHED = 12
"""How many lists, newest first, are searched for an entry if no raffle is named."""

_NOT_WON: dict[str, picks.Result] = {"drawn": "waiting", "expired": "expired"}
_DISCORD_EPOCH = 1420070400


class Post(NamedTuple):
    """A message in Discord. `at` is by Discord's clock."""

    url: str
    at: datetime


class PublicDraw(NamedTuple):
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


def get_public_draw(work: Work, config: Config, period: Period) -> PublicDraw:
    """What the page of this raffle shows."""
    number = period.number
    raffle, drawn = find_frozen(work, config, number), store.list_picks(work, number)
    announced = raffles.list_announcements(work, number)
    freezes = [
        (one, _find_post(work, _frozen_key(one))) for one in announced if one.kind == "frozen"
    ]
    draw = raffle.draw if raffle else None
    return PublicDraw(
        server=list_names(work.tx).get(work.guild_id, ""),
        period=period,
        draw=draw,
        picks=drawn,
        plans=[one for one in announced if one.kind != "frozen"],
        freezes=freezes,
        opening=_find_post(work, message_key("raffle.opened", number)),
        freeze=_find_post(work, _frozen_key(draw)) if draw else None,
        altered=frozenset(pick.k for pick in drawn if raffle and raffle.is_replaced(pick)),
    )


def _frozen_key(freeze: Draw | Announcement) -> str:
    return message_key("raffle.frozen", freeze.period, freeze.snapshot_hash)


def _find_post(work: Work, key: str) -> Post | None:
    receipt = find_receipt(work, key)
    if "message_id" not in receipt:
        return None
    channel_id, message_id = receipt["channel_id"], receipt["message_id"]
    at = datetime.fromtimestamp((message_id >> 22) / 1000 + _DISCORD_EPOCH, UTC)
    return Post(f"https://discord.com/channels/{work.guild_id}/{channel_id}/{message_id}", at)


def make_bundle(work: Work, config: Config, number: int) -> bytes:
    """Everything that is needed to repeat a draw."""
    raffle = find_frozen(work, config, number)
    assert raffle is not None, "a list is frozen before it is drawn from"
    assert raffle.period.drawn_at is not None, "the seed is secret until then"
    published = [_published(pick, raffle.salt) for pick in store.list_picks(work, number)]
    snapshot = store.get_snapshot(work, number)
    return picks.bundle(snapshot, raffle.seed, raffle.draw.random, published)


def _published(pick: Drawn, salt: bytes) -> picks.Pick:
    """Winners' accounts are published, unless they were erased since. An account that replaced the
    winner's is published without its secret number, so that the verifier reports it."""
    if pick.state == "skipped":
        return picks.Pick(pick.k, pick.pseudonym, "skipped", pick.reason)
    result = _NOT_WON.get(pick.state, "won")
    shown = picks.Pick.of(salt, pick.k, pick.account, pick.claimant, result)
    if not pick.account:
        return replace(shown, pseudonym=pick.pseudonym, account=None, secret=None)
    if shown.pseudonym != pick.pseudonym:
        return replace(shown, pseudonym=pick.pseudonym, secret=None)
    return shown


class Proof(NamedTuple):
    """A viewer's own entry. `secret` is shown only to the owner."""

    number: int
    pseudonym: str
    tickets: int
    secret: str
    account: str
    page: str


def get_proof(work: Work, config: Config, number: int | None) -> Proof:
    """The actor's entry in this raffle, or in the newest frozen list that has one. Raises
    Refusal if there is none."""
    link = people.find_link(work.tx, work.guild_id, work.actor)
    if link is None:
        raise Refusal(_("You have not linked a Kick account."), _("Link it with `/link`."))
    viewer = people.get_viewer(work.tx, work.guild_id, link.viewer_id)
    account = f"{viewer.platform}:{viewer.platform_user_id}"
    for period in store.list_frozen_periods(work, SEARCHED, number):
        secret = secrets.secret_number(config.decrypt(period.sealed_salt), account)
        pseudonym = secrets.pseudonym(secret, account)
        tickets = store.find_tickets_of_line(work, period.number, pseudonym)
        if tickets is not None:
            page = config.page_of(period.public_id)
            return Proof(period.number, pseudonym, tickets, secret, account, page)
    raise Refusal(
        _("{name} is in no frozen list.").format(name=link.viewer_name),
        _("Lists are frozen when a raffle has ended."),
    )


class Past(NamedTuple):
    """A raffle that was frozen or drawn, and when its list was frozen: more than once only if
    somebody changed the database."""

    period: Period
    page: str
    freezes: Sequence[datetime]
    winners: Sequence[Drawn]


def list_past(work: Work, config: Config, most: int) -> list[Past]:
    """The last raffles, newest first."""
    return [
        Past(
            period,
            config.page_of(period.public_id),
            [one.at for one in raffles.list_freezes(work, period.number)],
            [pick for pick in store.list_picks(work, period.number) if pick.state in WINNING],
        )
        for period in store.list_frozen_periods(work, most)
    ]
