"""A raffle that has ended, with linked viewers who hold tickets, ready to be drawn."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select, text

from core.drand.chain import QUICKNET, Round
from core.draws.snapshot import entrants_of
from core.guilds import store as guilds
from core.guilds.actions import change_setting
from core.guilds.records import AuditEntry
from core.kit.database.connection import cache_of
from core.kit.database.records import THE_BOT
from core.kit.database.work import Work, run_in_guild
from core.people import store as people
from core.people.exclusions import actions as exclusions
from core.raffle.actions import Config
from core.raffle.draw import actions, claims, publishing, store
from core.raffle.draw.frozen import FrozenRaffle, find_frozen
from core.raffle.draw.publishing import Proof
from core.raffle.draw_records import Draw, Pick
from core.raffle.records import Period
from tests.acting import act
from tests.draws.a_draw import SIGNATURE
from tests.raffle import scene
from tests.raffle.scene import CONFIG, SETTINGS, give, period_of, viewer
from tests.slot_calls.scene import posted as posted

P = ParamSpec("P")
T = TypeVar("T")

CHANNEL_ID = 777
ADMIN = 900
NAMES = ("mia", "leo", "yuki", "sam", "ana")
TICKETS = (5, 1, 40, 7, 300)

# Only the League of Entropy can sign a round, so lists are frozen when a published one decides.
ROUND = 657413
AFTER = QUICKNET.made_at(ROUND) - timedelta(seconds=300)
END = AFTER - timedelta(minutes=20)
START = END - timedelta(days=30)
DUE = AFTER + timedelta(minutes=10)
WINDOW = timedelta(minutes=2880)


def discord_id(name: str) -> int:
    return 10_000 + NAMES.index(name)


def ended(
    tx: Connection,
    guild_id: int,
    names: tuple[str, ...] = NAMES,
    *,
    winners: int = 1,
    channel: int = CHANNEL_ID,
    earlier: timedelta = timedelta(0),
    member: Callable[[str], int] = discord_id,
) -> int:
    """A raffle in which these viewers hold tickets, ended then or earlier; its number."""
    if channel:
        act(tx, guild_id, change_setting, SETTINGS["channel"], channel, actor=ADMIN)
    number = period(tx, guild_id, START - earlier, END - earlier, winners=winners).number
    for name in names:
        viewer_id = viewer(tx, guild_id, name)
        people.add_link(tx, guild_id, member(name), "kick", viewer_id, START)
        amount = TICKETS[NAMES.index(name)]
        give(tx, guild_id, number, viewer_id, amount, f"gift:{number}:{name}")
    return number


def period(
    tx: Connection,
    guild_id: int,
    starts_at: datetime = START,
    ends_at: datetime = END,
    *,
    winners: int = 1,
) -> Period:
    return scene.period(tx, guild_id, starts_at, ends_at, winners=winners)


def as_owner(tx: Connection, statement: str, **values: object) -> None:
    """The database's owner can disable its triggers."""
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    tx.execute(text(statement), values)
    tx.execute(text("SET LOCAL session_replication_role = origin"))


def do(
    tx: Connection,
    guild_id: int,
    at: datetime,
    action: Callable[Concatenate[Work, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run an action as an admin at this time, in its own transaction."""
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, ADMIN, at, action, *args, **kwargs)


def take_back_freeze(tx: Connection) -> None:
    """Reopen the raffle, as someone who did not like the round would."""
    as_owner(tx, "DELETE FROM raffle_draws")
    as_owner(tx, "UPDATE raffle_periods SET state = 'open', frozen_at = NULL")


def froze(tx: Connection, guild_id: int, number: int, now: datetime = AFTER) -> Draw:
    return do(tx, guild_id, now, actions.freeze, CONFIG, number)


def exclude(tx: Connection, guild_id: int, who: str, at: datetime = DUE) -> str:
    return do(tx, guild_id, at, exclusions.exclude_seen, who, "raffle").name


def draw_of(tx: Connection, guild_id: int, number: int) -> Draw:
    found = do(tx, guild_id, DUE, Work.find, Draw, number)
    assert found is not None
    return found


def with_frozen(
    tx: Connection, guild_id: int, number: int, action: Callable[[FrozenRaffle], T]
) -> T:
    """Run an action with the frozen raffle in one unit of work."""

    def run(work: Work) -> T:
        raffle = find_frozen(work, CONFIG, number)
        assert raffle is not None
        return action(raffle)

    return do(tx, guild_id, DUE, run)


def order_of(tx: Connection, draw: Draw) -> list[str]:
    """The pseudonyms in the order in which they are drawn, with this number of the beacon."""
    entrants = entrants_of(snapshot_of(tx, draw.guild_id, draw.period))

    def order(raffle: FrozenRaffle) -> list[str]:
        return list(replace(raffle, draw=draw).order(entrants))

    return with_frozen(tx, draw.guild_id, draw.period, order)


def picks_of(tx: Connection, guild_id: int, number: int) -> Sequence[Pick]:
    return do(tx, guild_id, DUE, store.list_picks, number)


def snapshot_of(tx: Connection, guild_id: int, number: int) -> str:
    return do(tx, guild_id, DUE, store.get_snapshot, number)


def beacon(draw: Draw, words: str = "") -> Round:
    """The promised round, or one made up from these words."""
    signature = hashlib.sha384(words.encode()).hexdigest() if words else SIGNATURE
    randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    return Round(draw.chain or "", draw.round or 0, randomness, signature)


def discord_took(tx: Connection, at: datetime, *kinds: str) -> None:
    """Deliver waiting Discord messages (of these kinds) at this time."""
    tx.execute(_TAKE, {"id": int((at.timestamp() - 1420070400) * 1000) << 22, "kinds": list(kinds)})


_TAKE = text("""
    UPDATE outbox_messages
       SET state = 'sent',
           receipt = jsonb_build_object('channel_id', 777, 'message_id', CAST(:id AS bigint))
     WHERE state = 'waiting'
       AND (kind = ANY(CAST(:kinds AS text[])) OR CAST(:kinds AS text[]) = '{}')
""")


def check(tx: Connection, guild_id: int, number: int, k: int, at: datetime) -> bool:
    """Check a claim at this instant; returns whether the winner's time had run out."""
    guilds.set_reachable(tx, [guild_id], at)
    return run_in_guild(tx, guild_id, THE_BOT, at, claims.check_claim, CONFIG, number, k)


def notified(tx: Connection, pick: Pick, at: datetime | None = None) -> None:
    """The winner's post arrives, when they were drawn or later."""
    at = at or pick.drawn_at
    discord_took(tx, at, "raffle.reveal", "raffle.winner")
    check(tx, pick.guild_id, pick.period, pick.k, at)


def stayed_up(tx: Connection, until: datetime) -> None:
    """The bot was usable all the time until this instant."""
    tx.execute(
        text("UPDATE raffle_picks SET claimable_at = :at WHERE claimable_at < :at"),
        {"at": until - timedelta(seconds=20)},
    )


def did_not_claim(tx: Connection, guild_id: int, number: int, k: int, now: datetime) -> bool:
    """A notified winner does not claim although it was possible all the time."""
    pick = picks_of(tx, guild_id, number)[k - 1]
    if pick.state == "drawn" and pick.claimable_since is None:
        notified(tx, pick)
    stayed_up(tx, now)
    return check(tx, guild_id, number, k, now)


def drew(
    tx: Connection, guild_id: int, number: int, words: str = "", now: datetime = DUE
) -> Sequence[Pick]:
    """Freeze if needed, store the beacon's number and draw."""
    known = do(tx, guild_id, now, Work.find, Draw, number)
    draw = known or froze(tx, guild_id, number)
    discord_took(tx, AFTER, "raffle.frozen")
    do(tx, guild_id, now, actions.store_round, CONFIG, number, beacon(draw, words))
    assert run_in_guild(tx, guild_id, THE_BOT, now, actions.draw_winners, CONFIG, number)
    return picks_of(tx, guild_id, number)


def drew_without_beacon(tx: Connection, guild_id: int, number: int) -> None:
    do(tx, guild_id, AFTER, actions.freeze, CONFIG, number, with_beacon=False)
    discord_took(tx, AFTER, "raffle.frozen")
    assert do(tx, guild_id, AFTER, actions.draw_winners, CONFIG, number)


def claim(
    tx: Connection, pick: Pick, claimer: int | None = None, *, at: timedelta = WINDOW
) -> Pick:
    """The winner, or another member, claims this long after the draw."""
    who = claimer or pick.discord_id or 0
    return run_in_guild(tx, pick.guild_id, who, DUE + at, claims.claim, CONFIG, pick.period, pick.k)


def proof_of(tx: Connection, guild_id: int, name: str, number: int | None = None) -> Proof:
    who = discord_id(name)
    return run_in_guild(tx, guild_id, who, DUE, publishing.get_proof, CONFIG, number)


def bundle(tx: Connection, guild_id: int, number: int, config: Config = CONFIG) -> bytes:
    """As the public page gives it."""
    return do(tx, guild_id, DUE, publishing.make_bundle, config, number)


def state_of(tx: Connection, guild_id: int, number: int) -> str:
    return period_of(tx, guild_id, number).state


def states(tx: Connection, guild_id: int, number: int) -> list[tuple[str, str]]:
    """Name and state of everyone who was drawn, in order."""
    return [(pick.name, pick.state) for pick in picks_of(tx, guild_id, number)]


def audited(tx: Connection, guild_id: int) -> list[str]:
    """The audit log of the raffle, oldest first: `action target`."""
    found = tx.execute(
        select(AuditEntry.action, AuditEntry.target)
        .where(AuditEntry.guild_id == guild_id, AuditEntry.target != "")
        .order_by(AuditEntry.id)
    )
    return [f"{row.action} {row.target}" for row in found]
