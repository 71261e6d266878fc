"""What one can do with slot calls, on a real database."""

import pytest
from sqlalchemy import Connection

from core.guilds import channels
from core.guilds.actions import setting
from core.kit.database import savepoint
from core.kit.errors import Refusal
from core.slot_calls import actions, store
from core.slot_calls.rules import MOST_CHARACTERS
from core.slot_calls.settings import CHANNEL, COOLDOWN, ENABLED, MOST_OPEN
from tests.slot_calls.scene import (
    CHANNEL_ID,
    KICK_CHANNEL,
    MODERATOR,
    NOON,
    audited,
    call,
    choose,
    line,
    open_for_calls,
    posted,
    reasons,
    waiting,
)


@pytest.fixture(autouse=True)
def opened(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    open_for_calls(tx, guild_id, other_guild_id)


# -- calling ------------------------------------------------------------------------------------


def test_a_call_is_put_on_the_list_posted_in_discord_and_confirmed_in_chat(
    tx: Connection, guild_id: int
) -> None:
    message = call(tx, guild_id, "Book  of Dead")

    assert waiting(tx, guild_id) == ["#1 Book of Dead (MadCats)"]
    post, reply = posted(tx, guild_id)
    assert (post.kind, post.service, post.target) == (
        "slot_calls.post",
        "discord",
        {"channel_id": CHANNEL_ID},
    )
    assert post.payload == {
        "number": 1,
        "slot": "Book of Dead",
        "viewer": "MadCats",
        "platform": "kick",
        "called_at": NOON.isoformat(),
        "state": "open",
        "closed_by": None,
        "place": 1,
    }
    assert (reply.kind, reply.service) == ("slot_calls.taken", "kick")
    assert reply.target == {"broadcaster_user_id": KICK_CHANNEL, "reply_to": message.message_id}
    assert reply.payload == {"slot": "Book of Dead", "place": 1, "viewer": "MadCats"}


def test_a_call_keeps_what_its_post_needs_later(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "Book of Dead")
    found = store.find_call(tx, guild_id, 1)
    assert found is not None
    assert (found.slot, found.viewer, found.platform) == ("Book of Dead", "MadCats", "kick")
    assert (found.called_at, found.channel_id) == (NOON, CHANNEL_ID)
    assert (found.state, found.closed_by) == ("open", None)


def test_a_viewer_who_was_renamed_is_shown_under_todays_name(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "Book of Dead", name="MadCats")
    call(tx, guild_id, "Razor Shark", name="CalmCats", seconds=60)
    assert waiting(tx, guild_id) == ["#1 Book of Dead (CalmCats)", "#2 Razor Shark (CalmCats)"]


def test_the_place_counts_what_is_still_on_the_list(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a", user_id=1)
    call(tx, guild_id, "b", user_id=2)
    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    call(tx, guild_id, "c", user_id=3)
    assert [one.payload["place"] for one in posted(tx, guild_id, "slot_calls.taken")] == [1, 2, 2]


def test_numbers_go_on_counting_after_calls_were_closed(tx: Connection, guild_id: int) -> None:
    for slot in ("a", "b"):
        call(tx, guild_id, slot)
    actions.clear_list(tx, guild_id, MODERATOR, NOON)
    call(tx, guild_id, "c")
    assert waiting(tx, guild_id) == ["#3 c (MadCats)"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "nameless"), ("   ", "nameless"), ("x" * (MOST_CHARACTERS + 1), "too_long")],
)
def test_a_name_that_is_none_is_declined(
    tx: Connection, guild_id: int, typed: str, reason: str
) -> None:
    message = call(tx, guild_id, typed)
    assert waiting(tx, guild_id) == []
    (reply,) = posted(tx, guild_id)
    assert reply.payload["reason"] == reason
    assert reply.payload["viewer"] == "MadCats"
    assert reply.target["reply_to"] == message.message_id


def test_calls_are_declined_while_they_are_off(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, ENABLED, False)
    call(tx, guild_id, "Book of Dead")
    assert (waiting(tx, guild_id), reasons(tx, guild_id)) == ([], ["off"])


@pytest.mark.parametrize("reason", ["deleted", "forbidden"])
def test_calls_are_declined_while_the_channel_cannot_be_used(
    tx: Connection, guild_id: int, reason: channels.Reason
) -> None:
    channels.note_trouble(tx, guild_id, CHANNEL_ID, reason, (), NOON)
    call(tx, guild_id, "Book of Dead")
    assert (waiting(tx, guild_id), reasons(tx, guild_id)) == ([], ["no_access"])
    trouble = actions.get_status(tx, guild_id).trouble
    assert trouble is not None
    assert trouble.reason == reason
    channels.end_trouble(tx, guild_id, CHANNEL_ID, NOON)
    call(tx, guild_id, "Book of Dead")
    assert len(waiting(tx, guild_id)) == 1


def test_calls_are_declined_while_there_is_no_channel(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, CHANNEL, 0)
    call(tx, guild_id, "Book of Dead")
    assert (waiting(tx, guild_id), reasons(tx, guild_id)) == ([], ["no_channel"])


def test_the_same_slot_twice_is_declined_until_the_first_is_closed(
    tx: Connection, guild_id: int
) -> None:
    call(tx, guild_id, "Book of Dead")
    call(tx, guild_id, "book of DEAD")
    assert reasons(tx, guild_id) == ["again"]
    actions.close_call(tx, guild_id, 1, "skipped", MODERATOR, NOON)
    call(tx, guild_id, "book of DEAD")
    assert waiting(tx, guild_id) == ["#2 book of DEAD (MadCats)"]


def test_two_viewers_may_call_the_same_slot(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "Book of Dead", user_id=7, name="MadCats")
    call(tx, guild_id, "Book of Dead", user_id=8, name="lil_bean")
    assert waiting(tx, guild_id) == ["#1 Book of Dead (MadCats)", "#2 Book of Dead (lil_bean)"]


def test_a_viewer_has_no_more_on_the_list_than_allowed(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, MOST_OPEN, 2)
    for slot in ("a", "b", "c"):
        call(tx, guild_id, slot)
    assert reasons(tx, guild_id) == ["many"]
    (declined,) = posted(tx, guild_id, "slot_calls.declined")
    assert declined.payload["most_open"] == 2
    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    call(tx, guild_id, "c")
    assert waiting(tx, guild_id) == ["#2 b (MadCats)", "#3 c (MadCats)"]


def test_the_cooldown_is_counted_from_line_to_line_not_from_the_clock(
    tx: Connection, guild_id: int
) -> None:
    choose(tx, guild_id, COOLDOWN, 30)
    call(tx, guild_id, "a", seconds=0)
    call(tx, guild_id, "b", seconds=29)
    call(tx, guild_id, "c", seconds=30)
    assert waiting(tx, guild_id) == ["#1 a (MadCats)", "#2 c (MadCats)"]
    assert reasons(tx, guild_id) == ["soon"]


def test_a_declined_call_does_not_start_the_cooldown_anew(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, COOLDOWN, 30)
    for seconds in (0, 20, 40):
        call(tx, guild_id, f"slot {seconds}", seconds=seconds)
    assert waiting(tx, guild_id) == ["#1 slot 0 (MadCats)", "#2 slot 40 (MadCats)"]


def test_one_viewers_cooldown_holds_nobody_else_up(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, COOLDOWN, 3600)
    call(tx, guild_id, "a", user_id=7)
    call(tx, guild_id, "b", user_id=8, name="lil_bean")
    assert len(waiting(tx, guild_id)) == 2


def test_a_line_that_is_told_twice_is_one_call_and_no_scolding(
    tx: Connection, guild_id: int
) -> None:
    message = call(tx, guild_id, "Book of Dead")
    actions.call_slot(tx, message, "Book of Dead")
    assert waiting(tx, guild_id) == ["#1 Book of Dead (MadCats)"]
    assert len(posted(tx, guild_id)) == 2

    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    actions.call_slot(tx, message, "Book of Dead")
    assert waiting(tx, guild_id) == []


def test_the_same_message_id_on_another_platform_is_another_line(
    tx: Connection, guild_id: int
) -> None:
    for platform in ("kick", "twitch"):
        call(tx, guild_id, "Book of Dead", message_id="one", platform=platform)
    assert len(waiting(tx, guild_id)) == 2


def test_the_same_reason_is_said_once_a_minute(tx: Connection, guild_id: int) -> None:
    for seconds in (0, 20, 59, 60, 119):
        call(tx, guild_id, "", seconds=seconds)
    assert reasons(tx, guild_id) == ["nameless", "nameless"]


def test_each_viewer_is_told_why(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "", user_id=7)
    call(tx, guild_id, "", user_id=8, name="lil_bean")
    declined = posted(tx, guild_id, "slot_calls.declined")
    assert [one.payload["viewer"] for one in declined] == ["MadCats", "lil_bean"]


def test_that_calls_are_off_is_said_once_a_minute_for_all(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, ENABLED, False)
    for user_id in (7, 8, 9):
        call(tx, guild_id, "Book of Dead", user_id=user_id, name=f"viewer{user_id}")
    assert reasons(tx, guild_id) == ["off"]


# -- closing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["done", "skipped"])
def test_a_closed_call_leaves_the_list_and_its_post_shows_the_ending(
    tx: Connection, guild_id: int, ending: actions.Ending
) -> None:
    call(tx, guild_id, "Book of Dead")
    closed = actions.close_call(tx, guild_id, 1, ending, MODERATOR, NOON)

    assert (closed.state, closed.closed_by) == (ending, MODERATOR)
    assert waiting(tx, guild_id) == []
    post, edit = posted(tx, guild_id, "slot_calls.post")
    assert edit.target == {"channel_id": CHANNEL_ID, "edits": post.key}
    assert (edit.payload["state"], edit.payload["closed_by"]) == (ending, MODERATOR)
    assert "place" not in edit.payload
    assert audited(tx, guild_id) == [f"slot_calls.{ending} #1"]


def test_the_second_click_changes_nothing_and_says_so(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "Book of Dead")
    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    before = posted(tx, guild_id)
    with pytest.raises(Refusal, match="Request #1 is already closed"):
        actions.close_call(tx, guild_id, 1, "skipped", 901, NOON)
    found = store.find_call(tx, guild_id, 1)
    assert found is not None
    assert (found.state, found.closed_by) == ("done", MODERATOR)
    assert posted(tx, guild_id) == before
    assert audited(tx, guild_id) == ["slot_calls.done #1"]


def test_a_call_that_never_was_cannot_be_closed(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="There is no request #7"):
        actions.close_call(tx, guild_id, 7, "done", MODERATOR, NOON)


def test_the_edit_goes_where_the_post_went_even_if_the_channel_has_changed(
    tx: Connection, guild_id: int
) -> None:
    call(tx, guild_id, "Book of Dead")
    actions.set_channel(tx, guild_id, 556, MODERATOR)
    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    call(tx, guild_id, "Razor Shark")
    channels = [one.target["channel_id"] for one in posted(tx, guild_id, "slot_calls.post")]
    assert channels == [CHANNEL_ID, CHANNEL_ID, 556]


def test_clearing_skips_every_call(tx: Connection, guild_id: int) -> None:
    for user_id in (7, 8):
        call(tx, guild_id, "Book of Dead", user_id=user_id)
    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    assert actions.clear_list(tx, guild_id, MODERATOR, NOON) == 1
    assert waiting(tx, guild_id) == []
    states = [one.payload["state"] for one in posted(tx, guild_id, "slot_calls.post")]
    assert states == ["open", "open", "done", "skipped"]
    assert actions.clear_list(tx, guild_id, MODERATOR, NOON) == 0


# -- blocking -----------------------------------------------------------------------------------


def test_a_blocked_viewers_calls_are_skipped_and_new_ones_meet_silence(
    tx: Connection, guild_id: int
) -> None:
    call(tx, guild_id, "a", user_id=7)
    call(tx, guild_id, "b", user_id=8, name="lil_bean")
    call(tx, guild_id, "c", user_id=7)

    assert actions.block_by_name(tx, guild_id, "@madcats", MODERATOR, NOON) == "MadCats"

    assert waiting(tx, guild_id) == ["#2 b (lil_bean)"]
    before = posted(tx, guild_id)
    call(tx, guild_id, "d", user_id=7)
    assert posted(tx, guild_id) == before
    first = store.find_call(tx, guild_id, 1)
    assert first is not None
    assert audited(tx, guild_id) == [
        "slot_calls.skipped #1",
        "slot_calls.skipped #3",
        f"slot_calls.block viewer:{first.viewer_id}",
    ]


def test_blocking_by_name_twice_is_declined(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a")
    actions.block_by_name(tx, guild_id, "MadCats", MODERATOR, NOON)
    with pytest.raises(Refusal, match="MadCats is blocked already"):
        actions.block_by_name(tx, guild_id, "MadCats", MODERATOR, NOON)


def test_blocking_somebody_never_seen_is_declined(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="I have not seen anybody called “ghost”"):
        actions.block_by_name(tx, guild_id, "ghost", MODERATOR, NOON)


def test_whoever_made_a_call_can_be_blocked_by_it(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a")
    assert actions.block_caller(tx, guild_id, 1, MODERATOR, NOON) == "MadCats"
    assert store.list_blocked(tx, guild_id) == ["MadCats"]
    # A second click finds everything as it should be.
    before = audited(tx, guild_id)
    assert actions.block_caller(tx, guild_id, 1, MODERATOR, NOON) == "MadCats"
    assert audited(tx, guild_id) == before
    with pytest.raises(Refusal, match="There is no request #2"):
        actions.block_caller(tx, guild_id, 2, MODERATOR, NOON)


def test_a_block_outlives_a_new_name(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a", name="MadCats")
    actions.block_caller(tx, guild_id, 1, MODERATOR, NOON)
    call(tx, guild_id, "b", name="CalmCats", seconds=60)
    assert waiting(tx, guild_id) == []
    assert store.list_blocked(tx, guild_id) == ["CalmCats"]


def test_an_unblocked_viewer_can_call_again(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a")
    actions.block_by_name(tx, guild_id, "MadCats", MODERATOR, NOON)
    assert actions.unblock_by_name(tx, guild_id, "MADCATS", MODERATOR) == "MadCats"
    call(tx, guild_id, "b")
    assert waiting(tx, guild_id) == ["#2 b (MadCats)"]
    with pytest.raises(Refusal, match="MadCats is not blocked"):
        actions.unblock_by_name(tx, guild_id, "MadCats", MODERATOR)


def test_the_blocked_are_listed_in_alphabetical_order(tx: Connection, guild_id: int) -> None:
    for user_id, name in enumerate(("zoe", "Anna", "mia")):
        call(tx, guild_id, "a", user_id=user_id + 1, name=name)
        actions.block_by_name(tx, guild_id, name, MODERATOR, NOON)
    assert store.list_blocked(tx, guild_id) == ["Anna", "mia", "zoe"]


# -- settings -----------------------------------------------------------------------------------


def test_the_status_tells_settings_and_lengths(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a", user_id=7)
    call(tx, guild_id, "b", user_id=8, name="lil_bean")
    actions.block_by_name(tx, guild_id, "lil_bean", MODERATOR, NOON)
    assert actions.get_status(tx, guild_id) == actions.Status(
        enabled=True,
        channel_id=CHANNEL_ID,
        trouble=None,
        cooldown=0,
        most_open=3,
        waiting=1,
        blocked=1,
    )


def test_an_untouched_server_has_the_defaults_and_no_channel(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, CHANNEL, 0)
    choose(tx, guild_id, COOLDOWN, COOLDOWN.default)
    status = actions.get_status(tx, guild_id)
    assert (status.enabled, status.channel_id) == (True, None)
    assert (status.cooldown, status.most_open) == (30, 3)


def test_switching_off_leaves_the_list_as_it_is(tx: Connection, guild_id: int) -> None:
    call(tx, guild_id, "a")
    assert actions.set_enabled(tx, guild_id, False, MODERATOR).enabled is False
    assert waiting(tx, guild_id) == ["#1 a (MadCats)"]
    assert actions.set_enabled(tx, guild_id, True, MODERATOR).enabled is True


def test_either_limit_can_be_changed_alone(tx: Connection, guild_id: int) -> None:
    status = actions.set_limits(tx, guild_id, 60, None, MODERATOR)
    assert (status.cooldown, status.most_open) == (60, 3)
    status = actions.set_limits(tx, guild_id, None, 5, MODERATOR)
    assert (status.cooldown, status.most_open) == (60, 5)
    assert actions.set_limits(tx, guild_id, None, None, MODERATOR) == status


@pytest.mark.parametrize(
    ("cooldown", "most_open"), [(-1, 5), (3601, 5), (60, 0), (60, 51), (60, -(2**40))]
)
def test_a_limit_out_of_bounds_changes_neither(
    tx: Connection, guild_id: int, cooldown: int, most_open: int
) -> None:
    with pytest.raises(Refusal, match=r"(Min|Max)imum"), savepoint(tx):
        actions.set_limits(tx, guild_id, cooldown, most_open, MODERATOR)
    assert setting(tx, guild_id, COOLDOWN) == 0
    assert setting(tx, guild_id, MOST_OPEN) == 3


@pytest.mark.parametrize(("cooldown", "most_open"), [(0, 1), (3600, 50)])
def test_the_bounds_themselves_are_allowed(
    tx: Connection, guild_id: int, cooldown: int, most_open: int
) -> None:
    status = actions.set_limits(tx, guild_id, cooldown, most_open, MODERATOR)
    assert (status.cooldown, status.most_open) == (cooldown, most_open)


# -- isolation ----------------------------------------------------------------------------------


def test_servers_have_lists_numbers_and_limits_of_their_own(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    choose(tx, guild_id, MOST_OPEN, 1)
    for slot in ("a", "b"):
        call(tx, guild_id, slot)
        call(tx, other_guild_id, slot)
    assert waiting(tx, guild_id) == ["#1 a (MadCats)"]
    assert waiting(tx, other_guild_id) == ["#1 a (MadCats)", "#2 b (MadCats)"]
    assert reasons(tx, other_guild_id) == []


def test_one_line_for_two_servers_is_a_call_in_each(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for server in (guild_id, other_guild_id):
        actions.call_slot(tx, line(server, message_id="shared"), "Book of Dead")
    assert len(posted(tx, guild_id)) == len(posted(tx, other_guild_id)) == 2


def test_what_a_moderator_does_in_one_server_is_not_felt_in_another(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    call(tx, guild_id, "a")
    call(tx, other_guild_id, "a")
    before = (waiting(tx, other_guild_id), posted(tx, other_guild_id), audited(tx, other_guild_id))

    actions.close_call(tx, guild_id, 1, "done", MODERATOR, NOON)
    call(tx, guild_id, "b")
    actions.clear_list(tx, guild_id, MODERATOR, NOON)
    actions.block_by_name(tx, guild_id, "MadCats", MODERATOR, NOON)
    actions.set_enabled(tx, guild_id, False, MODERATOR)
    actions.set_limits(tx, guild_id, 3600, 1, MODERATOR)

    assert before == (
        waiting(tx, other_guild_id),
        posted(tx, other_guild_id),
        audited(tx, other_guild_id),
    )
    assert store.list_blocked(tx, other_guild_id) == []
    call(tx, other_guild_id, "b")
    assert len(waiting(tx, other_guild_id)) == 2
    with pytest.raises(Refusal, match="not blocked"):
        actions.unblock_by_name(tx, other_guild_id, "MadCats", MODERATOR)
    assert store.list_blocked(tx, guild_id) == ["MadCats"]
