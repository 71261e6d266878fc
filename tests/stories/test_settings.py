"""An admin changes her server's settings, with typed and slash commands; nobody else can, and other
servers are unaffected.
"""

from collections.abc import Iterator

import pytest

from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID, channel_id
from sandbox.kick.signing import SigningKey
from tests.stories.product import Json
from tests.stories.stage import SLOT_CALLS, Stage, open_stage, title

VERAS_DEN = "Vera's Den"
RAFFLE = channel_id(NORAS_CORNER_ID, "raffle")
VERAS_RAFFLE = channel_id(VERAS_DEN_ID, "raffle")


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    folder = tmp_path_factory.mktemp("settings")
    with open_stage(folder, postgres_url, signing_key) as opened:
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("settings set")
        yield opened


def chosen(stage: Stage, person: str, command: str, guild: str | None = None, **of: str) -> Json:
    """Use a slash command; the bot's private embed."""
    done = stage.discord.slash(person, "general", f"settings {command}", of, guild=guild)
    assert done["response"]["ephemeral"] is True
    return dict(done["response"]["embeds"][0])


def called(stage: Stage, slot: str, channel: str) -> Json:
    """A viewer calls a slot; the bot's post about it in this channel."""
    stage.kick.account(f"fan of {slot}", slot.replace(" ", "_"))
    stage.kick.chat(f"fan of {slot}", f"!call {slot}")
    return stage.discord.wait_for(channel, lambda m: m["author"] == "bot" and slot in title(m))


def channel_in(stage: Stage, guild: str | None = None, person: str = "nora") -> str:
    """Where slot calls appear, and who says so."""
    shown = chosen(stage, person, "show", guild, key="slot_calls.channel")
    fields = {field["name"]: field["value"] for field in shown["fields"]}
    return f"{fields['Now']}, {fields['Source']}"


def test_channel_setting_accepts_mention_and_can_be_reset(stage: Stage) -> None:
    before = channel_in(stage)
    assert "SLOT_CALLS_CHANNEL_ID" in before
    called(stage, "Book of Dead", SLOT_CALLS)

    echo = stage.asked("nora", f"!settings set slot_calls.channel <#{RAFFLE}>")
    assert echo["title"] == "✅ Changed"
    assert f"→ <#{RAFFLE}>" in echo["description"]
    called(stage, "Razor Shark", "raffle")
    assert channel_in(stage).startswith(f"<#{RAFFLE}>, set by <@")

    assert "environment" in stage.asked("nora", "!settings reset slot_calls.channel")["description"]
    assert channel_in(stage) == before
    called(stage, "Sweet Bonanza", SLOT_CALLS)


def test_settings_survive_restart(stage: Stage) -> None:
    chosen(stage, "tomas", "set", key="slot_calls.channel", value=f"<#{RAFFLE}>")
    assert stage.product.stop() == 0
    stage.start().wait_well()
    assert channel_in(stage).startswith(f"<#{RAFFLE}>, set by <@")
    chosen(stage, "tomas", "reset", key="slot_calls.channel")


def test_feature_command_changes_the_same_setting(stage: Stage) -> None:
    stage.asked("nora", "!slotcalls limits 5 45")
    shown = chosen(stage, "nora", "list", feature="slot_calls")["description"]
    assert "`slot_calls.cooldown_seconds` **45 s**" in shown
    assert "`slot_calls.max_open` **5**" in shown
    chosen(stage, "nora", "set", key="max_open", value="2")
    fields = {
        field["name"]: field["value"] for field in stage.asked("nora", "!slotcalls")["fields"]
    }
    assert fields["Cooldown"] == "45 s"
    assert fields["Open requests per viewer"] == "2"


def test_viewer_cannot_change_settings(stage: Stage) -> None:
    for command in ("set slot_calls.enabled off", "reset slot_calls.enabled", "list"):
        assert "for moderators" in stage.asked("mia", f"!settings {command}")["title"]
    assert stage.scalar("SELECT count(*) FROM guild_settings WHERE key = 'slot_calls.enabled'") == 0


def test_settings_are_isolated_per_server(stage: Stage) -> None:
    ours = channel_in(stage)
    refused = chosen(
        stage, "vera", "set", VERAS_DEN, key="slot_calls.channel", value=f"<#{RAFFLE}>"
    )
    assert "no such channel" in refused["title"]
    assert channel_in(stage, VERAS_DEN, "vera") == "**not set**, the default"

    value = f"<#{VERAS_RAFFLE}>"
    chosen(stage, "vera", "set", VERAS_DEN, key="slot_calls.channel", value=value)
    assert channel_in(stage, VERAS_DEN, "vera").startswith(f"<#{VERAS_RAFFLE}>, set by")
    assert channel_in(stage) == ours


def test_time_zone_autocompletes_by_city(stage: Stage) -> None:
    offered = stage.discord.autocomplete(
        "nora", "general", "settings set", "value", {"key": "guilds.time_zone", "value": "stock"}
    )
    assert [choice["value"] for choice in offered] == ["Europe/Stockholm"]
    echo = chosen(stage, "nora", "set", key="time_zone", value="Stockholm")
    assert "**UTC** → **Europe/Stockholm**" in echo["description"]
    assert (
        "Did you mean"
        in chosen(stage, "nora", "set", key="time_zone", value="Stokholm")["description"]
    )


def test_every_setting_change_is_in_audit_log(stage: Stage) -> None:
    stage.asked("nora", "!settings set watchtime.enabled off")
    stage.asked("nora", "!settings set watchtime.enabled off")
    chosen(stage, "nora", "reset", key="watchtime.enabled")
    found = stage.rows(
        "SELECT guild_id, target, before, after FROM guild_audit_log "
        "WHERE action = 'watchtime.enabled' ORDER BY id"
    )
    assert found == [
        (NORAS_CORNER_ID, "", True, False),
        (NORAS_CORNER_ID, "reset", False, True),
    ]
    newest = stage.asked("nora", "!auditlog 2")["description"].split("\n")
    assert newest[0].endswith("reset `watchtime.enabled` to **on** (was **off**)")
    assert newest[1].endswith("changed `watchtime.enabled` from **on** to **off**")
    assert "for moderators" in stage.asked("mia", "!auditlog")["title"]
