"""A server's settings: who may change them, their bounds, and the audit log."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Row, text

from core.guilds import actions, store
from core.guilds.actions import (
    change_setting,
    language_of,
    reset_setting,
    setting,
    time_zone_of,
)
from core.guilds.settings import LANGUAGE, TIME_ZONE
from core.guilds.store import Channel
from core.kit.database.connection import Database, cache_of, savepoint
from core.kit.database.work import Work, run_in_guild
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting
from core.kit.runtime import log
from core.kit.runtime.clock import utc_now
from core.kit.runtime.settings import Settings
from tests.acting import act
from tests.clean import cleaned

NORA = 42
LIMIT = GuildSetting("test.limit", int, 3, "How many.", minimum=1, maximum=50)
FLAG = GuildSetting("test.flag", bool, True, "Whether.", minimum=1)
CHANNEL = GuildSetting("test.channel", int, 0, "Where.", environment="slot_calls_channel_id")
COLOUR = GuildSetting("test.colour", str, "green", "Which.", choices=("green", "blue"))
DECLARED = (LIMIT, FLAG, CHANNEL)


def environment(guild_id: int | None, channel_id: int | None = None) -> Settings:
    return Settings(_env_file=None, discord_guild_id=guild_id, slot_calls_channel_id=channel_id)


def fresh(tx: Connection, guild_id: int, declared: GuildSetting[Any]) -> Any:
    """As another transaction reads it."""
    cache_of(tx).clear()
    return setting(tx, guild_id, declared)


def reset(tx: Connection, guild_id: int, declared: GuildSetting[Any], said: Settings) -> bool:
    return run_in_guild(tx, guild_id, NORA, utc_now(), reset_setting, said, declared)


def audit(tx: Connection, guild_id: int) -> list[tuple[int, str, Any, Any]]:
    found = tx.execute(
        text(
            "SELECT actor, action, before, after FROM guild_audit_log "
            "WHERE guild_id = :guild_id ORDER BY id"
        ),
        {"guild_id": guild_id},
    )
    return [tuple(row) for row in found]


def test_unset_setting_has_its_default(tx: Connection, guild_id: int) -> None:
    assert setting(tx, guild_id, LIMIT) == 3
    assert setting(tx, guild_id, FLAG) is True


def test_admin_overrides_environment_and_environment_overrides_default(
    tx: Connection, guild_id: int
) -> None:
    actions.apply_environment(tx, environment(guild_id, 777), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 777
    act(tx, guild_id, change_setting, CHANNEL, 888, actor=NORA)
    actions.apply_environment(tx, environment(guild_id, 999), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 888
    actions.apply_environment(tx, environment(guild_id, None), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 888


def test_removed_environment_value_falls_back_to_the_default(tx: Connection, guild_id: int) -> None:
    actions.apply_environment(tx, environment(guild_id, 777), DECLARED)
    actions.apply_environment(tx, environment(guild_id, 778), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 778
    actions.apply_environment(tx, environment(guild_id, None), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 0


def test_environment_applies_to_its_server_only(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    actions.apply_environment(tx, environment(guild_id, 777), DECLARED)
    assert fresh(tx, other_guild_id, CHANNEL) == 0
    actions.apply_environment(tx, environment(None, 777), DECLARED)
    assert fresh(tx, other_guild_id, CHANNEL) == 0


def test_environment_can_name_a_server_before_the_bot_joins(tx: Connection) -> None:
    actions.apply_environment(tx, environment(55, 777), DECLARED)
    assert fresh(tx, 55, CHANNEL) == 777
    assert store.list_names(tx)[55] == "server 55"
    actions.join_guild(tx, 55, "Real Name")
    actions.apply_environment(tx, environment(55, 777), DECLARED)
    assert store.list_names(tx)[55] == "Real Name"


def test_change_applies_immediately_and_is_audited_once(tx: Connection, guild_id: int) -> None:
    assert setting(tx, guild_id, LIMIT) == 3
    assert act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA) is True
    assert setting(tx, guild_id, LIMIT) == 5
    assert act(tx, guild_id, change_setting, FLAG, False, actor=NORA) is True
    assert audit(tx, guild_id) == [
        (NORA, "test.limit", 3, 5),
        (NORA, "test.flag", True, False),
    ]


def test_unchanged_value_is_not_audited(tx: Connection, guild_id: int) -> None:
    assert act(tx, guild_id, change_setting, LIMIT, 3, actor=NORA) is False
    assert act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA) is True
    assert act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA) is False
    assert len(audit(tx, guild_id)) == 1


def test_change_that_fails_leaves_no_audit_entry(tx: Connection, guild_id: int) -> None:
    def change_both(work: Work) -> None:
        change_setting(work, FLAG, False)
        change_setting(work, LIMIT, 99)

    with pytest.raises(Refusal), savepoint(tx):
        act(tx, guild_id, change_both, actor=NORA)
    assert setting(tx, guild_id, FLAG) is True
    assert audit(tx, guild_id) == []


def test_changes_are_published_once(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, change_setting, LIMIT, 5)
    act(tx, guild_id, change_setting, LIMIT, 5)
    published = text("SELECT body ->> 'setting' FROM inbox_deliveries WHERE lane = :lane")
    assert tx.scalars(published, {"lane": f"own:{guild_id}"}).all() == [LIMIT.key]
    reset(tx, guild_id, LIMIT, environment(None))
    assert len(tx.scalars(published, {"lane": f"own:{guild_id}"}).all()) == 2


def test_admin_confirming_the_environment_value_keeps_it(tx: Connection, guild_id: int) -> None:
    actions.apply_environment(tx, environment(guild_id, 777), DECLARED)
    cache_of(tx).clear()
    assert act(tx, guild_id, change_setting, CHANNEL, 777, actor=NORA) is False
    actions.apply_environment(tx, environment(guild_id, 999), DECLARED)
    assert fresh(tx, guild_id, CHANNEL) == 777


def test_reset_restores_the_default_and_is_audited(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA)
    assert reset(tx, guild_id, LIMIT, environment(guild_id)) is True
    assert setting(tx, guild_id, LIMIT) == 3
    assert audit(tx, guild_id)[1:] == [(NORA, "test.limit", 5, 3)]
    assert reset(tx, guild_id, LIMIT, environment(guild_id)) is False
    assert len(audit(tx, guild_id)) == 2


def test_reset_restores_the_environment_value(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    said = environment(guild_id, 777)
    for server in (guild_id, other_guild_id):
        act(tx, server, change_setting, CHANNEL, 888, actor=NORA)
        assert reset(tx, server, CHANNEL, said) is True
    assert setting(tx, guild_id, CHANNEL) == 777
    assert setting(tx, other_guild_id, CHANNEL) == 0
    assert audit(tx, guild_id)[1:] == [(NORA, CHANNEL.key, 888, 777)]


def test_environment_value_cannot_be_reset(tx: Connection, guild_id: int) -> None:
    said = environment(guild_id, 777)
    actions.apply_environment(tx, said, DECLARED)
    assert reset(tx, guild_id, CHANNEL, said) is False
    assert setting(tx, guild_id, CHANNEL) == 777
    assert audit(tx, guild_id) == []


def test_reset_does_not_affect_other_servers_or_settings(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    act(tx, other_guild_id, change_setting, LIMIT, 5, actor=NORA)
    act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA)
    act(tx, guild_id, change_setting, FLAG, False, actor=NORA)
    reset(tx, guild_id, LIMIT, environment(None))
    assert setting(tx, other_guild_id, LIMIT) == 5
    assert setting(tx, guild_id, FLAG) is False


@pytest.mark.parametrize("value", [1, 50])
def test_bounds_are_inclusive(tx: Connection, guild_id: int, value: int) -> None:
    act(tx, guild_id, change_setting, LIMIT, value, actor=NORA)
    assert fresh(tx, guild_id, LIMIT) == value


@pytest.mark.parametrize(
    ("value", "said"), [(0, "Minimum: 1"), (-5, "Minimum"), (51, "Maximum: 50")]
)
def test_value_out_of_bounds_is_rejected(
    tx: Connection, guild_id: int, value: int, said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        act(tx, guild_id, change_setting, LIMIT, value, actor=NORA)
    assert fresh(tx, guild_id, LIMIT) == 3
    assert audit(tx, guild_id) == []


def test_boolean_has_no_bounds(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, change_setting, FLAG, False, actor=NORA)
    assert setting(tx, guild_id, FLAG) is False


@pytest.mark.parametrize("value", ["red", "", "GREEN", "green "])
def test_value_not_among_the_choices_is_rejected(tx: Connection, guild_id: int, value: str) -> None:
    with pytest.raises(Refusal) as refused:
        act(tx, guild_id, change_setting, COLOUR, value, actor=NORA)
    assert refused.value.remedy == "Choose one of these: `green`, `blue`."
    assert act(tx, guild_id, change_setting, COLOUR, "blue", actor=NORA) is True


def test_untranslated_language_is_rejected(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="choices"):
        act(tx, guild_id, change_setting, LANGUAGE, "tlh", actor=NORA)
    assert act(tx, guild_id, change_setting, LANGUAGE, "en", actor=NORA) is False


@pytest.mark.parametrize("value", ["Europe/Atlantis", "../etc/passwd", "europe/stockholm", ""])
def test_invalid_time_zone_is_rejected(tx: Connection, guild_id: int, value: str) -> None:
    with pytest.raises(Refusal, match="know that time zone"):
        act(tx, guild_id, change_setting, TIME_ZONE, value, actor=NORA)
    assert act(tx, guild_id, time_zone_of) == ZoneInfo("UTC")


def test_removed_time_zone_falls_back_to_utc(tx: Connection, guild_id: int) -> None:
    store.set_setting(tx, guild_id, TIME_ZONE.key, "Europe/Atlantis", NORA)
    assert act(tx, guild_id, time_zone_of) == ZoneInfo("UTC")


def test_concurrent_changes_are_audited_with_their_previous_value(
    database: Database, guild_id: int
) -> None:
    with cleaned(database):
        with ThreadPoolExecutor(4) as admins:
            list(admins.map(lambda value: change(database, guild_id, value), range(10, 40)))
        with database.begin() as tx:
            steps = [(before, after) for _, _, before, after in audit(tx, guild_id)]
            last = setting(tx, guild_id, LIMIT)
    assert [before for before, _ in steps] == [3, *(after for _, after in steps[:-1])]
    assert steps[-1][1] == last


def change(database: Database, guild_id: int, value: int) -> None:
    with database.begin() as tx:
        setting(tx, guild_id, LIMIT)  # it may have been read before it is changed
        act(tx, guild_id, change_setting, LIMIT, value, actor=NORA)


def test_settings_and_audit_log_are_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA)
    act(tx, guild_id, change_setting, TIME_ZONE, "Europe/Stockholm", actor=NORA)
    store.set_setting(tx, guild_id, LANGUAGE.key, "de", NORA)
    cache_of(tx).clear()
    assert setting(tx, other_guild_id, LIMIT) == 3
    assert act(tx, guild_id, time_zone_of) == ZoneInfo("Europe/Stockholm")
    assert act(tx, other_guild_id, time_zone_of) == ZoneInfo("UTC")
    assert act(tx, guild_id, language_of) == "de"
    assert act(tx, other_guild_id, language_of) == "en"
    assert audit(tx, other_guild_id) == []


def test_settings_are_read_once_per_transaction(
    tx: Connection, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    real = store.list_held

    def counting(tx: Connection, guild_id: int) -> dict[str, Row[Any]]:
        reads.append(guild_id)
        return real(tx, guild_id)

    monkeypatch.setattr(store, "list_held", counting)
    for _ in range(3):
        setting(tx, guild_id, LIMIT)
        setting(tx, guild_id, FLAG)
    assert reads == [guild_id]


def test_rejoined_server_keeps_its_settings(tx: Connection, guild_id: int) -> None:
    left = text("SELECT left_at IS NOT NULL FROM guilds WHERE guild_id = :guild_id")
    act(tx, guild_id, change_setting, LIMIT, 5, actor=NORA)
    store.end_guild(tx, guild_id)
    assert tx.scalar(left, {"guild_id": guild_id}) is True
    actions.join_guild(tx, guild_id, "New Name")
    assert tx.scalar(left, {"guild_id": guild_id}) is False
    assert fresh(tx, guild_id, LIMIT) == 5
    assert store.list_names(tx)[guild_id] == "New Name"
    assert log._guild_names[guild_id] == "New Name"


# -- channels -------------------------------------------------------------------------------------


def test_server_has_one_channel_per_platform(tx: Connection, guild_id: int) -> None:
    assert store.set_channel(tx, Channel(guild_id, "kick", 1, "nora")) is True
    assert store.set_channel(tx, Channel(guild_id, "kick", 1, "nora")) is False
    assert store.set_channel(tx, Channel(guild_id, "kick", 1, "noraplays")) is True
    assert store.set_channel(tx, Channel(guild_id, "kick", 2, "other")) is True
    assert store.set_channel(tx, Channel(guild_id, "twitch", 1, "nora")) is True
    assert store.find_channel(tx, guild_id, "kick") == Channel(guild_id, "kick", 2, "other")
    assert store.list_guilds_of(tx, "kick", 1) == []


def test_channel_can_belong_to_several_servers(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for server in (other_guild_id, guild_id):
        store.set_channel(tx, Channel(server, "kick", 7, "nora"))
    assert store.list_guilds_of(tx, "kick", 7) == [guild_id, other_guild_id]
    assert [channel.guild_id for channel in store.list_channels(tx, "kick")] == [
        guild_id,
        other_guild_id,
    ]
    assert store.list_guilds_of(tx, "twitch", 7) == []
    assert store.find_channel(tx, 999, "kick") is None
