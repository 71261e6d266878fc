"""The message that shows the queue."""

import pytest
from sqlalchemy import text

from core.guilds import chat_commands
from core.kit.errors import Refusal
from core.kit.feature import ChatRules
from core.slot_calls import actions, messages, panel
from core.slot_calls.feature import FEATURE
from tests.slot_calls.scene import (
    Guild,
)


def test_panel_follows_the_queue(guild: Guild) -> None:
    guild.do(panel.post_panel, 777)
    for n in range(12):
        guild.call(f"s{n}", user_id=n + 1)
    posted, *edits = guild.posted("slot_calls.panel")
    assert (posted.target, posted.payload["waiting"]) == ({"channel_id": 777}, 0)
    assert {edit.target["edits"] for edit in edits} == {posted.key}
    assert (edits[-1].payload["waiting"], len(edits[-1].payload["rows"])) == (12, 10)
    guild.do(actions.close_call, 1, "done")
    assert guild.posted("slot_calls.panel")[-1].payload["rows"][0]["number"] == 2


def test_at_most_one_edit_of_the_panel_waits(guild: Guild) -> None:
    guild.do(panel.post_panel, 777)
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
    guild.do(panel.post_panel, 777)
    guild.do(panel.post_panel, 778)
    first, gone, second = guild.posted("slot_calls.panel")
    assert gone.target == {"channel_id": 777, "deletes": first.key}
    assert second.target == {"channel_id": 778}
    guild.do(panel.remove_panel)
    assert guild.posted("slot_calls.panel")[-1].target["deletes"] == second.key
    with pytest.raises(Refusal, match="no queue panel"):
        guild.do(panel.remove_panel)
    guild.call("a")
    assert len(guild.posted("slot_calls.panel")) == 4
    guild.do(panel.post_panel, 777)
    third = guild.posted("slot_calls.panel")[-1]
    assert (third.target, third.payload["waiting"]) == ({"channel_id": 777}, 1)


def test_renamed_command_is_named_everywhere(guild: Guild) -> None:
    command = FEATURE.chat_commands[0]
    rules = ChatRules(("spin", "play"))
    guild.do(chat_commands.change_command, FEATURE.chat_commands, command, rules)
    guild.do(panel.post_panel, 777)
    (post,) = guild.posted("slot_calls.panel")
    assert "`!spin <slot>`" in str(messages.panel(post.payload).description)
    shown = str(messages.status(guild.do(actions.get_status)).description)
    assert "`!spin <slot>` or `!play <slot>`" in shown


def test_panel_follows_settings_and_the_command_s_name(guild: Guild) -> None:
    guild.do(panel.post_panel, 777)
    guild.do(actions.configure, closed=True)
    guild.handle_changed_settings()
    assert guild.posted("slot_calls.panel")[-1].payload["state"] == "closed"
    command = FEATURE.chat_commands[0]
    guild.do(chat_commands.change_command, FEATURE.chat_commands, command, ChatRules(("spin",)))
    guild.handle_changed_settings()
    assert guild.posted("slot_calls.panel")[-1].payload["command"] == "spin"
    edits = len(guild.posted("slot_calls.panel"))
    guild.do(actions.configure, cooldown_seconds=9)
    guild.handle_changed_settings()
    assert len(guild.posted("slot_calls.panel")) == edits, "it does not show the cooldown"


def test_panel_is_not_edited_while_the_queue_stays_as_it_is(guild: Guild) -> None:
    guild.call("a")
    guild.do(panel.post_panel, 777)
    guild.call("a")
    guild.do(actions.skip_calls, 999)
    assert len(guild.posted("slot_calls.panel")) == 1
