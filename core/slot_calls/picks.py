"""Picking the next request: the first of the queue, or a random one that nobody can influence.

For a random pick, the list of open requests is frozen. Its hash and the number of the deciding
beacon round are posted before that round is published.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from core.drand.chain import Chain, Round
from core.drand.client import client_of
from core.draws import picks, secrets, snapshot
from core.guilds.actions import audit, load_settings
from core.kit.database.connection import vault_in
from core.kit.database.records import ChannelId
from core.kit.database.work import ACROSS_GUILDS, Lock, Work, read_records
from core.kit.errors import Outage, Refusal
from core.kit.runtime.crypto import SealBroken
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people.chats import say_in_chats
from core.people.names import public_name
from core.slot_calls.panel import refresh_panel
from core.slot_calls.posts import describe, picked_key, suggests_banned
from core.slot_calls.records import RandomPick, SlotCall
from core.slot_calls.rules import SlotCallSettings
from core.slot_calls.store import QUEUE

ROUND_DELAY = timedelta(seconds=15)
"""Time between the post of the list's hash and the round; shorter than for a raffle, because
viewers are watching live."""
ROUND_TIMEOUT = timedelta(minutes=2)
"""How long to wait for a late round before giving up."""
PRIZE = "The next slot"
MAX_PUBLIC_PICKS = 10
"""Random picks on the public page."""


def pick_first(work: Work) -> SlotCall:
    """Pick the first unpicked request. Raises Refusal if there is none or no channel is set."""
    work.lock(Lock.SLOT_CALLS)
    channel_id = _get_channel(work)
    call = _list_unpicked(work)[0]
    _pick(work, call, channel_id)
    work.refresh(call)  # the update has expired the viewer's name
    return call


def start_random_pick(work: Work, chain: Chain) -> RandomPick:
    """Freeze the list of unpicked requests and announce which round decides. Raises Refusal if
    there is none, a pick is already running, or no channel is set."""
    work.lock(Lock.SLOT_CALLS)
    channel_id = _get_channel(work)
    calls = _list_unpicked(work)
    if work.exists(RandomPick.state == "waiting"):
        raise Refusal(_("A request is already being picked."), _("Wait for the result."))
    seed, at = secrets.new_secret(), work.now.replace(microsecond=0)
    number = work.next_number(RandomPick.number)
    decides = chain.first_round_after(at + ROUND_DELAY)
    terms = snapshot.Terms(
        server=secrets.server_pseudonym(work.guild_id),
        number=number,
        starts_at=min(call.called_at for call in calls),
        ends_at=at,
        prize=PRIZE,
        winners=1,
        commitment=secrets.commitment_to(seed),
        announced=None,
        frozen_at=at,
        chain=chain.name,
        round=decides,
    )
    accounts = [_account(call) for call in calls]
    frozen = snapshot.freeze(terms, seed, accounts, [1] * len(accounts))
    pick = RandomPick(
        number=number,
        entrants=len(calls),
        sealed_seed=vault_in(work.tx).seal(seed.hex()),
        snapshot=frozen,
        snapshot_hash=snapshot.hash_of(frozen),
        frozen_at=at,
        chain=chain.name,
        round=decides,
        round_at=chain.made_at(decides),
        channel_id=channel_id,
    )
    work.add(pick)
    audit(work, "slot_calls.pick", f"#{number}")
    payload = _payload(pick) | {"commitment": terms.commitment}
    outbox.post_to_channel(work, channel_id, "slot_calls.pick", _key(pick), payload)
    return pick


def _get_channel(work: Work) -> ChannelId:
    channel_id = load_settings(work, SlotCallSettings).channel
    if not channel_id:
        raise Refusal(
            _("No channel is set for slot requests."), _("Set one with `/slotcalls channel`.")
        )
    return ChannelId(channel_id)


def _list_unpicked(work: Work) -> Sequence[SlotCall]:
    calls = work.scalars(QUEUE.where(SlotCall.picked_at.is_(None))).all()
    if not calls:
        raise Refusal(
            _("There are no requests to pick from."), _("Open the queue: `/slotcalls open`.")
        )
    return calls


def _account(call: SlotCall) -> str:
    return f"request:{call.number}"


def _key(pick: RandomPick) -> str:
    return f"slot_calls.pick:{pick.number}"


def _payload(pick: RandomPick) -> dict[str, Any]:
    return {
        "number": pick.number,
        "entrants": pick.entrants,
        "hash": pick.snapshot_hash,
        "round": pick.round,
        "round_at": pick.round_at.isoformat(),
        "is_public": is_public(pick),
    }


def is_public(pick: RandomPick) -> bool:
    """Whether the public beacon decides."""
    return snapshot.is_public(pick.chain, pick.round, pick.frozen_at, ROUND_DELAY)


def _pick(work: Work, call: SlotCall, channel_id: ChannelId) -> None:
    """Move the request to the top of the queue, repost it, and notify the viewer."""
    call.picked_at = work.now
    audit(work, "slot_calls.picked", f"#{call.number}")
    viewer = public_name(work, call.viewer_id)
    payload = describe(call, viewer, suggests_banned(work, call))
    call.picked_in = channel_id
    outbox.post_to_channel(work, channel_id, "slot_calls.post", picked_key(call), payload)
    if load_settings(work, SlotCallSettings).replies:
        line = {"slot": call.slot, "viewer": viewer}
        key = f"slot_calls.next:{call.number}"
        say_in_chats(work, "slot_calls.next", key, line, platform=call.platform)
    refresh_panel(work)


# -- the beacon -----------------------------------------------------------------------------------


def finish_picks(services: Services) -> bool:
    """Finish every pick whose round is published; idempotent. Returns False if no pick is
    waiting."""
    now, client = services.clock(), client_of(services.settings)
    with services.database.begin() as tx:
        waiting = list_waiting(tx)
    due = [pick for pick in waiting if pick.round_at <= now]

    def finish(pick: RandomPick) -> None:
        try:
            random = client.get_round(pick.round)
        except Outage:
            if services.clock() < pick.round_at + ROUND_TIMEOUT:
                raise
            with services.work_in(pick.guild_id) as work:
                give_up(work, pick.number)
            return
        with services.work_in(pick.guild_id) as work:
            finish_pick(work, pick.number, random)

    for_each(due, finish)
    return bool(waiting)


def list_due(tx: Connection, now: datetime) -> Sequence[RandomPick]:
    """Waiting picks whose round is already published."""
    return [pick for pick in list_waiting(tx) if pick.round_at <= now]


def list_waiting(tx: Connection) -> Sequence[RandomPick]:
    """Picks of all servers that are waiting for their round."""
    waiting = select(RandomPick).where(RandomPick.state == "waiting")
    return read_records(tx, waiting.execution_options(**ACROSS_GUILDS))


def finish_pick(work: Work, number: int, random: Round) -> None:
    """Pick the drawn request, or the next one drawn if it is no longer open."""
    pick = _lock_waiting(work, number)
    if pick is None:
        return
    assert (random.chain, random.number) == (pick.chain, pick.round), "it was asked for"
    pick.randomness, pick.signature = random.randomness, random.signature
    seed = _seed_of(work, pick)
    if seed is None:
        pick.state = "failed"
        _announce_end(work, pick)
        return
    by_pseudonym = {
        secrets.pseudonym_of(seed, _account(call)): call
        for call in work.scalars(QUEUE.where(SlotCall.picked_at.is_(None)))
    }
    for k, name in enumerate(_order(pick, seed), 1):
        pick.drawn = k
        call = by_pseudonym.get(name)
        if call is not None:
            pick.state, pick.call = "done", call.number
            _pick(work, call, pick.channel_id)
            break
    else:
        pick.state = "failed"
    _announce_end(work, pick)


def give_up(work: Work, number: int) -> None:
    """Fail a pick because the beacon is not responding."""
    pick = _lock_waiting(work, number)
    if pick is not None:
        pick.state = "failed"
        _announce_end(work, pick)


def _lock_waiting(work: Work, number: int) -> RandomPick | None:
    work.lock(Lock.SLOT_CALLS)
    pick = work.find(RandomPick, number)
    return pick if pick is not None and pick.state == "waiting" else None


def _announce_end(work: Work, pick: RandomPick) -> None:
    call = work.find(SlotCall, pick.call) if pick.call else None
    payload = _payload(pick) | {
        "commitment": _commitment_of(pick),
        "state": pick.state,
        "slot": call.slot if call else "",
        "viewer": public_name(work, call.viewer_id) if call else "",
    }
    edit_key = f"{_key(pick)}:end"
    outbox.post_edit(work, pick.channel_id, _key(pick), "slot_calls.pick", edit_key, payload)


def _seed_of(work: Work, pick: RandomPick) -> bytes | None:
    """None if it was encrypted with a key we don't have."""
    try:
        return bytes.fromhex(vault_in(work.tx).open(pick.sealed_seed))
    except SealBroken:
        return None


def _commitment_of(pick: RandomPick) -> str:
    """The commitment to the seed, a line of the frozen list."""
    lines = pick.snapshot.split("\n")
    return next(line.split(" ")[1] for line in lines if line.startswith("commitment "))


def _order(pick: RandomPick, seed: bytes) -> Iterator[str]:
    entrants = snapshot.entrants_of(pick.snapshot)
    return picks.draw_order(seed, pick.snapshot_hash, pick.randomness, entrants)


# -- the proof ------------------------------------------------------------------------------------


def list_finished(work: Work) -> Sequence[RandomPick]:
    """The latest random picks with a result, newest first."""
    done = select(RandomPick).where(RandomPick.state == "done").order_by(RandomPick.number.desc())
    return work.scalars(done.limit(MAX_PUBLIC_PICKS)).all()


def make_proof(work: Work, number: int) -> bytes:
    """The bundle that lets anyone repeat a pick (docs/fairness.md). Raises Refusal if there is no
    such pick, or it has no result."""
    pick = work.find(RandomPick, number)
    if pick is None or pick.state != "done":
        raise Refusal(_("There is no random pick #{number}.").format(number=number))
    seed = _seed_of(work, pick)
    if seed is None:
        raise Refusal(_("The seed was encrypted with another key."))
    drawn = list(_order(pick, seed))[: pick.drawn]
    published = [picks.Pick(k, name, "skipped", "excluded") for k, name in enumerate(drawn[:-1], 1)]
    account = f"request:{pick.call}"
    claimant = secrets.pseudonym_of(seed, account)[: secrets.CLAIMANT_LENGTH]
    published.append(picks.Pick.of(seed, pick.drawn, account, claimant))
    random = Round(pick.chain, pick.round, pick.randomness or "", pick.signature or "")
    return picks.bundle(pick.snapshot, seed, random, published)
