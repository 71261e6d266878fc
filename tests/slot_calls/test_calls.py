"""Viewers' actions, on a real database."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import ChatMessageSent
from core.games import actions as games
from core.guilds import channels
from core.guilds.records import TroubleReason
from core.kit.text.cleaning import has_link
from core.people import actions as people
from core.people import store as people_store
from core.slot_calls import actions, messages
from core.slot_calls.feature import FEATURE
from core.slot_calls.rules import MAX_SLOT_LENGTH
from tests.slot_calls.scene import (
    CHANNEL_ID,
    KICK_CHANNEL,
    NOON,
    Guild,
    chat_message,
)

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
        "is_picked": False,
        "closed_by": None,
        "provider": "Play'n GO",
        "suggestion": "",
        "suggestion_is_banned": False,
        "bet": None,
        "win": None,
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
    notified = [message.payload["viewer"] for message in guild.posted("slot_calls.rejected")]
    assert notified == ["MadCats", "MadCats", "lil_bean"]


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
            [(p.kind, p.target, p.payload) for p in server.posted()] for server in (guild, other)
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


SPELLINGS = (
    *("sweet bonanza lol", "Pragmatic Sweet Bonanza", "sweet bonanza winter edition"),
    *(
        "Sweet Bonanza 5€",
        "sweet b0nanza (2 euro)",
        "5weet Bon4nza @ 2€ pls",
        "Sweet Bonanza bet 2",
    ),
)


@pytest.mark.parametrize("typed", SPELLINGS)
def test_rules_hold_for_every_text_in_which_the_game_is_recognised(
    guild: Guild, typed: str
) -> None:
    guild.do(actions.configure, unique=True)
    guild.call("Sweet Bonanza", user_id=1)
    guild.call(typed, user_id=2)
    guild.call(typed, user_id=1, seconds=60)
    assert guild.rejections() == ["requested", "duplicate"]
    guild.do(games.ban_game, "Sweet Bonanza")
    guild.call(typed, user_id=3)
    assert guild.rejections()[2:] == ["banned"]
    guild.do(games.ban_game, "Sweet Bonanza", banned=False)
    guild.do(actions.close_call, 1, "done")
    guild.do(actions.configure, known_only=True)
    guild.call(typed, user_id=4)
    assert guild.queue() == ["#2 Sweet Bonanza (MadCats)"]
    guild.do(actions.ban_game, 2)
    assert guild.queue() == []


def test_a_number_behind_a_game_may_be_a_bet(guild: Guild) -> None:
    guild.do(actions.configure, unique=True)
    guild.call("Mystery Museum", user_id=1)
    guild.call("mystery museum 2", user_id=2)
    guild.do(games.ban_game, "Mystery Museum")
    guild.call("mystery museum 20", user_id=3)
    assert guild.rejections() == ["requested", "banned"]
    guild.call("Big Bite 2", user_id=4)
    assert guild.queue()[-1] == "#2 Big Bite 2 (MadCats)"


def test_a_ban_spares_known_games_and_says_what_it_read(guild: Guild) -> None:
    guild.do(games.ban_game, "Mental")
    guild.call("mental 2 KEKW", user_id=1)
    assert guild.queue() == ["#1 Mental 2 (MadCats)"]
    guild.call("Mental 7", user_id=2)
    (refused,) = guild.posted("slot_calls.rejected")
    assert (refused.payload["slot"], refused.payload["meant"]) == ("Mental 7", "Mental")
    guild.do(games.save_game, "Mental 7")
    guild.call("Mental 7", user_id=2, seconds=90)
    assert guild.queue()[1:] == ["#2 Mental 7 (MadCats)"]


def test_links_are_no_games(guild: Guild) -> None:
    guild.call("Mental https://evil.example", user_id=1)
    guild.call('"Mental"', user_id=2)
    guild.say("!cancelcall evil.com", user_id=2, seconds=60)
    assert guild.rejections() == ["link", "link"]
    payloads = [message.payload for message in guild.posted("slot_calls.rejected")]
    assert not any(has_link(str(value)) for payload in payloads for value in payload.values())
    assert guild.queue() == ["#1 Mental (MadCats)"]


def test_post_says_that_the_similar_game_is_banned(guild: Guild) -> None:
    guild.do(games.ban_game, "Wanted Dead or a Wild")
    guild.call("Wanted Dead or")
    (post,) = guild.posted("slot_calls.post")
    assert post.payload["suggestion_is_banned"]
    assert "banned" in (messages.post(post.payload).description or "")


def test_a_request_cannot_be_replaced_by_a_banned_game(guild: Guild) -> None:
    guild.do(games.ban_game, "Sweet Bonanza")
    guild.call("Mental")
    guild.say("!cancelcall sweet bonanza lol", seconds=60)
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
    (viewer_id,) = people.get_or_create_senders(guild.tx, [chat_message(guild.id)])
    people_store.add_link(guild.tx, guild.id, 1, "kick", viewer_id, NOON)
    guild.call("Mental", seconds=60)
    assert guild.queue() == ["#1 Mental (MadCats)"]


def test_subscribers_come_first_if_the_server_wants_that(guild: Guild) -> None:
    guild.do(actions.configure, subscribers_first=True)
    guild.call("a", user_id=1, name="One")
    guild.call("b", user_id=2, name="Two", badges=("subscriber",))
    guild.call("c", user_id=3, name="Three", badges=("founder",))
    assert guild.queue() == ["#2 b (Two)", "#3 c (Three)", "#1 a (One)"]
    places = [message.payload["position"] for message in guild.posted("slot_calls.accepted")]
    assert places == [1, 1, 2]


def test_replies_and_posts_can_be_switched_off(guild: Guild) -> None:
    guild.do(actions.configure, replies=False, posts=False)
    guild.call("a")
    guild.call("a")
    assert guild.queue() == ["#1 a (MadCats)"]
    guild.do(actions.close_call, 1, "done")
    assert guild.posted() == []


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
    guild.say("!cancelcall", seconds=5)  # it was sent earlier
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
    assert [(call["position"], call["slot"]) for call in mine.payload["calls"]] == [
        (1, "a"),
        (3, "c"),
    ]
    assert messages.mine(mine.payload) == "@MadCats In the queue: 1. a, 3. c"
    assert messages.mine(none.payload) == "@MadCats You have no open requests."


def test_blocked_viewer_gets_no_answer(guild: Guild) -> None:
    guild.call("a")
    guild.do(actions.block_caller, 1)
    guild.say("!mycalls")
    assert guild.posted("slot_calls.mine") == []
