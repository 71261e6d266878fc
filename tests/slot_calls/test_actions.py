"""What viewers and moderators can do, on a real database."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from core.events import ChatMessageSent, ExclusionChanged, StreamWentLive
from core.guilds import channels, chat_commands
from core.guilds.records import TroubleReason
from core.kit.database import savepoint
from core.kit.errors import Refusal
from core.kit.feature import ChatRules
from core.kit.personal import Account, Subject
from core.people import actions as people
from core.people import store as people_store
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Scope
from core.slot_calls import actions, messages
from core.slot_calls.feature import FEATURE
from core.slot_calls.rules import MAX_SLOT_LENGTH, SlotCallSettings
from tests.slot_calls.scene import (
    CHANNEL_ID,
    KICK_CHANNEL,
    MODERATOR,
    NOON,
    Guild,
    chat_message,
)


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    guild = Guild(tx, guild_id)
    guild.open()
    return guild


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> Guild:
    other = Guild(tx, other_guild_id)
    other.open()
    return other


# -- calls ----------------------------------------------------------------------------------------


def test_call_is_queued_posted_and_confirmed(guild: Guild) -> None:
    message = guild.call("Book  of Dead")

    assert guild.queue() == ["#1 Book of Dead (MadCats)"]
    post, reply = guild.posted()
    assert (post.kind, post.service) == ("slot_calls.post", "discord")
    assert post.target == {"channel_id": CHANNEL_ID}
    assert post.payload == {
        "number": 1,
        "slot": "Book of Dead",
        "viewer": "MadCats",
        "platform": "kick",
        "called_at": NOON.isoformat(),
        "state": "open",
        "closed_by": None,
        "provider": "Play'n GO",
        "suggestion": "",
        "bet": None,
        "win": None,
        "position": 1,
    }
    assert (reply.kind, reply.service) == ("slot_calls.accepted", "kick")
    assert reply.target == {"broadcaster_user_id": KICK_CHANNEL, "reply_to": message.message_id}
    assert reply.payload == {"slot": "Book of Dead", "position": 1, "viewer": "MadCats"}


def test_renamed_viewer_is_shown_by_current_name(guild: Guild) -> None:
    guild.call("Book of Dead", name="MadCats")
    guild.call("Razor Shark", name="CalmCats", seconds=60)
    assert guild.queue() == ["#1 Book of Dead (CalmCats)", "#2 Razor Shark (CalmCats)"]


def test_position_counts_open_calls(guild: Guild) -> None:
    guild.call("a", user_id=1)
    guild.call("b", user_id=2)
    guild.do(actions.close_call, 1, "done")
    guild.call("c", user_id=3)
    assert [p.payload["position"] for p in guild.posted("slot_calls.accepted")] == [1, 2, 2]


def test_numbers_are_not_reused(guild: Guild) -> None:
    guild.call("a")
    guild.call("b")
    assert guild.do(actions.clear_queue) == 2
    guild.call("c")
    assert guild.queue() == ["#3 c (MadCats)"]


@pytest.mark.parametrize(
    ("typed", "settings", "reason"),
    [
        ("", {}, "no_name"),
        ("   ", {}, "no_name"),
        ("x" * (MAX_SLOT_LENGTH + 1), {}, "too_long"),
        ("Book of Dead", {"enabled": False}, "off"),
        ("Book of Dead", {"channel": 0}, "no_channel"),
    ],
)
def test_rejected_call_gets_a_reply(
    guild: Guild, typed: str, settings: dict[str, int], reason: str
) -> None:
    guild.do(actions.configure, **settings)
    message = guild.call(typed)
    assert guild.queue() == []
    (reply,) = guild.posted()
    assert (reply.payload["reason"], reply.payload["viewer"]) == (reason, "MadCats")
    assert reply.target["reply_to"] == message.message_id


@pytest.mark.parametrize("reason", ["deleted", "forbidden"])
def test_call_is_rejected_while_the_channel_cannot_be_used(
    guild: Guild, reason: TroubleReason
) -> None:
    guild.do(channels.note_trouble, CHANNEL_ID, reason, ())
    guild.call("Book of Dead")
    assert (guild.queue(), guild.rejections()) == ([], ["no_access"])
    trouble = guild.do(actions.get_status).trouble
    assert trouble is not None
    assert trouble.reason == reason
    guild.do(channels.end_trouble, CHANNEL_ID)
    guild.call("Book of Dead")
    assert guild.queue() == ["#1 Book of Dead (MadCats)"]


def test_same_slot_is_rejected_until_the_first_call_is_closed(guild: Guild) -> None:
    guild.call("Book of Dead")
    guild.call("book of DEAD")
    assert guild.rejections() == ["duplicate"]
    guild.call("Book of Dead", user_id=8, name="lil_bean")
    guild.do(actions.close_call, 1, "skipped")
    guild.call("book of DEAD")
    assert guild.queue() == ["#2 Book of Dead (lil_bean)", "#3 Book of Dead (MadCats)"]


def test_open_calls_per_viewer_are_limited(guild: Guild) -> None:
    guild.do(actions.configure, max_open=2)
    for slot in ("a", "b", "c"):
        guild.call(slot)
    (rejected,) = guild.posted("slot_calls.rejected")
    assert (rejected.payload["reason"], rejected.payload["max_open"]) == ("limit", 2)
    guild.do(actions.close_call, 1, "done")
    guild.call("c")
    assert guild.queue() == ["#2 b (MadCats)", "#3 c (MadCats)"]


def test_cooldown_runs_from_accepted_message_to_message(guild: Guild) -> None:
    guild.do(actions.configure, cooldown_seconds=30)
    for seconds in (0, 18, 29.5, 30):
        guild.call(f"slot {seconds}", seconds=seconds)
    guild.call("of somebody else", user_id=8, name="lil_bean", seconds=1)
    assert guild.queue() == [
        "#1 slot 0 (MadCats)",
        "#2 slot 30 (MadCats)",
        "#3 of somebody else (lil_bean)",
    ]
    (rejected,) = guild.posted("slot_calls.rejected")  # the second is within the same minute
    assert (rejected.payload["reason"], rejected.payload["wait"]) == ("cooldown", 12)


def test_message_handled_twice_is_one_call(guild: Guild) -> None:
    message = guild.call("Book of Dead")
    guild.handle(message)
    assert guild.queue() == ["#1 Book of Dead (MadCats)"]
    guild.do(actions.close_call, 1, "done")
    guild.handle(message)
    assert guild.queue() == []
    assert guild.rejections() == []


def test_same_message_id_on_another_platform_is_another_call(guild: Guild) -> None:
    for platform in ("kick", "twitch"):
        guild.call("Book of Dead", message_id="one", platform=platform)
    assert len(guild.queue()) == 2


def test_same_rejection_is_sent_once_a_minute_per_viewer(guild: Guild) -> None:
    for seconds in (0, 20, 59, 60, 119):
        guild.call("", seconds=seconds)
    guild.call("", user_id=8, name="lil_bean")
    told = [one.payload["viewer"] for one in guild.posted("slot_calls.rejected")]
    assert told == ["MadCats", "MadCats", "lil_bean"]


def test_off_is_sent_once_a_minute_for_everyone(guild: Guild) -> None:
    guild.do(actions.configure, enabled=False)
    for user_id in (7, 8, 9):
        guild.call("Book of Dead", user_id=user_id, name=f"viewer{user_id}")
    assert guild.rejections() == ["off"]


calls = st.tuples(
    st.integers(1, 3), st.sampled_from(("a", "A", "b", "c", "")), st.integers(0, 90), st.integers()
)


@settings(max_examples=25)
@given(typed=st.lists(calls, max_size=12, unique_by=lambda call: call[3]), again=st.booleans())
def test_batch_of_calls_has_the_same_outcome_as_one_by_one(
    guild: Guild, other: Guild, typed: list[tuple[int, str, int, int]], again: bool
) -> None:
    batches: list[list[ChatMessageSent]] = []
    with guild.tx.begin_nested() as example:
        for one in (guild, other):
            one.call("x", user_id=3, name="viewer3", seconds=-60, message_id="before")
            one.do(actions.block_by_name, "viewer3")
            one.do(actions.configure, cooldown_seconds=20, max_open=2)
            batch = [
                chat_message(
                    one.id,
                    f"!call {slot}",
                    user_id=user,
                    name=f"viewer{user}",
                    seconds=seconds,
                    message_id=f"m{number}",
                )
                for user, slot, seconds, number in typed
            ]
            batches.append(batch + batch[:3] if again else batch)
        together, apart = batches
        if together:
            guild.handle(*together)
        for message in apart:
            other.handle(message)
        assert guild.queue() == other.queue()
        said, expected = (
            [(p.kind, p.target, p.payload) for p in one.posted()] for one in (guild, other)
        )
        assert said == expected
        example.rollback()


# -- games and limits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "queued", "suggestion"),
    [
        ("gates of olimpus", "Gates of Olympus", ""),
        ("sugar rush 100", "sugar rush 100", "Sugar Rush 1000"),
        ("My Own Slot", "My Own Slot", ""),
    ],
)
def test_misspelt_game_is_queued_by_its_title(
    guild: Guild, typed: str, queued: str, suggestion: str
) -> None:
    guild.call(typed)
    assert guild.queue() == [f"#1 {queued} (MadCats)"]
    (post,) = guild.posted("slot_calls.post")
    assert post.payload["suggestion"] == suggestion


def test_only_known_games_if_the_server_wants_that(guild: Guild) -> None:
    guild.do(actions.configure, known_only=True)
    guild.call("My Own Slot")
    guild.call("sugar rush 100", seconds=60)
    guild.call("sugar rush", seconds=120)
    assert guild.rejections() == ["unknown", "unknown"]
    assert guild.queue() == ["#1 Sugar Rush (MadCats)"]


def test_banned_game_is_refused_and_its_open_calls_are_skipped(guild: Guild) -> None:
    guild.call("Sugar Rush", user_id=1, name="One")
    guild.call("sugar rush", user_id=2, name="Two")
    guild.call("Mental", user_id=3, name="Three")
    assert guild.do(actions.ban_game, 1) == "Sugar Rush"
    assert guild.queue() == ["#3 Mental (Three)"]
    guild.call("sugar rsh", user_id=4)
    assert guild.rejections() == ["banned"]


def test_closed_queue_takes_nothing_and_is_worked_off(guild: Guild) -> None:
    guild.call("a")
    guild.do(actions.configure, closed=True)
    guild.call("b")
    assert guild.rejections() == ["closed"]
    assert guild.do(actions.close_call, 1, "done").state == "done"


def test_queue_is_no_longer_than_its_limit(guild: Guild) -> None:
    guild.do(actions.configure, max_queue=2)
    guild.handle(*(chat_message(guild.id, f"!call s{n}", user_id=n) for n in (1, 2, 3)))
    assert guild.rejections() == ["full"]
    guild.do(actions.close_call, 1, "done")
    guild.call("s4", user_id=4)
    assert len(guild.queue()) == 2


def test_slot_can_be_unique_across_viewers(guild: Guild) -> None:
    guild.do(actions.configure, unique=True)
    guild.handle(*(chat_message(guild.id, "!call Mental", user_id=n) for n in (1, 2)))
    guild.call("MENTAL", user_id=3)
    assert guild.rejections() == ["requested", "requested"]
    assert len(guild.queue()) == 1


def test_linked_viewers_only(guild: Guild) -> None:
    guild.do(actions.configure, linked_only=True)
    guild.call("Mental")
    assert guild.rejections() == ["not_linked"]
    (viewer_id,) = people.meet_senders(guild.tx, [chat_message(guild.id)])
    people_store.add_link(guild.tx, guild.id, 1, "kick", viewer_id, NOON)
    guild.call("Mental", seconds=60)
    assert guild.queue() == ["#1 Mental (MadCats)"]


def test_subscribers_come_first_if_the_server_wants_that(guild: Guild) -> None:
    guild.do(actions.configure, subscribers_first=True)
    guild.call("a", user_id=1, name="One")
    guild.call("b", user_id=2, name="Two", badges=("subscriber",))
    guild.call("c", user_id=3, name="Three", badges=("founder",))
    assert guild.queue() == ["#2 b (Two)", "#3 c (Three)", "#1 a (One)"]
    places = [one.payload["position"] for one in guild.posted("slot_calls.accepted")]
    assert places == [1, 1, 2]


def test_replies_and_posts_can_be_switched_off(guild: Guild) -> None:
    guild.do(actions.configure, replies=False, posts=False)
    guild.call("a")
    guild.call("a")
    assert guild.queue() == ["#1 a (MadCats)"]
    guild.do(actions.close_call, 1, "done")
    assert guild.posted() == []


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
    FEATURE.handlers[StreamWentLive](guild.tx, event)
    assert len(guild.queue()) == left


def test_renamed_command_is_named_everywhere(guild: Guild) -> None:
    command = FEATURE.chat_commands[0]
    rules = ChatRules(("spin", "play"))
    guild.do(chat_commands.change_command, FEATURE.chat_commands, command, rules)
    guild.do(actions.post_panel, 777)
    (panel,) = guild.posted("slot_calls.panel")
    assert "`!spin <slot>`" in str(messages.panel(panel.payload).description)
    shown = str(messages.status(guild.do(actions.get_status)).description)
    assert "`!spin <slot>` or `!play <slot>`" in shown


def test_longer_command_is_no_call(guild: Guild) -> None:
    message = chat_message(guild.id, "!calling all viewers")
    assert message.command not in FEATURE.chat_commands[0].names


# -- withdrawing ----------------------------------------------------------------------------------


def test_newest_own_call_is_withdrawn(guild: Guild) -> None:
    guild.call("a")
    guild.call("b")
    guild.call("c", user_id=8, name="lil_bean")
    guild.say("!cancelcall")
    assert guild.queue() == ["#1 a (MadCats)", "#3 c (lil_bean)"]
    (answer,) = guild.posted("slot_calls.withdrawn")
    assert answer.payload == {"slot": "b", "replaced_by": "", "viewer": "MadCats"}
    edited = guild.posted("slot_calls.post")[-1]
    assert (edited.target["edits"], edited.payload["state"]) == ("slot_calls.post:2", "cancelled")


def test_withdrawing_does_not_shorten_the_cooldown(guild: Guild) -> None:
    guild.do(actions.configure, cooldown_seconds=60)
    guild.call("a")
    guild.say("!cancelcall", seconds=1)
    guild.call("a", seconds=2)
    assert (guild.queue(), guild.rejections()) == ([], ["cooldown"])
    guild.call("a", seconds=61)
    assert guild.queue() == ["#2 a (MadCats)"]


def test_call_can_be_replaced_at_its_place(guild: Guild) -> None:
    guild.do(actions.configure, max_open=1, max_queue=2, cooldown_seconds=60)
    guild.call("a")
    guild.call("c", user_id=8, name="lil_bean")
    guild.do(actions.configure, closed=True)
    guild.say("!cancelcall gates of olimpus", seconds=1)
    assert guild.queue() == ["#1 Gates of Olympus (MadCats)", "#2 c (lil_bean)"]
    (answer,) = guild.posted("slot_calls.withdrawn")
    assert answer.payload["replaced_by"] == "Gates of Olympus"


def test_bad_replacement_changes_nothing(guild: Guild) -> None:
    guild.call("Mental")
    guild.call("Cubes")
    guild.say("!cancelcall mental")
    assert guild.rejections() == ["duplicate"]
    assert guild.queue() == ["#1 Mental (MadCats)", "#2 Cubes (MadCats)"]


def test_nothing_to_withdraw_is_said(guild: Guild) -> None:
    guild.call("a", seconds=10)
    guild.say("!cancelcall", seconds=5)  # it was written before
    guild.say("!cancelcall", user_id=8)
    assert len(guild.posted("slot_calls.nothing")) == 2
    assert guild.queue() == ["#1 a (MadCats)"]


def test_own_calls_and_places_are_told(guild: Guild) -> None:
    guild.call("a")
    guild.call("b", user_id=8)
    guild.call("c")
    guild.say("!mycalls")
    guild.say("!mycalls", seconds=1)  # at most one answer a minute
    guild.say("!position", user_id=9)
    mine, none = guild.posted("slot_calls.mine")
    assert [(one["position"], one["slot"]) for one in mine.payload["calls"]] == [(1, "a"), (3, "c")]
    assert messages.mine(mine.payload) == "@MadCats In the queue: 1. a, 3. c"
    assert messages.mine(none.payload) == "@MadCats You have no open request."


def test_blocked_viewer_gets_no_answer(guild: Guild) -> None:
    guild.call("a")
    guild.do(actions.block_caller, 1)
    guild.say("!mycalls")
    assert guild.posted("slot_calls.mine") == []


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
    assert guild.do(actions.get_history).best is None
    for number, (bet, win) in enumerate([("1", "50"), ("0.2", "30"), ("10", "0"), ("1", "2")], 1):
        guild.call(f"s{number}", user_id=number)
        guild.do(actions.record_result, number, bet, win)
    guild.call("without", user_id=9)
    guild.do(actions.close_call, 5, "done")
    found = guild.do(actions.get_history)
    assert found.best is not None
    assert found.worst is not None
    assert (found.best.number, found.worst.number, len(found.played)) == (2, 3, 5)
    shown = str(messages.history(found, 1, 1).description)
    assert "Best: `#2` **s2** · MadCats · Bet 0.20 → won 30 (150.00×)" in shown


@pytest.mark.parametrize(
    ("bet", "win"), [("0", "5"), ("x", "5"), ("1", "-5"), ("1", "NaN"), ("", "")]
)
def test_bad_result_changes_nothing(guild: Guild, bet: str, win: str) -> None:
    guild.call("Mental")
    with pytest.raises(Refusal):
        guild.do(actions.record_result, 1, bet, win)
    assert guild.do(actions.get_call, 1).state == "open"
    assert guild.do(actions.get_call, 1).bet is None


def test_skipped_request_has_no_result(guild: Guild) -> None:
    guild.call("Mental")
    guild.do(actions.close_call, 1, "skipped")
    with pytest.raises(Refusal, match="was not played"):
        guild.do(actions.record_result, 1, "1", "2")


# -- the panel ------------------------------------------------------------------------------------


def test_panel_follows_the_queue(guild: Guild) -> None:
    guild.do(actions.post_panel, 777)
    for n in range(12):
        guild.call(f"s{n}", user_id=n + 1)
    posted, *edits = guild.posted("slot_calls.panel")
    assert (posted.target, posted.payload["waiting"]) == ({"channel_id": 777}, 0)
    assert {edit.target["edits"] for edit in edits} == {posted.key}
    assert (edits[-1].payload["waiting"], len(edits[-1].payload["rows"])) == (12, 10)
    guild.do(actions.configure, closed=True)
    assert guild.posted("slot_calls.panel")[-1].payload["state"] == "closed"
    guild.do(actions.close_call, 1, "done")
    assert guild.posted("slot_calls.panel")[-1].payload["rows"][0]["number"] == 2


def test_at_most_one_edit_of_the_panel_waits(guild: Guild) -> None:
    guild.do(actions.post_panel, 777)
    for n in range(5):
        guild.call(f"s{n}", user_id=n + 1)
    waiting = guild.tx.execute(
        text(
            "SELECT count(*) FROM outbox_messages"
            " WHERE kind = 'slot_calls.panel' AND state = 'waiting'"
        )
    )
    assert waiting.scalar_one() == 2  # the post itself, and one edit


def test_new_panel_replaces_the_old_one(guild: Guild) -> None:
    guild.do(actions.post_panel, 777)
    guild.do(actions.post_panel, 778)
    first, gone, second = guild.posted("slot_calls.panel")
    assert gone.target == {"channel_id": 777, "deletes": first.key}
    assert second.target == {"channel_id": 778}
    guild.do(actions.remove_panel)
    assert guild.posted("slot_calls.panel")[-1].target["deletes"] == second.key
    with pytest.raises(Refusal, match="no panel"):
        guild.do(actions.remove_panel)
    guild.call("a")
    assert len(guild.posted("slot_calls.panel")) == 4
    guild.do(actions.post_panel, 777)
    third = guild.posted("slot_calls.panel")[-1]
    assert (third.target, third.payload["waiting"]) == ({"channel_id": 777}, 1)


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
    assert "position" not in edit.payload
    assert guild.audited() == [f"slot_calls.{state} #1"]


def test_second_click_is_refused_and_changes_nothing(guild: Guild) -> None:
    guild.call("Book of Dead")
    closed = guild.do(actions.close_call, 1, "done")
    before = guild.posted()
    with pytest.raises(Refusal, match="#1 is already closed"):
        guild.do(actions.close_call, 1, "skipped")
    assert guild.do(actions.get_call, 1) == closed
    assert (guild.posted(), guild.audited()) == (before, ["slot_calls.done #1"])


def test_unknown_call_cannot_be_closed(guild: Guild) -> None:
    with pytest.raises(Refusal, match="There is no request #7"):
        guild.do(actions.close_call, 7, "done")


def test_clearing_skips_every_open_call(guild: Guild) -> None:
    for slot in ("a", "b", "c"):
        guild.call(slot)
    guild.do(actions.close_call, 2, "done")
    assert guild.do(actions.clear_queue) == 2
    assert [guild.do(actions.get_call, n).state for n in (1, 2, 3)] == [
        "skipped",
        "done",
        "skipped",
    ]
    assert guild.do(actions.clear_queue) == 0


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
    viewer_id = guild.do(actions.get_call, 1).viewer_id
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
    with pytest.raises(Refusal, match="MadCats is excluded already"):
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
    for one in (guild, other):
        one.call("a", user_id=7)
        one.call("b", user_id=8, name="lil_bean")
    viewer_id = guild.do(actions.get_call, 1).viewer_id
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
    assert guild.do(actions.get_call, 1).closed_by == MODERATOR
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
    for one in (guild, other):
        one.handle(chat_message(one.id, "!call Book of Dead", message_id="shared"))
        assert len(one.posted()) == 2


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
    for one in (guild, other):
        one.call("a", message_id="m1")
        one.do(actions.block_caller, 1)
    viewer_id = guild.do(actions.get_call, 1).viewer_id
    viewer = FEATURE.personal.collect(
        guild.tx, subject_of(guild, discord_id=1, viewer_id=viewer_id)
    )
    assert viewer["slot_calls"] == [
        {
            "number": 1,
            "slot": "a",
            "provider": "",
            "found": "unknown",
            "suggestion": "",
            "is_first": False,
            "platform": "kick",
            "message_id": "m1",
            "called_at": NOON,
            "channel_id": CHANNEL_ID,
            "state": "skipped",
            "closed_at": NOON,
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
    viewer_id = guild.do(actions.get_call, 1).viewer_id
    guild.do(actions.block_caller, 1)
    guild.call("b", user_id=8, name="lil_bean", message_id="m2")
    subject = subject_of(guild, discord_id=MODERATOR, viewer_id=viewer_id)
    FEATURE.personal.forget(guild.tx, subject)
    mine, others = guild.do(actions.get_call, 1), guild.do(actions.get_call, 2)
    assert (mine.message_id, mine.closed_by, mine.slot) == ("forgotten:1", 0, "a")
    assert (others.message_id, others.state) == ("m2", "open")
    assert guild.excluded() == ["MadCats"]
