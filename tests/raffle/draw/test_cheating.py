"""Attacks by an operator with access to settings and database, and how they are detected."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from py_arkworks_bls12381 import G2Point, Scalar
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core.drand.chain import QUICKNET, Chain, Round
from core.draws.secrets import claimant, pseudonym_of
from core.draws.snapshot import (
    entrants_of,
    hash_of,
    header_of,
    make_snapshot,
    plan_for,
)
from core.kit.database.connection import savepoint
from core.kit.errors import Refusal
from core.people import store as people
from core.people.lookup import find_by_name
from core.raffle import store as raffle
from core.raffle.draw import (
    actions,
    messages,
    publishing,
)
from core.raffle.draw.discord import render_winner
from core.raffle.draw_records import Draw, Pick
from sandbox.drand import sign
from tests.draws.a_draw import SIGNATURE
from tests.draws.verifier import verify
from tests.raffle.draw.rig import (
    AFTER,
    DUE,
    END,
    NAMES,
    ROUND,
    TICKETS,
    as_owner,
    beacon,
    bundle,
    claim,
    did_not_claim,
    discord_id,
    discord_took,
    do,
    draw_of,
    drew,
    ended,
    exclude,
    froze,
    picks_of,
    posted,
    snapshot_of,
    states,
    take_back_freeze,
    with_frozen,
)
from tests.raffle.scene import CONFIG, period_of, set_period

OWN_KEY = Scalar(7)
OWN = Chain("ab" * 32, (G2Point() * OWN_KEY).to_compressed_bytes().hex(), 1_600_000_000, 3)
THREE_YEARS_LATER = datetime(2026, 12, 1, tzinfo=UTC)
SHIFTED = replace(
    QUICKNET, genesis=int(THREE_YEARS_LATER.timestamp()) + 300 - QUICKNET.period * (ROUND - 1)
)


# -- in the settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [
        OWN,
        replace(OWN, hash=QUICKNET.hash),
        replace(QUICKNET, public_key=OWN.public_key),
        replace(QUICKNET, public_key=OWN.public_key, ahead=0),
        SHIFTED,
    ],
    ids=["own", "own under quicknet's hash", "own key", "own key at once", "shifted genesis"],
)
def test_any_chain_but_quicknet_is_labeled_everywhere(
    tx: Connection, guild_id: int, chain: Chain
) -> None:
    """With a shifted genesis, an already published round looks like a future one."""
    config, number = replace(CONFIG, chain=chain), ended(tx, guild_id)
    draw = do(tx, guild_id, THREE_YEARS_LATER, actions.freeze, config, number)
    if chain == SHIFTED:
        assert draw.round == ROUND
        signature = SIGNATURE
    else:
        signature = sign(OWN_KEY, draw.round or 0).hex()
    randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    discord_took(tx, THREE_YEARS_LATER, "raffle.frozen")
    random_round = Round(chain.name, draw.round or 0, randomness, signature)
    do(tx, guild_id, DUE, actions.store_round, config, number, random_round)
    later = THREE_YEARS_LATER + timedelta(minutes=10)
    assert do(tx, guild_id, later, actions.draw_winners, config, number)

    assert not draw.is_public
    (frozen,) = posted(tx, guild_id, "raffle.frozen")
    assert "not the public one" in str(messages.frozen(frozen.payload).embed.description)
    assert {m.payload["with_beacon"] for m in posted(tx, guild_id, "raffle.winner")} == {False}
    said: list[str] = []
    verify(bundle(tx, guild_id, number, config), said.append)
    assert any("NOT THE PUBLIC ONE" in line for line in said)


# -- in the database, before the draw -------------------------------------------------------------


def is_refused(tx: Connection, draw: Draw, why: str) -> None:
    """Assert that nothing is drawn."""
    with pytest.raises(Refusal, match=why), savepoint(tx):
        do(tx, draw.guild_id, DUE, actions.draw_winners, CONFIG, draw.period)
    assert picks_of(tx, draw.guild_id, draw.period) == []


@pytest.fixture
def draw(tx: Connection, guild_id: int) -> Draw:
    """A frozen draw whose beacon round is published."""
    frozen = froze(tx, guild_id, ended(tx, guild_id))
    discord_took(tx, AFTER, "raffle.frozen")
    do(tx, guild_id, DUE, actions.store_round, CONFIG, frozen.period, beacon(frozen))
    return frozen


def test_edited_balances_do_not_change_the_list(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    as_owner(tx, "UPDATE raffle_balances SET tickets = tickets * 1000 WHERE tickets < 10")
    assert froze(tx, guild_id, number).tickets == sum(TICKETS)


def edited(snapshot: str) -> str:
    """The snapshot with one extra ticket on the first line."""
    names, tickets = entrants_of(snapshot)
    claimants = [row.split()[-1] for row in snapshot.splitlines()[-len(names) :]]
    ends = [f"{count} {code}" for count, code in zip(tickets, claimants, strict=True)]
    ends[0] = f"{tickets[0] + 1} {claimants[0]}"
    return make_snapshot(header_of(snapshot), names, ends)


def test_edited_list_is_rejected(tx: Connection, draw: Draw) -> None:
    snapshot = edited(snapshot_of(tx, draw.guild_id, draw.period))
    as_owner(tx, "UPDATE raffle_draws SET snapshot = :s", s=snapshot)
    is_refused(tx, draw, "not the one whose hash was posted")
    digest = hash_of(snapshot)
    as_owner(tx, "UPDATE raffle_draws SET snapshot_hash = :h", h=digest)
    is_refused(tx, draw, "not the one that was announced")
    as_owner(
        tx, "UPDATE raffle_announcements SET snapshot_hash = :h WHERE kind = 'frozen'", h=digest
    )
    is_refused(tx, draw, "not the sum of the ledger")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE raffle_periods SET winners_wanted = 5",
        "UPDATE raffle_periods SET prize = 'Nothing'",
        "UPDATE raffle_periods SET ends_at = ends_at - interval '1 day'",
        "UPDATE raffle_draws SET tickets = tickets + 1",
        "UPDATE raffle_announcements SET planned_at = planned_at + interval '1 hour'"
        " WHERE kind = 'opened'",
        "UPDATE raffle_announcements SET round = round + 1 WHERE kind = 'opened'",
    ],
)
def test_edited_terms_are_rejected(tx: Connection, draw: Draw, statement: str) -> None:
    as_owner(tx, statement)
    is_refused(tx, draw, "the terms are not those of the frozen list")


def test_entries_edited_after_the_freeze_are_detected(tx: Connection, draw: Draw) -> None:
    as_owner(tx, "UPDATE raffle_entries SET amount = amount + 1 WHERE amount = 300")
    is_refused(tx, draw, "not the sum of the ledger")


def test_replaced_seed_is_rejected(tx: Connection, draw: Draw) -> None:
    as_owner(tx, "UPDATE raffle_periods SET sealed_seed = :s", s=CONFIG.vault.seal("00" * 32))
    is_refused(tx, draw, "the seed is not the one")


def test_replaced_randomness_is_rejected(tx: Connection, draw: Draw) -> None:
    made_up = beacon(draw, "made up")
    values = {"r": made_up.randomness, "s": made_up.signature}
    exchange = "UPDATE raffle_draws SET randomness = :r, signature = :s"
    as_owner(tx, exchange, **values)
    is_refused(tx, draw, "not signed by the beacon")
    as_owner(tx, exchange, r=made_up.randomness, s=SIGNATURE)
    is_refused(tx, draw, "not signed by the beacon")


def test_other_genuine_round_is_rejected(tx: Connection, draw: Draw) -> None:
    """Round 42 with its real signature."""
    signature = (
        "95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689319bccf79a9c8ce4"
        "30a91b811fbfaf763900bc998b5d686a"
    )
    randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    as_owner(
        tx,
        "UPDATE raffle_draws SET round = 42, round_at = :at, randomness = :r, signature = :s",
        at=QUICKNET.made_at(42),
        r=randomness,
        s=signature,
    )
    is_refused(tx, draw, "not the one that was announced")
    as_owner(
        tx,
        "UPDATE raffle_announcements SET round = 42, round_at = :at WHERE kind = 'frozen'",
        at=QUICKNET.made_at(42),
    )
    is_refused(tx, draw, "the terms are not those")
    assert not draw_of(tx, draw.guild_id, draw.period).is_public, (
        "it was published before the freeze"
    )


def test_erased_member_does_not_block_the_draw(tx: Connection, draw: Draw) -> None:
    """Nobody can tell anymore which line belongs to the member, but its tickets still have to
    match.
    """
    erase = "UPDATE people_viewers SET platform_user_id = -viewer_id WHERE name = :name"
    as_owner(tx, erase, name="yuki")
    assert do(tx, draw.guild_id, DUE, actions.draw_winners, CONFIG, draw.period)


def test_second_freeze_is_published_permanently(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    first = froze(tx, guild_id, number)
    take_back_freeze(tx)
    second = froze(tx, guild_id, number, AFTER + timedelta(hours=1))
    assert first.snapshot_hash != second.snapshot_hash, "the freeze's time is part of the list"
    before, after = posted(tx, guild_id, "raffle.frozen")
    fields = [field.name for field in messages.frozen(before.payload).embed.fields]
    assert not any("frozen before" in str(name) for name in fields)
    fields = [field.name for field in messages.frozen(after.payload).embed.fields]
    assert any("frozen before" in str(name) for name in fields)
    (past,) = do(tx, guild_id, DUE, publishing.list_past, CONFIG, 10)
    assert list(past.freezes) == [first.frozen_at, second.frozen_at]
    shown = str(messages.history([past]).description)
    assert "more than once" in shown
    for freeze in (first, second):
        assert f"<t:{int(freeze.frozen_at.timestamp())}:f>" in shown


def test_undone_freeze_stays_in_the_history(tx: Connection, guild_id: int) -> None:
    first = froze(tx, guild_id, ended(tx, guild_id))
    take_back_freeze(tx)
    (past,) = do(tx, guild_id, DUE, publishing.list_past, CONFIG, 10)
    assert list(past.freezes) == [first.frozen_at]


# -- in the database, after the draw --------------------------------------------------------------


def friend_of(tx: Connection, pick: Pick) -> tuple[int, int]:
    """Viewer id and Discord id of another person."""
    name = next(name for name in NAMES if name != pick.name)
    viewer = find_by_name(tx, pick.guild_id, name)
    assert viewer is not None
    return viewer.viewer_id, discord_id(name)


def swapped(tx: Connection, guild_id: int, columns: str) -> tuple[Pick, int]:
    """A winner's row with a friend in these columns, and the friend's Discord id."""
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    viewer_id, member = friend_of(tx, pick)
    salt = CONFIG.decrypt(period_of(tx, guild_id, pick.period).sealed_salt)
    account = people.get_viewer(tx, guild_id, viewer_id)
    name = f"kick:{account.platform_user_id}"
    values = {
        "viewer_id": viewer_id,
        "discord_id": member,
        "claimant": claimant(salt, member),
        "pseudonym": pseudonym_of(salt, name),
    }
    sets = ", ".join(f"{column} = :{column}" for column in columns.split())
    chosen = {column: values[column] for column in columns.split()}
    as_owner(tx, f"UPDATE raffle_picks SET {sets}", **chosen)
    return pick, member


SWAPS = {
    "viewer_id discord_id": True,
    "viewer_id": True,
    "discord_id": False,
    "discord_id claimant": True,
    "viewer_id discord_id claimant": True,
    "viewer_id discord_id claimant pseudonym": True,
}
"""Columns, and whether the verifier finds it without having seen Discord."""


@pytest.mark.parametrize("columns", SWAPS)
def test_swapped_winner_cannot_claim(tx: Connection, guild_id: int, columns: str) -> None:
    pick, friend = swapped(tx, guild_id, columns)
    claimer = friend if "discord_id" in columns else pick.discord_id or 0
    with pytest.raises(Refusal, match="not the one who was drawn"), savepoint(tx):
        claim(tx, pick, claimer)
    with pytest.raises(Refusal, match="not the one who was drawn"), savepoint(tx):
        did_not_claim(tx, guild_id, pick.period, 1, DUE + timedelta(days=2))


@pytest.mark.parametrize("columns", [columns for columns, found in SWAPS.items() if found])
def test_swapped_winner_is_detected_by_the_verifier(
    tx: Connection, guild_id: int, columns: str
) -> None:
    pick, _friend = swapped(tx, guild_id, columns)
    with pytest.raises(
        ValueError, match=r"replaced by another|by the rule|claimed by another member"
    ):
        verify(bundle(tx, guild_id, pick.period))


def test_claimant_hash_is_posted_with_the_winner(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    shown = posted(tx, guild_id, "raffle.winner")[-1].payload
    footer = str(render_winner(shown).embed.footer.text)
    assert pick.claimant is not None
    assert f"entry {pick.pseudonym[:12]} · claimant {pick.claimant}" in footer
    assert pick.claimant in verify(bundle(tx, guild_id, pick.period))[1]
    assert f" {pick.claimant}\n" in snapshot_of(tx, guild_id, pick.period)
    as_owner(tx, "UPDATE raffle_picks SET claimant = :c", c="0" * 32)
    with pytest.raises(ValueError, match="claimed by another member"):
        verify(bundle(tx, guild_id, pick.period))


def test_removed_winner_is_detected(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, winners=2)
    drew(tx, guild_id, number)
    as_owner(tx, "DELETE FROM raffle_picks WHERE k = 1")
    with pytest.raises(Refusal, match="not the one who was drawn"), savepoint(tx):
        with_frozen(tx, guild_id, number, actions.pick_missing)
    with pytest.raises(ValueError, match="malformed"):
        verify(bundle(tx, guild_id, number))


# -- the database itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE raffle_draws SET snapshot = ''",
        "UPDATE raffle_draws SET snapshot_hash = ''",
        "UPDATE raffle_draws SET round = round + 1",
        "UPDATE raffle_draws SET randomness = ''",
        "UPDATE raffle_draws SET signature = NULL",
        "UPDATE raffle_draws SET claim_minutes = 1",
        "DELETE FROM raffle_draws",
        "TRUNCATE raffle_draws CASCADE",
        "UPDATE raffle_picks SET viewer_id = NULL",
        "UPDATE raffle_picks SET discord_id = 1",
        "UPDATE raffle_picks SET pseudonym = ''",
        "UPDATE raffle_picks SET claimant = ''",
        "DELETE FROM raffle_picks",
        "TRUNCATE raffle_picks",
        "UPDATE raffle_announcements SET round = 1",
        "UPDATE raffle_announcements SET at = now()",
        "DELETE FROM raffle_announcements",
        "TRUNCATE raffle_announcements",
        "UPDATE raffle_periods SET state = 'open'",
        "UPDATE raffle_periods SET state = 'frozen'",
        "UPDATE raffle_periods SET winners_wanted = 2",
        "UPDATE raffle_periods SET ends_at = now()",
        "UPDATE raffle_periods SET commitment = ''",
        "UPDATE raffle_periods SET sealed_seed = ''",
        "UPDATE raffle_periods SET sealed_salt = ''",
        "DELETE FROM raffle_periods",
    ],
)
def test_database_rejects_changes_to_published_data(
    tx: Connection, guild_id: int, statement: str
) -> None:
    drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(IntegrityError, match="neither changed nor deleted"), savepoint(tx):
        tx.execute(text(statement))


def test_expired_prize_cannot_be_claimed_later(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    assert did_not_claim(tx, guild_id, pick.period, 1, DUE + timedelta(days=2))
    with pytest.raises(IntegrityError, match="neither changed nor deleted"), savepoint(tx):
        tx.execute(text("UPDATE raffle_picks SET state = 'claimed' WHERE k = 1"))


# -- the plan -------------------------------------------------------------------------------------

PLANNED = END + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("late", "as_announced"), [(-1, False), (0, True), (3, True), (60, True), (63, False)]
)
def test_planned_freeze_uses_the_announced_round(
    tx: Connection, guild_id: int, late: int, as_announced: bool
) -> None:
    number = ended(tx, guild_id)
    plan = do(tx, guild_id, DUE, raffle.find_plan, number)
    (opened,) = posted(tx, guild_id, "raffle.opened")
    assert plan is not None
    assert (plan.planned_at, plan.round) == (PLANNED, plan_for(QUICKNET, PLANNED).round)
    assert opened.payload["round"] == plan.round
    assert f"Round **{plan.round}**" in str(messages.opened(opened.payload).embed.fields[-1].value)
    now = PLANNED + timedelta(seconds=late)
    draw = froze(tx, guild_id, number, now)
    assert (draw.round == plan.round) == as_announced
    assert draw.round_at is not None
    assert draw.round_at - now >= timedelta(seconds=300)
    assert draw.is_public
    (frozen,) = posted(tx, guild_id, "raffle.frozen")
    why = str(messages.frozen(frozen.payload).embed.description)
    words = {-1: "earlier than planned", 63: "later than planned"}
    assert words.get(late, "This is the announced round") in why


def test_changed_end_announces_one_new_plan(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    period, before = period_of(tx, guild_id, number), END - timedelta(days=1)
    assert do(tx, guild_id, before, actions.find_new_plan, CONFIG, period) is None
    later = END + timedelta(days=3)
    set_period(tx, guild_id, number, ends_at=later)
    for _turn in range(2):
        do(tx, guild_id, before, actions.announce_plan, CONFIG, number)
    (planned,) = posted(tx, guild_id, "raffle.planned")
    expected = plan_for(QUICKNET, later + timedelta(minutes=15)).round
    assert planned.payload["round"] == expected
    assert "rescheduled" in str(messages.planned(planned.payload).embed.title)
    draw = froze(tx, guild_id, number, later + timedelta(minutes=15))
    assert draw.round == expected


# -- banned after the draw ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["banned", "excluded"])
def test_ban_after_the_draw_is_shown_as_ban(tx: Connection, guild_id: int, how: str) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    member = pick.discord_id or 0
    if how == "banned":
        do(tx, guild_id, DUE, actions.set_discord_ban, member, True)
    else:
        exclude(tx, guild_id, pick.name, DUE)
    with pytest.raises(Refusal, match="banned or excluded"), savepoint(tx):
        claim(tx, pick)
    assert did_not_claim(tx, guild_id, pick.period, 1, DUE + timedelta(days=2))
    assert [state for _name, state in states(tx, guild_id, pick.period)] == ["skipped", "drawn"]
    shown = [m for m in posted(tx, guild_id, "raffle.winner") if m.payload["state"] == "skipped"]
    assert how in str(render_winner(shown[0].payload).embed.description)
    verified, _posted = verify(bundle(tx, guild_id, pick.period))
    assert [pick["reason"] for pick in verified["picks"]] == [how, None]


def test_ban_lifted_in_time_has_no_effect(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    member = pick.discord_id or 0
    do(tx, guild_id, DUE, actions.set_discord_ban, member, True)
    do(tx, guild_id, AFTER, actions.set_discord_ban, member, False)
    assert claim(tx, pick).state == "claimed"
