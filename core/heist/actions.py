"""Starting, cancelling and finishing a heist. Every step is an idempotent transaction; after a
crash `core.heist.tasks` continues with the next step."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from core.drand.chain import Chain
from core.drand.chain import Round as BeaconRound
from core.draws import rolls, secrets, snapshot
from core.draws.checks import Tampered, check_round, check_seed
from core.events import ChatMessageSent, PointsMoved
from core.guilds.actions import audit, load_settings
from core.guilds.chat_commands import names_of
from core.heist import store
from core.heist.joining import GAME, GRACE
from core.heist.owed import record_refused
from core.heist.panel import post_message, refresh_message
from core.heist.records import End, Heist, Player
from core.heist.rules import (
    JOIN_NAMES,
    START_NAMES,
    HeistSettings,
    expected_returns,
    format_return,
    format_time,
    outcome_of,
)
from core.heist.tiers import tiers_of
from core.kit.database.connection import vault_in
from core.kit.database.records import ChannelId, ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.runtime.crypto import SealBroken
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.chats import say_in_chats
from core.people.exclusions.store import without_excluded
from core.people.names import named_only, public_name
from core.points import providers
from core.points.providers import Moved, Round

CONFIRM_TIMEOUT = timedelta(seconds=75)
"""How long to wait for the points provider after the lock or the result. After that, unconfirmed
stakes are refused, and the heist stops waiting for payouts."""

MAX_NAMED = 10
"""Maximum number of names in a chat line."""

# -- starting -------------------------------------------------------------------------------------


def start(work: Work, viewer_id: int | None = None) -> Heist:
    """Open a heist.

    Args:
        viewer_id: the viewer who started it in chat.

    Raises:
        Refusal: heists or points are off, one is running, or the cooldown is not over.
    """
    work.lock(Lock.HEIST)
    settings = load_settings(work, HeistSettings)
    if not settings.enabled:
        raise Refusal(
            _("Heists are off."),
            _("An admin can turn them on with `/settings set heist.enabled on`."),
        )
    _require_points(work)
    newest = store.find_newest(work)
    if newest is not None and newest.state in ("open", "locked", "resolving", "paying"):
        raise Refusal(_("A heist is already running."))
    if newest is not None and newest.ready_at is not None and work.now < newest.ready_at:
        raise Refusal(
            _("The police are still on alert."),
            _("The next heist can start in {time}.").format(
                time=format_time(newest.ready_at - work.now)
            ),
        )
    if newest is not None and newest.state == "cooldown":
        newest.state = "done"
        work.flush()
    seed, vault = secrets.new_secret(), vault_in(work.tx)
    heist = Heist(
        number=work.next_number(Heist.number),
        viewer_id=None if viewer_id is None else ViewerId(viewer_id),
        opened_at=work.now,
        closes_at=work.now + timedelta(seconds=settings.heist_duration),
        terms=json.dumps(asdict(settings)),
        sealed_seed=vault.seal(seed.hex()),
        sealed_salt=vault.seal(secrets.new_secret().hex()),
        commitment=secrets.commitment_to(seed),
        channel_id=ChannelId(settings.channel),
    )
    work.add(heist)
    work.flush()
    work.refresh(heist)
    audit(work, "heist.start", f"#{heist.number}")
    post_message(work, heist)
    opening = _opening(work, heist)
    _say(work, heist, "opened", opening, deadline=heist.closes_at)
    return heist


def _require_points(work: Work) -> None:
    if not providers.is_on(work):
        raise Refusal(
            _("Heists need points, which are turned off here."),
            _("An admin can turn them on with `/settings set points.enabled on`."),
        )


def _check_switch(work: Work, settings: HeistSettings, changed: Collection[str]) -> None:
    """Refuse turning heists on while points are off."""
    if settings.enabled and "heist.enabled" in changed:
        _require_points(work)


HeistSettings.checks.append(_check_switch)


def _opening(work: Work, heist: Heist) -> dict[str, Any]:
    settings = heist.settings
    return {
        "story": settings.msg_heist_start,
        "viewer": public_name(work, heist.viewer_id),
        "command": names_of(work, JOIN_NAMES)[0],
        "time": settings.heist_duration,
        "min": settings.min_bet,
        "max": settings.max_bet,
        **providers.currency_of(work),
    }


def _say(
    work: Work,
    heist: Heist,
    kind: str,
    payload: dict[str, Any],
    *,
    deadline: datetime | None = None,
) -> None:
    key = f"heist.{kind}:{heist.number}"
    say_in_chats(work, f"heist.{kind}", key, payload, deadline=deadline)


def start_in_chat(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Handle `!heist`, and `!heist odds`."""
    if not without_excluded(work.tx, [message], "everything"):
        return
    if argument.casefold().split()[:1] == ["odds"]:
        reply_with_odds(work, message)
        return
    (viewer_id,) = people.get_or_create_senders(work.tx, [message])
    settings = load_settings(work, HeistSettings)
    sender = message.sender
    is_moderator = sender.is_broadcaster or "moderator" in sender.badges
    may = {
        "everyone": True,
        "subscribers": is_moderator or sender.is_subscriber,
        "moderators": is_moderator,
    }
    if not may[settings.starters]:
        return
    try:
        start(work, viewer_id)
    except Refusal as refusal:
        reply = {"what": refusal.what, "remedy": refusal.remedy}
        outbox.post_reply(work, message, "heist.not_started", reply, once_a_minute="all")


def reply_with_odds(work: Work, message: ChatMessageSent) -> None:
    """Reply with the current odds."""
    settings = load_settings(work, HeistSettings)
    odds = [
        {
            "risk": expected.risk,
            "label": settings.risk_name(expected.risk),
            "odds": settings.odds(expected.risk),
            "value": format_return(expected.value),
        }
        for expected in expected_returns(settings)
        if expected.tier == "none"
    ]
    payload = {"rows": odds}
    outbox.post_reply(work, message, "heist.odds", payload, once_a_minute="all")


def cancel_in_chat(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!cancelheist`, for moderators."""
    if message.sender.is_broadcaster or "moderator" in message.sender.badges:
        try:
            heist = store.find_running(work)
            if heist is not None and not message.is_since(heist.opened_at):
                raise Refusal(_("The heist you wanted to cancel is over."))
            cancel(work)
        except Refusal as refusal:
            reply = {"what": refusal.what, "remedy": refusal.remedy}
            outbox.post_reply(work, message, "heist.not_started", reply, once_a_minute="cancel")


def cancel(work: Work) -> Heist:
    """Cancel the heist and refund all stakes, as long as nobody can know the result.

    Raises:
        Refusal: there is none, or the beacon's number is already published.
    """
    work.lock(Lock.HEIST)
    heist = store.find_running(work)
    if heist is None:
        raise Refusal(
            _("No heist is running."),
            _("Start one with `!heist` in the stream's chat or `/heist start`."),
        )
    if heist.state not in ("open", "locked") or (heist.round_at and work.now >= heist.round_at):
        raise Refusal(_("It's too late to cancel: the result is already decided."))
    audit(work, "heist.cancel", f"#{heist.number}")
    _end_without_result(work, heist, "moderator")
    return heist


def _end_without_result(work: Work, heist: Heist, end: End) -> None:
    """Refund all stakes, without a cooldown."""
    players, _staked = store.count_crew(work, heist.number)
    heist.state, heist.end, heist.ended_at = "cancelled", end, work.now
    if players:
        key = f"{GAME}:{heist.number}:refund"
        record_refused(work, heist, providers.refund(work, Round(GAME, heist.number), key))
    refresh_message(work, heist)
    payload = {"end": end, "refused": _refusals(work, heist)}
    _say(work, heist, "cancelled", payload)


# -- locking the crew -----------------------------------------------------------------------------


def lock(work: Work, number: int, chain: Chain) -> bool:
    """Lock the crew once the time to join is over; returns whether anything changed."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state not in ("open", "locked") or heist.snapshot is not None:
        return False
    if work.now < heist.closes_at + GRACE:
        return False
    was_open = heist.state == "open"
    pending = select(Player).where(Player.heist == number, Player.state == "pending")
    if was_open:
        heist.state, heist.locked_at = "locked", work.now
        stakes: dict[int, int] = {
            player.viewer_id: player.stake for player in work.scalars(pending)
        }
        if stakes:
            moved = providers.take(work, Round(GAME, number), f"{GAME}:{number}:stakes", stakes)
            if moved is None:
                return True
            _record_stakes(work, heist, moved, moved.key)
            work.flush()
    if waiting := work.scalars(pending).all():
        if work.now < (heist.locked_at or heist.closes_at) + CONFIRM_TIMEOUT:
            return False
        for player in waiting:
            player.state, player.reason = "refused", "provider"
    crew = work.scalars(select(Player).where(Player.heist == number, Player.state == "in")).all()
    if len(crew) < max(1, heist.settings.min_participants):
        _end_without_result(work, heist, "few" if crew else "nobody")
        return True
    try:
        salt = unseal(work, heist.sealed_salt)
    except Tampered:
        _end_without_result(work, heist, "wrong")
    else:
        _freeze(work, heist, salt, crew, chain)
    return True


def unseal(work: Work, sealed: str) -> bytes:
    """A heist's seed or salt. Raises Tampered if none of our keys has encrypted it."""
    try:
        return bytes.fromhex(vault_in(work.tx).open(sealed))
    except SealBroken as broken:
        raise Tampered(_("the seed was encrypted with another key")) from broken


def _freeze(work: Work, heist: Heist, salt: bytes, crew: Sequence[Player], chain: Chain) -> None:
    settings, accounts = heist.settings, store.list_account_names(work, heist.number)
    bets, rows = {}, []
    tiers = tiers_of(work, crew)
    for player in crew:
        tier = tiers[player.viewer_id]
        account = accounts.get(player.viewer_id, f"forgotten:{player.viewer_id}")
        bets[account] = settings.bet(player.stake, player.risk, tier)
        name = secrets.pseudonym_of(salt, account)
        rows.append({"viewer_id": player.viewer_id, "tier": tier, "pseudonym": name})
    at = rolls.next_second(work.now)
    round_number = rolls.choose_round(chain, at)
    terms = rolls.GameTerms(
        server=secrets.server_pseudonym(work.guild_id),
        game=GAME,
        number=heist.number,
        opened_at=heist.opened_at.replace(microsecond=0),
        commitment=heist.commitment,
        frozen_at=at,
        chain=chain.name,
        round=round_number,
    )
    heist.snapshot = rolls.freeze(terms, salt, bets)
    heist.snapshot_hash = snapshot.hash_of(heist.snapshot)
    heist.frozen_at, heist.chain, heist.round = at, chain.name, round_number
    heist.round_at = chain.made_at(round_number)
    heist.players, heist.staked = len(bets), sum(bet.stake for bet in bets.values())
    work.flush()
    store.set_frozen(work, heist.number, json.dumps(rows))
    refresh_message(work, heist)
    named, names = named_only(work, crew)
    payload = {
        "players": heist.players,
        "staked": heist.staked,
        "names": [names[player.viewer_id] for player in named[:MAX_NAMED]],
        "refused": _refusals(work, heist),
        "hash": heist.snapshot_hash,
        **providers.currency_of(work),
    }
    _say(work, heist, "locked", payload)


def _refusals(work: Work, heist: Heist) -> list[dict[str, Any]]:
    """Refusals by reason, with count and some names; the most frequent reason first."""
    view = store.find_view(work, heist.number)
    found: dict[str, list[Player]] = {}
    for player in view.refused if view else ():
        found.setdefault(player.reason or "amount", []).append(player)
    refusals = []
    for reason, players in sorted(found.items(), key=lambda reason: (-len(reason[1]), reason[0])):
        named, names = named_only(work, players)
        shown = [names[player.viewer_id] for player in named[:3]]
        refusals.append({"reason": reason, "count": len(players), "names": shown})
    return refusals


# -- the result -----------------------------------------------------------------------------------


def store_round(work: Work, number: int, chain: Chain, random: BeaconRound) -> bool:
    """Store the beacon's number."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state != "locked" or heist.snapshot is None:
        return False
    assert (random.chain, random.number) == (heist.chain, heist.round), "it was asked for"
    heist.randomness, heist.signature, heist.state = (
        random.randomness,
        random.signature,
        "resolving",
    )
    _published_seed(work, heist)
    check_round(chain, random)
    return True


def _published_seed(work: Work, heist: Heist) -> bytes:
    """The seed. Raises Tampered unless the stored list, seed and round match what the message in
    Discord shows."""
    frozen = heist.snapshot or ""
    if snapshot.hash_of(frozen) != heist.snapshot_hash:
        raise Tampered(_("the list is not the one whose hash was posted"))
    promised = f"commitment {heist.commitment}", f"beacon {heist.chain} {heist.round}"
    if not set(promised) <= set(frozen.split("\n")[: rolls.HEADER_LINES]):
        raise Tampered(_("the terms are not those of the frozen list"))
    seed = unseal(work, heist.sealed_seed)
    check_seed(seed, heist.commitment)
    return seed


def roll(work: Work, number: int) -> bool:
    """Compute and store the results."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state != "resolving":
        return False
    results = results_of(heist, _published_seed(work, heist))
    theirs = select(Player.pseudonym, Player.viewer_id)
    whose = work.execute(theirs.where(Player.heist == number, Player.state == "in"))
    rows = [
        {"viewer_id": viewer_id, **results[name]._asdict()}
        for name, viewer_id in whose
        if name is not None
    ]
    heist.won = sum(result.won for result in results.values())
    heist.paid = sum(rolled.payout for rolled in results.values())
    heist.state = "paying"
    work.flush()
    store.set_rolled(work, number, json.dumps(rows))
    return True


def results_of(heist: Heist, seed: bytes) -> dict[str, rolls.Rolled]:
    """Pseudonym -> result, as anyone can compute it."""
    bets = rolls.bets_of(heist.snapshot or "")
    return rolls.roll_all(seed, heist.snapshot_hash or "", heist.randomness or "", bets)


def pay(work: Work, number: int) -> bool:
    """Pay the winners, and end the heist once they are paid."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state != "paying":
        return False
    won = select(Player.viewer_id, Player.payout).where(Player.heist == number, Player.payout > 0)
    payouts: dict[int, int] = dict(work.execute(won).all())
    if payouts:
        key = f"{GAME}:{number}:pay"
        moved = providers.pay(work, Round(GAME, number), key, payouts)
        if moved is None:
            heist.is_unpaid = True
            if heist.round_at is None or work.now < heist.round_at + CONFIRM_TIMEOUT:
                return False
        elif not heist.is_unpaid:  # otherwise events report who was refused
            record_refused(work, heist, moved)
    heist.state, heist.ended_at = "cooldown", work.now
    heist.ready_at = work.now + timedelta(seconds=heist.settings.start_heist_cooldown)
    work.flush()
    refresh_message(work, heist)
    _say(work, heist, "result", _result(work, heist))
    return True


def _result(work: Work, heist: Heist) -> dict[str, Any]:
    view = store.find_view(work, heist.number)
    assert view is not None, "the heist exists"
    settings, outcome = heist.settings, outcome_of(heist.won, heist.players)
    named, names = named_only(work, view.winners or view.crew)
    first = named[0] if named else (view.winners or view.crew)[0]
    return {
        "outcome": outcome,
        "story": getattr(settings, f"story_{outcome}"),
        "won": heist.won,
        "players": heist.players,
        "paid": heist.paid,
        "staked": heist.staked,
        "viewer": names[first.viewer_id],
        "risk": settings.risk_name(first.risk),
        "next_in": 0
        if load_settings(work, HeistSettings).announce_ready
        else settings.start_heist_cooldown,
        "winners": [
            {"viewer": names[player.viewer_id], "payout": player.payout}
            for player in (named if view.winners else ())[:MAX_NAMED]
        ],
        **providers.currency_of(work),
    }


def end_cooldown(work: Work, number: int) -> bool:
    """End the cooldown and announce that the next heist can start."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state != "cooldown" or heist.ready_at is None:
        return False
    if work.now < heist.ready_at:
        return False
    heist.state = "done"
    settings = load_settings(work, HeistSettings)
    if settings.announce_ready and settings.enabled and heist.settings.start_heist_cooldown:
        _say(work, heist, "ready", {"command": names_of(work, START_NAMES)[0]})
    return True


def refund_after_timeout(work: Work, number: int, end: End = "beacon") -> bool:
    """Refund all stakes if there is no result a minute after the freeze."""
    work.lock(Lock.HEIST)
    heist = work.find(Heist, number)
    if heist is None or heist.state not in ("locked", "resolving") or heist.frozen_at is None:
        return False
    if work.now < heist.frozen_at + rolls.ROUND_TIMEOUT:
        return False
    _end_without_result(work, heist, end)
    return True


# -- a provider that answers later ----------------------------------------------------------------


def on_points_moved(work: Work, event: PointsMoved) -> None:
    """Handle the provider's answer. The outcome of a payout is read in `pay`."""
    if event.game != GAME:
        return
    work.lock(Lock.HEIST)
    heist = work.find(Heist, event.round)
    if heist is None:
        return
    moved = providers.find_moved(work, event.operation, event.viewer_ids)
    if event.kind == "take":
        _record_stakes(work, heist, moved, event.key)
    else:
        record_refused(work, heist, moved)
    if event.operation == f"{GAME}:{heist.number}:pay":
        if heist.state == "paying":
            pay(work, heist.number)
        heist.is_unpaid = providers.is_pending(work, event.operation)
    work.flush()
    refresh_message(work, heist)


def _record_stakes(work: Work, heist: Heist, moved: Moved, cause: str) -> None:
    """Store which stakes were confirmed or refused. Late confirmations are refunded, once for each
    cause."""
    theirs = select(Player).where(Player.heist == heist.number)
    players: dict[int, Player] = {player.viewer_id: player for player in work.scalars(theirs)}
    can_play = heist.state in ("open", "locked") and heist.snapshot is None
    late: list[int] = []
    for viewer_id, reason in moved.refused.items():
        player = players.get(viewer_id)
        if player is not None and player.state == "pending":
            player.state, player.reason, player.stake = "refused", reason, 0
    for viewer_id in moved.confirmed:
        player = players.get(viewer_id)
        if player is not None and player.state == "pending" and can_play:
            player.state = "in"
        elif player is None or player.state != "in":
            late.append(viewer_id)
    if late:
        key = f"{cause}:late"
        record_refused(work, heist, providers.refund(work, Round(GAME, heist.number), key, late))
