"""Link panels: posted, reacted to, pressed, deleted, replaced; with closed direct messages, after
restarts, without permissions."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.stage import SHORT_LEASE, Stage, open_stage, title

Json = dict[str, Any]

LEO = 310_000_000_000_000_004
PANEL = "🔗 Link your Kick"
DEN = "Vera's Den"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("panel"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("setup_link_panel")
        yield opened


@pytest.fixture(autouse=True)
def nothing_from_other_tests(stage: Stage) -> Iterator[None]:
    """Each test begins without panels, with no link asked for (they are limited) and with open
    direct messages."""
    stage.rows("DELETE FROM people_link_attempts RETURNING 1")
    for state, message_id in stage.rows("DELETE FROM people_panels RETURNING state, message_id"):
        if state != "gone":
            stage.discord.delete_message(str(message_id))
    for person in ("mia", "leo", "yuki", "tomas"):
        stage.discord.member(person, dms_open=True)
    yield
    stage.discord.reset_faults()


def set_up(
    stage: Stage, channel: str, emoji: str | None = None, *, guild: str | None = None
) -> Json:
    """An admin sets up a panel; the panel's message."""
    person = "vera" if guild else "nora"
    options = {"emoji": emoji} if emoji else {}
    done = stage.discord.slash(person, channel, "setup_link_panel", options, guild=guild)
    assert done["response"]["ephemeral"] is True
    assert "Link panel posted" in done["response"]["embeds"][0]["title"], done
    return panels_in(stage, channel, guild=guild)[-1]


def panels_in(stage: Stage, channel: str, *, guild: str | None = None) -> list[Json]:
    """The bot's messages for everybody that look like a panel."""
    lines = stage.discord.transcript(channel, guild=guild)
    return [m for m in lines if title(m).startswith(PANEL) and "ephemeral_for" not in m]


def seen(stage: Stage, channel: str, message_id: str) -> Json:
    """The message as it is now."""
    return next(m for m in stage.discord.transcript(channel) if m["message_id"] == message_id)


def direct_messages(stage: Stage, person: str) -> list[Json]:
    """The bot's direct messages with a link."""
    return [m for m in stage.discord.transcript(f"dm:{person}") if links_in(m)]


def links_in(message: Json) -> list[str]:
    found = [
        component.get("url") for row in message["components"] for component in row["components"]
    ]
    return [str(url) for url in found if url]


def reactors(stage: Stage, channel: str, panel: Json) -> dict[str, list[str]]:
    return dict(seen(stage, channel, panel["message_id"])["reactions"])


def press(stage: Stage, person: str, panel: Json, label: str = "Link Kick") -> Json:
    buttons = {
        component["label"]: component["custom_id"]
        for component in panel["components"][0]["components"]
    }
    return stage.discord.click(person, panel["message_id"], buttons[label])


def refused(stage: Stage, channel: str, emoji: str | None = None) -> str:
    """Setting up is refused: the words, and nothing was posted."""
    before = panels_in(stage, channel)
    options = {"emoji": emoji} if emoji else {}
    done = stage.discord.slash("nora", channel, "setup_link_panel", options)
    assert panels_in(stage, channel) == before
    embed = done["response"]["embeds"][0]
    return f"{embed['title']} {embed.get('description', '')}"


def health(stage: Stage) -> str:
    """The `/health` report for Nora."""
    asked = stage.discord.slash("nora", "mods", "health")
    return str(asked["response"]["embeds"][0]["description"]).replace("\\", "")


def answered(stage: Stage, person: str, channel: str, panel: Json, before: int) -> None:
    """One more link for them, and their reaction is gone."""
    until(lambda: len(direct_messages(stage, person)) > before, f"a link for {person}")
    until(lambda: person not in str(reactors(stage, channel, panel)), "the reaction to go")
    assert len(direct_messages(stage, person)) == before + 1


# -- what it does -------------------------------------------------------------------------------


def test_panel_shows_steps_buttons_and_reaction(stage: Stage) -> None:
    panel = set_up(stage, "general")
    shown = panel["embeds"][0]
    assert all(number in shown["description"] for number in ("**1.**", "**2.**", "**3.**"))
    assert shown["fields"][0]["name"] == "What is stored"
    assert panel["pinned"]
    labels = [component["label"] for component in panel["components"][0]["components"]]
    assert labels == ["Link Kick", "Unlink"]
    assert reactors(stage, "general", panel) == {"🔗": ["bot"]}


def test_reaction_sends_link_and_is_removed(stage: Stage) -> None:
    panel = set_up(stage, "general")
    before = len(direct_messages(stage, "mia"))
    stage.discord.react("mia", panel["message_id"], "🔗")
    answered(stage, "mia", "general", panel, before)
    assert reactors(stage, "general", panel) == {"🔗": ["bot"]}
    assert "/link/kick/" in links_in(direct_messages(stage, "mia")[-1])[0]


def test_other_emoji_reactions_are_ignored(stage: Stage) -> None:
    panel = set_up(stage, "general")
    before = len(direct_messages(stage, "mia"))
    stage.discord.react("mia", panel["message_id"], "🎉")
    stage.discord.react("leo", panel["message_id"], "🔗")
    until(lambda: "leo" not in str(reactors(stage, "general", panel)), "leo to be answered")
    assert reactors(stage, "general", panel)["🎉"] == ["mia"]
    assert len(direct_messages(stage, "mia")) == before


def test_button_sends_link(stage: Stage) -> None:
    panel = set_up(stage, "general")
    before = len(direct_messages(stage, "mia"))
    answer = press(stage, "mia", panel)["response"]
    assert answer["ephemeral"] is True
    assert answer["embeds"][0]["title"] == "📬 Check your DMs"
    assert len(direct_messages(stage, "mia")) == before + 1


def test_linked_member_sees_status_and_can_unlink(stage: Stage) -> None:
    panel = set_up(stage, "general")
    nothing = press(stage, "leo", panel, "Unlink")["response"]["embeds"][0]
    assert "No account is linked" in nothing["title"]
    with stage.database.begin() as tx:
        tx.exec_driver_sql(
            "WITH made AS (INSERT INTO people_viewers"
            " (guild_id, platform, platform_user_id, name, folded_name, login, named_at)"
            " VALUES (%(guild)s, 'kick', 77, 'LeoOnKick', 'leoonkick', '', now()) RETURNING *)"
            " INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)"
            " SELECT guild_id, %(leo)s, platform, viewer_id, now() FROM made",
            {"guild": NORAS_CORNER_ID, "leo": LEO},
        )
    before = len(direct_messages(stage, "leo"))
    answer = press(stage, "leo", panel)["response"]
    assert "LeoOnKick" in str(answer["embeds"])
    assert len(direct_messages(stage, "leo")) == before
    question = press(stage, "leo", panel, "Unlink")["response"]
    assert question["ephemeral"] is True
    yes = question["components"][0]["components"][0]
    stage.discord.click("leo", question["id"], yes["custom_id"])
    until(lambda: stage.scalar("SELECT count(*) FROM people_links") == 0, "the end of the link")


def test_button_with_closed_dms_answers_privately(stage: Stage) -> None:
    panel = set_up(stage, "general")
    stage.discord.member("mia", dms_open=False)
    answer = press(stage, "mia", panel)["response"]
    assert answer["ephemeral"] is True
    assert "/link/kick/" in links_in(answer)[0]


def test_reaction_with_closed_dms_points_to_the_button(stage: Stage) -> None:
    panel = set_up(stage, "general")
    stage.discord.member("mia", dms_open=False)
    stage.discord.react("mia", panel["message_id"], "🔗")
    said = stage.discord.wait_for("general", lambda m: "Press a button" in m["content"])
    assert said["content"].startswith("<@")
    assert "/link/kick/" not in str(said)
    until(lambda: "mia" not in str(reactors(stage, "general", panel)), "the reaction to go")


def test_reactions_are_rate_limited_with_one_notice(stage: Stage) -> None:
    panel = set_up(stage, "general")
    links, before = len(direct_messages(stage, "yuki")), len(stage.discord.transcript("dm:yuki"))
    for _time in range(5):
        stage.discord.react("yuki", panel["message_id"], "🔗")
        until(lambda: "yuki" not in str(reactors(stage, "general", panel)), "the reaction to go")
    titles = [title(m) for m in stage.discord.transcript("dm:yuki")[before:]]
    assert len(direct_messages(stage, "yuki")) == links + 3
    assert "several links" in titles[-1]
    assert len(titles) == 4, "the fifth time nobody is bothered"


def test_simultaneous_reactions_send_one_link_each(stage: Stage) -> None:
    panel = set_up(stage, "general")
    people = ("mia", "leo", "tomas")
    before = {person: len(direct_messages(stage, person)) for person in people}
    for person in people:
        stage.discord.react(person, panel["message_id"], "🔗")
    for person in people:
        answered(stage, person, "general", panel, before[person])


# -- which emoji --------------------------------------------------------------------------------


def test_panel_accepts_emoji_of_this_server(stage: Stage) -> None:
    panel = set_up(stage, "raffle", f"<:hype:{NORAS_CORNER_ID + 90}>")
    before = len(direct_messages(stage, "mia"))
    assert f"<:hype:{NORAS_CORNER_ID + 90}>" in panel["embeds"][0]["description"]
    stage.discord.react("mia", panel["message_id"], f"hype:{NORAS_CORNER_ID + 90}")
    answered(stage, "mia", "raffle", panel, before)
    assert set_up(stage, "raffle", ":hype:")["reactions"]


def test_panel_rejects_invalid_emoji(stage: Stage) -> None:
    for typed in (f"<:hype:{VERAS_DEN_ID + 90}>", "banana", ":nope:", "🔗 please", "a", "你好"):
        words = refused(stage, "slot-calls", typed)
        assert "I can't react with that." in words
        assert "🔗" in words


# -- what it needs ------------------------------------------------------------------------------


def test_missing_permissions_are_reported_before_panel_is_posted(stage: Stage) -> None:
    stage.discord.overwrite(
        "slot-calls", "bot", deny=["ADD_REACTIONS", "MANAGE_MESSAGES", "PIN_MESSAGES"]
    )
    words = refused(stage, "slot-calls")
    assert "Add Reactions, Manage Messages, Pin Messages" in words
    assert "Embed Links" not in words
    stage.discord.overwrite("slot-calls", "bot")


def test_permission_lost_later_appears_in_health(stage: Stage) -> None:
    panel = set_up(stage, "general")
    stage.discord.overwrite("general", "bot", deny=["MANAGE_MESSAGES"])
    before = len(direct_messages(stage, "mia"))
    stage.discord.react("mia", panel["message_id"], "🔗")
    until(lambda: len(direct_messages(stage, "mia")) == before + 1, "a link all the same")
    until(
        lambda: "Give my role these permissions there: Manage Messages" in health(stage),
        "the health page",
    )
    listed = stage.discord.slash("nora", "mods", "link_panels list")["response"]["embeds"][0]
    assert "⚠️ <#" in listed["description"]
    stage.discord.overwrite("general", "bot")
    set_up(stage, "general")
    assert "Give my role these permissions there" not in health(stage)


def test_panel_setup_requires_manage_server(stage: Stage) -> None:
    assert "moderators" in stage.asked("mia", "!setup_link_panel", "slot-calls")["title"]
    assert panels_in(stage, "slot-calls") == []


# -- what becomes of it -------------------------------------------------------------------------


def test_second_panel_replaces_the_first(stage: Stage) -> None:
    first = set_up(stage, "general")
    second = set_up(stage, "general", "🎉")
    assert [m["message_id"] for m in panels_in(stage, "general")] == [second["message_id"]]
    assert first["message_id"] != second["message_id"]
    assert "Link panel" not in health(stage)


def test_removed_panel_is_deleted_and_not_reported(stage: Stage) -> None:
    set_up(stage, "general")
    done = stage.discord.slash("nora", "general", "link_panels remove")
    assert "Link panel removed" in done["response"]["embeds"][0]["title"]
    assert panels_in(stage, "general") == []
    assert "Link panel" not in health(stage)


def test_deleted_panel_is_reported_until_a_new_one_is_posted(stage: Stage) -> None:
    stage.discord.slash("nora", "bot-log", "linklogs on")
    panel = set_up(stage, "general")
    stage.discord.delete_message(panel["message_id"], person="nora")
    stage.discord.wait_for("bot-log", lambda m: title(m) == "⚠️ A link panel was deleted")
    assert "Link panel in #general" in health(stage)
    listed = stage.discord.slash("nora", "mods", "link_panels list")["response"]["embeds"][0]
    assert "#general: deleted" in listed["description"]
    set_up(stage, "general")
    assert "Link panel in #general" not in health(stage)


def test_deleted_panel_channel_appears_in_health(stage: Stage) -> None:
    stage.discord.channel("welcome", create=True)
    set_up(stage, "welcome")
    stage.discord.channel("welcome", delete=True)
    until(lambda: "Link panel in #welcome" in health(stage), "a word of it")


def test_panels_catch_up_after_downtime(stage: Stage) -> None:
    """A panel posted before works after: by reaction, by button, and for members who reacted in the
    meantime.
    """
    kept, lost = set_up(stage, "general"), set_up(stage, "raffle")
    before = len(direct_messages(stage, "mia"))
    stage.product.kill()
    stage.discord.react("mia", kept["message_id"], "🔗")
    stage.discord.delete_message(lost["message_id"], person="nora")
    stage.start().wait_well()
    answered(stage, "mia", "general", kept, before)
    until(lambda: "Link panel in #raffle" in health(stage), "the deleted panel to be noticed")
    until(lambda: press(stage, "leo", kept)["response"], "an answer to the button")
    stage.discord.react("yuki", kept["message_id"], "🔗")
    until(lambda: "yuki" not in str(reactors(stage, "general", kept)), "an answer to yuki")


def test_panels_are_isolated_per_server(stage: Stage) -> None:
    ours, theirs = set_up(stage, "general"), set_up(stage, "general", guild=DEN)
    stage.discord.slash("vera", "general", "link_panels remove", guild=DEN)
    assert panels_in(stage, "general", guild=DEN) == []
    assert theirs["message_id"] != ours["message_id"]
    assert [m["message_id"] for m in panels_in(stage, "general")] == [ours["message_id"]]
    before = len(direct_messages(stage, "leo"))
    press(stage, "leo", ours)
    assert len(direct_messages(stage, "leo")) == before + 1
    assert "Nora's Corner" in str(direct_messages(stage, "leo")[-1]["embeds"])
