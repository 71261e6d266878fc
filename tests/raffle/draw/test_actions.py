"""Freezing and drawing, with a real database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, func, select, update

from core.draws.secrets import pseudonym_of
from core.draws.snapshot import entrants_of, hash_of
from core.kit.errors import Refusal
from core.kit.runtime.crypto import Vault
from core.people import store as people
from core.people.lookup import find_by_name
from core.people.records import Viewer
from core.raffle.draw import (
    actions,
    messages,
    publishing,
)
from core.raffle.draw.discord import DrawButton, render_winner
from core.raffle.draw_records import BEACON_TIMEOUT, Draw
from tests.acting import act
from tests.draws.verifier import verify
from tests.raffle.draw.rig import (
    AFTER,
    CHANNEL_ID,
    DUE,
    END,
    NAMES,
    TICKETS,
    audited,
    beacon,
    bundle,
    claim,
    discord_id,
    discord_took,
    do,
    draw_of,
    drew,
    drew_without_beacon,
    ended,
    exclude,
    froze,
    order_of,
    period,
    picks_of,
    posted,
    proof_of,
    snapshot_of,
    state_of,
    with_frozen,
)
from tests.raffle.scene import CONFIG, give, period_of, set_period, viewer


def owner_names(tx: Connection, guild_id: int, number: int) -> dict[str, str]:
    """Pseudonym -> name."""
    entrants = entrants_of(snapshot_of(tx, guild_id, number))

    viewer_ids = with_frozen(tx, guild_id, number, lambda raffle: raffle.check_owners(entrants))
    return {
        name: people.get_viewer(tx, guild_id, viewer_id).name
        for name, viewer_id in viewer_ids.items()
    }


# -- freezing -----------------------------------------------------------------------------------


def test_freeze_fixes_the_list_and_a_future_round(tx: Connection, guild_id: int) -> None:
    draw = froze(tx, guild_id, ended(tx, guild_id))
    assert (draw.entrants, draw.tickets, draw.left_out) == (5, sum(TICKETS), 0)
    assert draw.round_at is not None
    assert timedelta(seconds=300) <= draw.round_at - AFTER < timedelta(seconds=303)
    snapshot = snapshot_of(tx, guild_id, draw.period)
    assert hash_of(snapshot) == draw.snapshot_hash
    assert f"beacon {draw.chain} {draw.round}\n" in snapshot
    assert draw_of(tx, guild_id, draw.period) == draw
    assert state_of(tx, guild_id, draw.period) == "frozen"


def test_hash_and_round_are_published_on_freeze(tx: Connection, guild_id: int) -> None:
    draw = froze(tx, guild_id, ended(tx, guild_id))
    (message,) = posted(tx, guild_id, "raffle.frozen")
    assert message.target == {"channel_id": CHANNEL_ID}
    assert message.payload["hash"] == draw.snapshot_hash
    assert message.payload["round"] == draw.round
    assert audited(tx, guild_id) == [f"raffle.freeze #{draw.period}"]


def test_opening_publishes_the_commitment(tx: Connection, guild_id: int) -> None:
    ended(tx, guild_id)
    (message,) = posted(tx, guild_id, "raffle.opened")
    assert message.payload["commitment"] == period_of(tx, guild_id, 1).commitment


def test_raffle_is_frozen_once(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    froze(tx, guild_id, number)
    with pytest.raises(Refusal, match="frozen and will be drawn"):
        froze(tx, guild_id, number, AFTER + timedelta(minutes=1))
    assert tx.execute(select(func.count()).select_from(Draw)).scalar() == 1


def test_running_raffle_is_not_frozen(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    with pytest.raises(Refusal, match="still running"):
        froze(tx, guild_id, number, END - timedelta(microseconds=1))
    froze(tx, guild_id, number, END)


def test_freeze_requires_a_channel(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, channel=0)
    with pytest.raises(Refusal, match="o channel is set"):
        froze(tx, guild_id, number)


def test_unlinked_and_excluded_viewers_are_left_out(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    give(tx, guild_id, number, viewer(tx, guild_id, "ghost"), 1000, "gift:ghost")
    exclude(tx, guild_id, "ana", AFTER)
    draw = froze(tx, guild_id, number)
    assert (draw.entrants, draw.tickets, draw.left_out) == (4, 53, 2)
    (message,) = posted(tx, guild_id, "raffle.frozen")
    assert message.payload["left_out"] == 2


def test_names_are_not_in_the_list_and_pseudonyms_cannot_be_guessed(
    tx: Connection, guild_id: int
) -> None:
    """Viewers' numbers are few: with the seed, which is published, they could be tried out."""
    number = ended(tx, guild_id)
    drew(tx, guild_id, number)
    proof = bundle(tx, guild_id, number).decode()
    winner = picks_of(tx, guild_id, number)[0]
    seed = bytes.fromhex(verify(proof.encode())[0]["seed"])
    for name in NAMES:
        known = people.get_viewer(tx, guild_id, viewer(tx, guild_id, name))
        account = f"kick:{known.platform_user_id}"
        guess = pseudonym_of(seed, account)
        assert guess not in proof
        assert (account in proof) == (name == winner.name)


def test_empty_list_closes_without_winner(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ())
    assert drew(tx, guild_id, number) == []
    assert state_of(tx, guild_id, number) == "closed"
    assert len(posted(tx, guild_id, "raffle.nobody")) == 1
    verify(bundle(tx, guild_id, number))


def test_prize_with_any_characters_is_verified(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    set_period(tx, guild_id, number, prize='💎 "grand"\nprix\\' + "é" * 500)
    drew(tx, guild_id, number)
    verify(bundle(tx, guild_id, number))


# -- drawing ------------------------------------------------------------------------------------


def test_draw_waits_for_its_round(tx: Connection, guild_id: int) -> None:
    draw = froze(tx, guild_id, ended(tx, guild_id))
    assert not do(tx, guild_id, DUE, actions.draw_winners, CONFIG, draw.period)
    assert state_of(tx, guild_id, draw.period) == "frozen"


def test_only_the_announced_round_is_accepted(tx: Connection, guild_id: int) -> None:
    draw = froze(tx, guild_id, ended(tx, guild_id))
    random_round = beacon(draw)
    for other in (
        replace(random_round, number=random_round.number + 1),
        replace(random_round, chain="0" * 64),
    ):
        with pytest.raises(Refusal, match="announced with a different beacon"):
            do(tx, guild_id, DUE, actions.store_round, CONFIG, draw.period, other)
    assert do(tx, guild_id, DUE, actions.store_round, CONFIG, draw.period, random_round)
    assert not do(
        tx, guild_id, DUE, actions.store_round, CONFIG, draw.period, beacon(draw, "another number")
    )
    assert draw_of(tx, guild_id, draw.period).randomness == random_round.randomness


@pytest.mark.parametrize("winners", [1, 3, 5, 9])
def test_draw_matches_the_verifier(tx: Connection, guild_id: int, winners: int) -> None:
    number = ended(tx, guild_id, winners=winners)
    picks = drew(tx, guild_id, number)
    assert len(picks) == min(winners, 5)
    assert len({pick.viewer_id for pick in picks}) == len(picks)
    verified, hashes = verify(bundle(tx, guild_id, number))
    assert [pick["result"] for pick in verified["picks"]] == ["waiting"] * len(picks)
    draw = draw_of(tx, guild_id, number)
    opened = period_of(tx, guild_id, number)
    claimants = [pick.claimant for pick in picks]
    assert hashes == (draw.snapshot_hash, opened.commitment, *claimants)


def test_drawing_twice_draws_once(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    before = drew(tx, guild_id, number)
    assert not do(tx, guild_id, DUE, actions.draw_winners, CONFIG, number)
    assert picks_of(tx, guild_id, number) == before


def test_beacon_randomness_decides_the_winner(tx: Connection, guild_id: int) -> None:
    """One holder has most tickets, so it may take many numbers until another one wins."""
    number = ended(tx, guild_id)
    draw = froze(tx, guild_id, number)

    def winner_with(words: str) -> str:
        draw.randomness = beacon(draw, words).randomness
        return order_of(tx, draw)[0]

    first = winner_with("first")
    assert any(winner_with(str(number)) != first for number in range(300))


def test_renames_and_late_tickets_do_not_change_the_winner(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    draw = froze(tx, guild_id, number)
    draw.randomness = beacon(draw).randomness
    before = order_of(tx, draw)
    mia = find_by_name(tx, guild_id, "mia")
    assert mia is not None
    people.set_viewer(tx, guild_id, "kick", mia.platform_user_id, "zoe", DUE)
    following = period(tx, guild_id, END, END + timedelta(days=31)).number
    give(tx, guild_id, following, mia.viewer_id, 10_000, "late")
    assert order_of(tx, draw) == before


def test_draws_are_isolated_per_server(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    ours, theirs = ended(tx, guild_id), ended(tx, other_guild_id, ("mia",))
    assert ours == theirs
    drew(tx, guild_id, ours)
    assert state_of(tx, other_guild_id, theirs) == "open"
    assert picks_of(tx, other_guild_id, theirs) == []
    assert posted(tx, other_guild_id, "raffle.frozen") == []
    (pick,) = drew(tx, other_guild_id, theirs)
    assert pick.name == "mia"


def test_draw_requires_the_original_key(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    other = replace(CONFIG, vault=Vault([Fernet.generate_key().decode()]))
    with pytest.raises(Refusal, match="encrypted with a different key"):
        do(tx, guild_id, AFTER, actions.freeze, other, number)


# -- without beacon -----------------------------------------------------------------------------


def test_draw_without_beacon_is_labeled_everywhere(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    drew_without_beacon(tx, guild_id, number)
    (frozen,) = posted(tx, guild_id, "raffle.frozen")
    assert frozen.payload["round"] is None
    assert {m.payload["with_beacon"] for m in posted(tx, guild_id, "raffle.winner")} == {False}
    verified, _ = verify(bundle(tx, guild_id, number))
    assert verified["beacon"] is None
    assert "beacon none" in verified["snapshot"]


def test_announced_round_can_be_given_up_only_after_the_timeout(
    tx: Connection, guild_id: int
) -> None:
    draw = froze(tx, guild_id, ended(tx, guild_id))
    assert draw.round_at is not None
    early = draw.round_at + BEACON_TIMEOUT - timedelta(seconds=1)
    assert do(tx, guild_id, early, actions.find_overdue) is None
    with pytest.raises(Refusal, match="has to wait"):
        do(tx, guild_id, early, actions.give_up_beacon, CONFIG, draw.period)
    late = draw.round_at + BEACON_TIMEOUT
    assert do(tx, guild_id, late, actions.find_overdue) == draw
    do(tx, guild_id, late, actions.give_up_beacon, CONFIG, draw.period)
    discord_took(tx, AFTER, "raffle.frozen")
    (message,) = posted(tx, guild_id, "raffle.given_up")
    assert "drew without waiting for it" in str(
        messages.given_up(message.payload).embed.description
    )
    assert not do(tx, guild_id, DUE, actions.store_round, CONFIG, draw.period, beacon(draw))
    assert do(tx, guild_id, late, actions.draw_winners, CONFIG, draw.period)
    verified, _ = verify(bundle(tx, guild_id, draw.period))
    assert verified["beacon"] is None
    assert f"beacon {draw.chain} {draw.round}" in verified["snapshot"]
    assert f"raffle.give_up_beacon #{draw.period}" in audited(tx, guild_id)


def test_known_round_cannot_be_given_up(tx: Connection, guild_id: int) -> None:
    """Someone who has seen the number must not get a second one to choose from."""
    draw = froze(tx, guild_id, ended(tx, guild_id))
    do(tx, guild_id, DUE, actions.store_round, CONFIG, draw.period, beacon(draw))
    with pytest.raises(Refusal):
        do(tx, guild_id, DUE + timedelta(days=1), actions.give_up_beacon, CONFIG, draw.period)


def test_proof_is_available_for_any_past_raffle(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    froze(tx, guild_id, number)
    for month in range(30):
        later = END + timedelta(days=month)
        period(tx, guild_id, later, later + timedelta(days=1))
    for asked in (None, number):
        proof = proof_of(tx, guild_id, "mia", asked)
        assert (proof.number, proof.tickets) == (number, 5)
    (past,) = do(tx, guild_id, DUE, publishing.list_past, CONFIG, 10)
    assert past.period.number == number
    with pytest.raises(Refusal, match="isn't in any frozen list"):
        proof_of(tx, guild_id, "mia", number + 1)


# -- who cannot win -----------------------------------------------------------------------------


def test_excluded_banned_and_unlinked_winners_are_skipped_with_a_reason(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id)
    draw = froze(tx, guild_id, number)
    draw.randomness = beacon(draw).randomness
    owners = owner_names(tx, guild_id, number)
    first, second, third, fourth, _fifth = (owners[line] for line in order_of(tx, draw))
    exclude(tx, guild_id, first, DUE)
    do(tx, guild_id, DUE, actions.set_discord_ban, discord_id(second), True)
    link = act(tx, guild_id, people.find_link, discord_id(third))
    assert link is not None
    people.end_link(tx, link)
    picks = drew(tx, guild_id, number)
    assert [(pick.name, pick.reason) for pick in picks] == [
        (first, "excluded"),
        (second, "banned"),
        (third, "unlinked"),
        (fourth, None),
    ]
    reasons = [m.payload["reason"] for m in posted(tx, guild_id, "raffle.skipped")]
    assert reasons == ["excluded", "banned", "unlinked"]
    published, _ = verify(bundle(tx, guild_id, number))
    assert [pick["reason"] for pick in published["picks"]] == [
        "excluded",
        "banned",
        "unlinked",
        None,
    ]


def forget(tx: Connection, guild_id: int, name: str) -> None:
    """The traces of an account whose data was deleted."""
    known = find_by_name(tx, guild_id, name)
    assert known is not None
    tx.execute(
        update(Viewer)
        .where(Viewer.guild_id == guild_id, Viewer.viewer_id == known.viewer_id)
        .values(platform_user_id=-known.viewer_id, name="gone", folded_name="gone")
    )


def test_winner_forgotten_before_the_draw_is_skipped(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("mia",))
    froze(tx, guild_id, number)
    forget(tx, guild_id, "mia")
    (pick,) = drew(tx, guild_id, number)
    assert (pick.viewer_id, pick.reason, pick.name) == (None, "unlinked", "")
    verify(bundle(tx, guild_id, number))


def test_forgotten_winner_leaves_a_verifiable_draw(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    claim(tx, pick)
    account = pick.account
    assert account in bundle(tx, guild_id, number).decode()
    forget(tx, guild_id, pick.name)
    published = bundle(tx, guild_id, number)
    verify(published)
    assert account not in published.decode()


def test_draw_without_eligible_winner_is_announced(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("mia",))
    froze(tx, guild_id, number)
    exclude(tx, guild_id, "mia", DUE)
    drew(tx, guild_id, number)
    assert len(posted(tx, guild_id, "raffle.nobody")) == 1
    assert state_of(tx, guild_id, number) == "closed"


# -- what an admin is shown ---------------------------------------------------------------------


def test_oldest_ended_raffle_is_drawn_first(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="no open raffle"):
        do(tx, guild_id, AFTER, actions.get_period_to_draw)
    number = ended(tx, guild_id)
    with pytest.raises(Refusal, match="still running"):
        do(tx, guild_id, END - timedelta(days=1), actions.get_period_to_draw)
    period(tx, guild_id, END, END + timedelta(days=31))
    found, holders = do(tx, guild_id, END + timedelta(days=40), actions.preview)
    assert found.number == number
    assert (sorted(holders.tickets), holders.left_out) == (sorted(TICKETS), [])
    froze(tx, guild_id, number)
    with pytest.raises(Refusal, match="is frozen"):
        do(tx, guild_id, END + timedelta(days=3), actions.get_period_to_draw)


# -- a reveal with some drama -------------------------------------------------------------------


def test_each_winner_gets_one_post_after_the_reveal_is_deleted(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id, winners=2)
    picks = drew(tx, guild_id, number)
    first, *rolls, over = posted(tx, guild_id, "raffle.reveal")
    assert [message.payload["roll"] for message in (first, *rolls)] == [1, 2, 3]
    assert [roll.target.get("edits") for roll in rolls] == [first.key] * 2
    assert over.target["deletes"] == first.key
    assert not any(
        pick.name in str(message.payload) for message in (first, *rolls) for pick in picks
    )
    assert messages.reveal(first.payload).calls is None
    winners = posted(tx, guild_id, "raffle.winner")
    assert [winner.payload["name"] for winner in winners] == [pick.name for pick in picks]
    assert [render_winner(message.payload).calls for message in winners] == [
        p.discord_id for p in picks
    ]
    kinds = [message.kind for message in posted(tx, guild_id) if message.target.get("channel_id")]
    assert kinds[-6:] == ["raffle.reveal"] * 4 + ["raffle.winner"] * 2
    sent = posted(tx, guild_id, "raffle.won")
    assert [message.target["user_id"] for message in sent] == [pick.discord_id for pick in picks]
    assert sent[0].payload["server"] == "Nora's Corner"


def test_edited_winner_post_has_no_mention(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    claim(tx, pick)
    assert render_winner(posted(tx, guild_id, "raffle.winner")[-1].payload).calls is None


@pytest.mark.parametrize(
    ("how", "label"),
    [
        ("beacon", "Draw now"),
        ("without", "Draw without beacon"),
        ("give_up", "Draw without beacon"),
    ],
)
async def test_button_says_whether_the_beacon_is_used(how: str, label: str) -> None:
    assert DrawButton(3, how).item.label == label
