"""Moderators' actions, on a real database."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.events import ExclusionChanged, StreamWentLive
from core.kit.database.connection import savepoint
from core.kit.database.personal import Account, Subject
from core.kit.errors import Refusal
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Scope
from core.people.names import public_names
from core.slot_calls import actions, messages, store
from core.slot_calls.feature import FEATURE
from core.slot_calls.rules import SlotCallSettings
from tests.slot_calls.scene import (
    CHANNEL_ID,
    MODERATOR,
    NOON,
    Guild,
    chat_message,
)

# -- closing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["done", "skipped"])
def test_closed_call_leaves_the_queue_and_its_post_is_edited(
    guild: Guild, state: actions.Closed
) -> None:
    guild.call("Book of Dead")
    guild.do(actions.configure, channel=556)
    closed = guild.do(actions.close_call, 1, state)
    assert (closed.state, closed.closed_by, closed.closed_at) == (state, MODERATOR, NOON)
    assert guild.queue() == []
    post, edit = guild.posted("slot_calls.post")
    assert edit.target == {"channel_id": CHANNEL_ID, "edits": post.key}, "where the post went"
    assert (edit.payload["state"], edit.payload["closed_by"]) == (state, MODERATOR)
    assert guild.audited() == [f"slot_calls.{state} #1"]


def test_second_click_is_refused_and_changes_nothing(guild: Guild) -> None:
    guild.call("Book of Dead")
    closed = guild.do(actions.close_call, 1, "done")
    before = guild.posted()
    with pytest.raises(Refusal, match="#1 is already closed"):
        guild.do(actions.close_call, 1, "skipped")
    assert guild.do(store.get_call, 1) == closed
    assert (guild.posted(), guild.audited()) == (before, ["slot_calls.done #1"])


def test_unknown_call_cannot_be_closed(guild: Guild) -> None:
    with pytest.raises(Refusal, match="There is no request #7"):
        guild.do(actions.close_call, 7, "done")


def test_clearing_skips_every_open_call(guild: Guild) -> None:
    for slot in ("a", "b", "c"):
        guild.call(slot)
    guild.do(actions.close_call, 2, "done")
    assert guild.do(actions.clear_queue) == 2
    assert [guild.do(store.get_call, n).state for n in (1, 2, 3)] == [
        "skipped",
        "done",
        "skipped",
    ]
    assert guild.do(actions.clear_queue) == 0


@pytest.mark.parametrize(("clear", "left"), [(True, 1), (False, 2)])
def test_stream_start_clears_the_queue_if_the_server_wants_that(
    guild: Guild, clear: bool, left: int
) -> None:
    guild.do(actions.configure, clear_at_start=clear)
    guild.call("a", seconds=-60)
    guild.call("b", seconds=60)
    event = StreamWentLive(
        key="1", guild_id=guild.id, at=NOON, platform="kick", started_at=NOON, title=""
    )
    guild.handle_event(event)
    assert len(guild.queue()) == left


# -- results --------------------------------------------------------------------------------------


def test_result_is_kept_and_shown(guild: Guild) -> None:
    guild.call("Mental")
    call = guild.do(actions.record_result, 1, "0,20", "1.234,50")
    assert (call.state, call.bet, call.win) == ("done", Decimal("0.2"), Decimal("1234.5"))
    edited = guild.posted("slot_calls.post")[-1].payload
    shown = str(messages.post(edited).description)
    assert "Bet 0.20 → won 1,234.50 (6,172.50×)" in shown
    guild.do(actions.record_result, 1, "0.20", "0")
    assert "won 0 (0.00×)" in str(
        messages.post(guild.posted("slot_calls.post")[-1].payload).description
    )
    assert guild.audited().count("slot_calls.result #1") == 2


def test_best_and_worst_game_are_found_by_their_multiplier(guild: Guild) -> None:
    assert guild.do(store.get_history).best is None
    for number, (bet, win) in enumerate([("1", "50"), ("0.2", "30"), ("10", "0"), ("1", "2")], 1):
        guild.call(f"s{number}", user_id=number)
        guild.do(actions.record_result, number, bet, win)
    guild.call("without", user_id=9)
    guild.do(actions.close_call, 5, "done")
    found = guild.do(store.get_history)
    assert found.best is not None
    assert found.worst is not None
    assert (found.best.number, found.worst.number, len(found.played)) == (2, 3, 5)
    names = guild.do(public_names, [call.viewer_id for call in found.played])
    shown = str(messages.history(found, 1, 1, names).description)
    assert "Best: `#2` **s2** · MadCats (Kick) · Bet 0.20 → won 30 (150.00×)" in shown


@pytest.mark.parametrize(
    ("bet", "win"), [("0", "5"), ("x", "5"), ("1", "-5"), ("1", "NaN"), ("", "")]
)
def test_bad_result_changes_nothing(guild: Guild, bet: str, win: str) -> None:
    guild.call("Mental")
    with pytest.raises(Refusal):
        guild.do(actions.record_result, 1, bet, win)
    assert guild.do(store.get_call, 1).state == "open"
    assert guild.do(store.get_call, 1).bet is None


def test_skipped_request_has_no_result(guild: Guild) -> None:
    guild.call("Mental")
    guild.do(actions.close_call, 1, "skipped")
    with pytest.raises(Refusal, match="hasn't been played"):
        guild.do(actions.record_result, 1, "1", "2")


# -- blocking -------------------------------------------------------------------------------------


def test_blocked_viewer_is_ignored(guild: Guild) -> None:
    guild.call("a", user_id=7)
    guild.call("b", user_id=8, name="lil_bean")
    guild.call("c", user_id=7)
    assert guild.do(actions.block_by_name, "@madcats") == "MadCats"
    assert guild.queue() == ["#2 b (lil_bean)"]
    before = guild.posted()
    guild.call("d", user_id=7, name="CalmCats", seconds=60)
    assert guild.posted() == before
    assert guild.excluded() == ["CalmCats"], "a new name does not help"
    viewer_id = guild.do(store.get_call, 1).viewer_id
    assert guild.audited() == [
        f"people.exclude viewer:{viewer_id}",
        "slot_calls.skipped #1",
        "slot_calls.skipped #3",
    ]


def test_caller_can_be_blocked_by_the_call(guild: Guild) -> None:
    guild.call("a")
    assert guild.do(actions.block_caller, 1) == "MadCats"
    before = guild.audited()
    assert guild.do(actions.block_caller, 1) == "MadCats"
    assert guild.audited() == before, "the second click changes nothing"
    assert guild.excluded() == ["MadCats"]
    with pytest.raises(Refusal, match="There is no request #2"):
        guild.do(actions.block_caller, 2)


def test_unblocked_viewer_can_call_again(guild: Guild) -> None:
    guild.call("a")
    guild.do(actions.block_by_name, "MadCats")
    with pytest.raises(Refusal, match="MadCats is already excluded"):
        guild.do(actions.block_by_name, "MadCats")
    assert guild.do(exclusions.include, "MADCATS", "slot_calls") == "MadCats"
    guild.call("b")
    assert guild.queue() == ["#2 b (MadCats)"]
    with pytest.raises(Refusal, match="MadCats is not excluded"):
        guild.do(exclusions.include, "MadCats", "slot_calls")
    with pytest.raises(Refusal, match="“ghost”"):
        guild.do(actions.block_by_name, "ghost")


def test_blocked_viewers_are_listed_in_alphabetical_order(guild: Guild) -> None:
    for user_id, name in enumerate(("zoe", "Anna", "mia"), start=1):
        guild.call("a", user_id=user_id, name=name)
        guild.do(actions.block_by_name, name)
    assert guild.excluded() == ["Anna", "mia", "zoe"]


def test_exclusion_from_elsewhere_skips_the_open_calls(guild: Guild, other: Guild) -> None:
    for server in (guild, other):
        server.call("a", user_id=7)
        server.call("b", user_id=8, name="lil_bean")
    viewer_id = guild.do(store.get_call, 1).viewer_id
    excluded = ExclusionChanged(
        key="1",
        guild_id=guild.id,
        at=NOON,
        viewer_id=viewer_id,
        scope="everything",
        excluded=True,
        changed_by=MODERATOR,
    )
    for ignored in (replace(excluded, scope="raffle"), replace(excluded, excluded=False)):
        guild.handle_event(ignored)
    assert len(guild.queue()) == 2
    guild.handle_event(excluded)
    assert guild.queue() == ["#2 b (lil_bean)"]
    assert guild.do(store.get_call, 1).closed_by == MODERATOR
    assert len(other.queue()) == 2


@pytest.mark.parametrize(("scope", "allowed"), [("everything", 0), ("raffle", 1)])
def test_exclusion_from_everything_counts_here(guild: Guild, scope: Scope, allowed: int) -> None:
    guild.call("a")
    guild.do(actions.clear_queue)
    guild.do(exclusions.exclude, "MadCats", scope)
    guild.call("b")
    assert len(guild.queue()) == allowed


# -- settings -------------------------------------------------------------------------------------


def test_status_holds_settings_and_counts(guild: Guild) -> None:
    guild.call("a", user_id=7)
    guild.call("b", user_id=8, name="lil_bean")
    guild.do(actions.block_by_name, "lil_bean")
    settings = SlotCallSettings(channel=CHANNEL_ID, cooldown_seconds=0)
    assert guild.do(actions.get_status) == actions.Status(
        settings, open=1, blocked=1, trouble=None, names=("call", "sr"), primary=None
    )


def test_settings_can_be_changed_one_by_one(guild: Guild) -> None:
    guild.call("a")
    before = guild.do(actions.get_status).settings
    assert guild.do(actions.configure, enabled=False, max_open=None).settings.enabled is False
    assert guild.do(actions.configure, enabled=True).settings == before
    assert guild.do(actions.configure, max_open=50).settings.max_open == 50
    assert guild.do(actions.configure, cooldown_seconds=3600).settings.max_open == 50
    assert guild.queue() == ["#1 a (MadCats)"]


@pytest.mark.parametrize(
    ("cooldown", "max_open"), [(-1, 5), (3601, 5), (60, 0), (60, 51), (60, -(2**40))]
)
def test_setting_out_of_bounds_changes_nothing(guild: Guild, cooldown: int, max_open: int) -> None:
    before = guild.do(actions.get_status)
    with pytest.raises(Refusal), savepoint(guild.tx):
        guild.do(actions.configure, cooldown_seconds=cooldown, max_open=max_open)
    assert guild.do(actions.get_status) == before


# -- isolation ------------------------------------------------------------------------------------


def test_guilds_have_their_own_queue_numbers_and_limits(guild: Guild, other: Guild) -> None:
    guild.do(actions.configure, max_open=1)
    for slot in ("a", "b"):
        guild.call(slot)
        other.call(slot)
    assert guild.queue() == ["#1 a (MadCats)"]
    assert other.queue() == ["#1 a (MadCats)", "#2 b (MadCats)"]
    assert other.rejections() == []


def test_one_message_in_two_guilds_is_a_call_in_each(guild: Guild, other: Guild) -> None:
    for server in (guild, other):
        server.handle(chat_message(server.id, "!call Book of Dead", message_id="shared"))
        assert len(server.posted()) == 2


def test_moderators_of_one_guild_do_not_affect_another(guild: Guild, other: Guild) -> None:
    guild.call("a")
    other.call("a")
    before = (other.queue(), other.posted(), other.audited(), other.do(actions.get_status))
    guild.do(actions.close_call, 1, "done")
    guild.call("b")
    guild.do(actions.clear_queue)
    guild.do(actions.block_by_name, "MadCats")
    guild.do(actions.configure, enabled=False, cooldown_seconds=3600, max_open=1)
    assert before == (other.queue(), other.posted(), other.audited(), other.do(actions.get_status))
    with pytest.raises(Refusal, match="not excluded"):
        other.do(exclusions.include, "MadCats", "slot_calls")


# -- privacy --------------------------------------------------------------------------------------


def subject_of(guild: Guild, *, discord_id: int, viewer_id: int | None = None) -> Subject:
    accounts = () if viewer_id is None else (Account("kick", 7, viewer_id, "MadCats"),)
    return Subject(guild.id, discord_id, NOON, accounts=accounts)


def test_export_holds_what_is_about_the_person(guild: Guild, other: Guild) -> None:
    assert FEATURE.personal is not None
    for server in (guild, other):
        server.call("a", message_id="m1")
        server.do(actions.block_caller, 1)
    viewer_id = guild.do(store.get_call, 1).viewer_id
    viewer = FEATURE.personal.collect(
        guild.tx, subject_of(guild, discord_id=1, viewer_id=viewer_id)
    )
    assert viewer["slot_calls"] == [
        {
            "number": 1,
            "slot": "a",
            "provider": "",
            "suggestion": "",
            "is_first": False,
            "platform": "kick",
            "message_id": "m1",
            "called_at": NOON,
            "channel_id": CHANNEL_ID,
            "state": "skipped",
            "closed_at": NOON,
            "picked_at": None,
            "picked_in": None,
            "bet": None,
            "win": None,
        }
    ]
    assert viewer["slot_calls_closed_by_you"] == []
    moderator = FEATURE.personal.collect(guild.tx, subject_of(guild, discord_id=MODERATOR))
    assert [row["number"] for row in moderator["slot_calls_closed_by_you"]] == [1]
    assert "message_id" not in moderator["slot_calls_closed_by_you"][0]
    assert moderator["slot_calls"] == []


def test_forgetting_a_viewer_skips_open_calls_and_keeps_the_block(guild: Guild) -> None:
    assert FEATURE.personal is not None
    guild.call("a", message_id="m1")
    viewer_id = guild.do(store.get_call, 1).viewer_id
    guild.do(actions.block_caller, 1)
    guild.call("b", user_id=8, name="lil_bean", message_id="m2")
    subject = subject_of(guild, discord_id=MODERATOR, viewer_id=viewer_id)
    FEATURE.personal.forget(guild.tx, subject)
    mine, others = guild.do(store.get_call, 1), guild.do(store.get_call, 2)
    assert (mine.message_id, mine.closed_by, mine.slot) == ("forgotten:1", 0, "a")
    assert (others.message_id, others.state) == ("m2", "open")
    assert guild.excluded() == ["MadCats"]
