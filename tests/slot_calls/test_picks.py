"""Picking the next request."""

import hashlib
from datetime import timedelta

import pytest

from core.drand.chain import QUICKNET, Round
from core.kit.errors import Refusal
from core.slot_calls import actions, messages, picks
from core.slot_calls.records import RandomPick
from tests.draws.verifier import verify
from tests.slot_calls.scene import CHANNEL_ID, NOON, Guild

SIGNATURE = "ab" * 48


def answer(pick: RandomPick, signature: str = SIGNATURE) -> Round:
    """What the beacon publishes."""
    randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    return Round(pick.chain, pick.round, randomness, signature)


def fill(guild: Guild, count: int) -> None:
    for number in range(1, count + 1):
        guild.call(f"s{number}", user_id=number, name=f"viewer{number}")


def start(guild: Guild) -> RandomPick:
    return guild.do(picks.start_random_pick, QUICKNET)


def test_first_request_is_picked_and_stays_on_top(guild: Guild) -> None:
    fill(guild, 3)
    guild.do(actions.configure, subscribers_first=True)
    assert guild.do(picks.pick_first).number == 1
    guild.call("s4", user_id=4, name="viewer4", badges=("subscriber",))
    assert [call.split()[0] for call in guild.queue()] == ["#1", "#4", "#2", "#3"]
    assert guild.posted("slot_calls.accepted")[-1].payload["position"] == 2
    post = guild.posted("slot_calls.post")[3]
    assert (post.key, post.target) == ("slot_calls.picked:1", {"channel_id": CHANNEL_ID})
    assert "Next up" in str(messages.post(post.payload).description)
    assert guild.do(picks.pick_first).number == 4
    guild.do(actions.close_call, 1, "done")
    edits = [message.target["edits"] for message in guild.posted("slot_calls.post")[-2:]]
    assert edits == ["slot_calls.post:1", "slot_calls.picked:1"]


def test_viewer_is_told_in_chat(guild: Guild) -> None:
    guild.tx.exec_driver_sql(
        "INSERT INTO guild_channels (guild_id, platform, channel_id, slug)"
        f" VALUES ({guild.id}, 'kick', 41, 'nora')"
    )
    fill(guild, 2)
    guild.do(picks.pick_first)
    (line,) = guild.posted("slot_calls.next")
    assert messages.next_up(line.payload) == "@viewer1 s1 is next!"
    guild.do(actions.configure, replies=False)
    guild.do(picks.pick_first)
    assert len(guild.posted("slot_calls.next")) == 1


def test_round_decides_and_anybody_can_repeat_it(guild: Guild) -> None:
    fill(guild, 9)
    pick = start(guild)
    assert timedelta(seconds=15) <= pick.round_at - NOON < timedelta(seconds=18)
    (posted,) = guild.posted("slot_calls.pick")
    shown = str(messages.random_pick(posted.payload).description)
    assert f"Round **{pick.round}**" in shown
    assert f"List: `{pick.snapshot_hash}`" in shown

    guild.do(picks.finish_pick, pick.number, answer(pick))
    picked = guild.do(picks.list_finished)[0].call
    assert guild.queue()[0].startswith(f"#{picked} ")
    guild.do(picks.finish_pick, pick.number, answer(pick, "cd" * 48))
    assert guild.do(picks.list_finished)[0].call == picked, "a pick is made once"
    end = guild.posted("slot_calls.pick")[-1]
    assert end.target["edits"] == posted.key
    assert f"**s{picked}**, requested by viewer{picked}" in str(
        messages.random_pick(end.payload).description
    )

    proof = guild.do(picks.make_proof, pick.number)
    bundle, hashes = verify(proof, ahead=15)
    assert bundle["picks"][0]["account"] == f"request:{picked}"
    assert hashes[:2] == (posted.payload["hash"], posted.payload["commitment"])
    with pytest.raises(ValueError, match="300 seconds"):
        verify(proof)


def test_request_that_was_closed_meanwhile_is_passed_over(guild: Guild) -> None:
    fill(guild, 4)
    pick = start(guild)
    guild.do(actions.clear_queue)
    fill(guild, 1)  # a new one is not in the list
    guild.do(picks.finish_pick, pick.number, answer(pick))
    assert guild.do(picks.list_finished) == []
    failed = guild.posted("slot_calls.pick")[-1].payload
    assert "Nothing was picked" in str(messages.random_pick(failed).description)


def test_picked_request_is_not_in_the_next_list(guild: Guild) -> None:
    fill(guild, 3)
    first = start(guild)
    guild.do(picks.finish_pick, first.number, answer(first))
    assert (first.entrants, start(guild).entrants) == (3, 2)


def test_those_who_were_passed_over_are_in_the_proof(guild: Guild) -> None:
    fill(guild, 3)
    pick = start(guild)
    for closed in (1, 2):
        guild.do(actions.close_call, closed, "skipped")
    guild.do(picks.finish_pick, pick.number, answer(pick))
    bundle, _hashes = verify(guild.do(picks.make_proof, pick.number), ahead=15)
    *skipped, won = bundle["picks"]
    assert won["account"] == "request:3"
    assert all(pick["result"] == "skipped" for pick in skipped)


def test_pick_that_cannot_be_made_is_refused(guild: Guild) -> None:
    with pytest.raises(Refusal, match="no requests to pick"):
        start(guild)
    fill(guild, 2)
    start(guild)
    with pytest.raises(Refusal, match="already being picked"):
        start(guild)
    guild.do(actions.configure, channel=0)
    for act in (picks.pick_first, lambda work: picks.start_random_pick(work, QUICKNET)):
        with pytest.raises(Refusal, match="No channel is set"):
            guild.do(act)
    with pytest.raises(Refusal, match="no random pick #1"):
        guild.do(picks.make_proof, 1)


def test_beacon_that_does_not_answer_ends_the_pick(guild: Guild, other: Guild) -> None:
    for server in (guild, other):
        fill(server, 2)
        start(server)
    assert {pick.guild_id for pick in picks.list_due(guild.tx, NOON)} == set()
    later = NOON + timedelta(seconds=20)
    assert {pick.guild_id for pick in picks.list_due(guild.tx, later)} == {guild.id, other.id}
    guild.do(picks.give_up, 1)
    assert {pick.guild_id for pick in picks.list_due(guild.tx, later)} == {other.id}
    assert len(guild.queue()) == 2
    assert start(guild).number == 2
