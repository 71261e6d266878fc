"""Roles for watching, from a chat message to a role in Discord and back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.guilds import store as guilds
from core.people import store as people
from sandbox.discord.seed import VERAS_DEN_ID, channel_id
from sandbox.kick.signing import SigningKey
from sandbox.people import BY_HANDLE
from tests.patience import until
from tests.stories.channels import PLATFORMS, channel_of
from tests.stories.links import link, unlink
from tests.stories.product import Json
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage, title

REGULAR, VIP = "Regular", "VIP Regular"


@pytest.fixture
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """A product that looks at everybody once an hour: what happens here it has to notice at once.
    The stream began two hours ago."""
    folder = tmp_path_factory.mktemp("roles")
    settings = {"ROLE_UPDATE_INTERVAL_SECONDS": "3600"}
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("roles status")
        opened.kick.live(title="Slots!", started_at=ago(120))
        yield opened


def ago(minutes: float) -> str:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)
    return at.isoformat()


# -- what happens -------------------------------------------------------------------------------


def watches(stage: Stage, person: str, *minutes_ago: float, platform: str = "kick") -> None:
    """The person writes in chat, ten minutes each time."""
    for minutes in minutes_ago:
        channel_of(stage, platform).say(person, "hello", at=ago(minutes))


def admin(stage: Stage, command: str, **options: object) -> Json:
    """Nora's answer to a slash command."""
    done = stage.discord.slash("nora", "general", command, options)
    assert done["response"]["ephemeral"] is True
    return dict(done["response"]["embeds"][0])


def role_id(stage: Stage, name: str, guild: str = "Nora's Corner") -> str:
    found = next(g for g in stage.discord.state()["guilds"] if g["name"] == guild)
    return next(str(role["id"]) for role in found["roles"] if role["name"] == name)


def has(stage: Stage, person: str, *roles: str, guild: str = "Nora's Corner") -> None:
    """Until the person has exactly these roles."""
    until(
        lambda: stage.discord.roles_of(person, guild=guild) == sorted(roles),
        f"{person} with {roles}, not {stage.discord.roles_of(person, guild=guild)}",
    )


def add(stage: Stage, name: str, minutes: int) -> Json:
    return admin(stage, "roles add", role=role_id(stage, name), minutes=minutes)


def look_at_everybody(stage: Stage) -> None:
    """And wait until that is done."""
    since = datetime.now(UTC)
    admin(stage, "roles mode", mode="stack")
    until(lambda: stage.scalar("SELECT checked_at FROM roles_checks") > since, "a look")


def changes(stage: Stage) -> list[tuple[str, str]]:
    """What was asked of Discord, and how it went."""
    return stage.rows(
        "SELECT target->>'act', state FROM outbox_messages WHERE kind = 'roles.change' ORDER BY id"
    )


def changed(stage: Stage, *wanted: tuple[str, str]) -> None:
    """Until exactly this was asked: Discord knows of it before it is noted as sent."""
    until(lambda: changes(stage) == list(wanted), f"{wanted}")


# -- stories ------------------------------------------------------------------------------------


def test_role_is_granted_by_watchtime_and_removed_on_unlink(stage: Stage) -> None:
    """Mia watches on Kick, and leo on Twitch."""
    channel_of(stage, "twitch").go_live(ago(120))
    answer = add(stage, REGULAR, 25)
    assert answer["title"] == "✅ Role reward added: Regular at 25 min"
    for platform, person in zip(PLATFORMS, ("mia", "leo"), strict=True):
        earned_and_lost(stage, platform, person)
    changed(stage, *[("give", "sent"), ("take", "sent"), ("give", "sent")] * 2)


def earned_and_lost(stage: Stage, platform: str, person: str) -> None:
    link(stage, person, platform=platform)
    watches(stage, person, 100, 80, platform=platform)
    asked = f"!watchtime {BY_HANDLE[person].kick_name}"
    goal = f"5 min to <@&{role_id(stage, REGULAR)}>"
    until(lambda: goal in str(stage.asked("nora", asked)), "the role as the goal")
    has(stage, person)
    watches(stage, person, 60, platform=platform)
    has(stage, person, REGULAR)

    unlink(stage, person, platform)
    has(stage, person)
    link(stage, person, platform=platform)
    has(stage, person, REGULAR)


def test_corrections_and_exclusions_update_roles_immediately(stage: Stage) -> None:
    link(stage, "mia")
    add(stage, REGULAR, 10)
    watches(stage, "mia", 100)
    has(stage, "mia", REGULAR)
    admin(stage, "watchadjust", who="MadCats", minutes=-1, reason="counted twice")
    has(stage, "mia")
    admin(stage, "watchadjust", who="MadCats", minutes=1, reason="it was not")
    has(stage, "mia", REGULAR)
    admin(stage, "watchexclude add", who="MadCats")
    has(stage, "mia")
    admin(stage, "watchexclude remove", who="MadCats")
    has(stage, "mia", REGULAR)


def test_highest_mode_removes_lower_role(stage: Stage) -> None:
    link(stage, "mia")
    add(stage, REGULAR, 10)
    add(stage, VIP, 20)
    assert "only their highest role" in str(admin(stage, "roles mode", mode="highest"))
    watches(stage, "mia", 100)
    has(stage, "mia", REGULAR)
    watches(stage, "mia", 60)
    has(stage, "mia", VIP)
    admin(stage, "roles mode", mode="stack")
    has(stage, "mia", REGULAR, VIP)


def test_linked_role_is_granted_and_removed(stage: Stage) -> None:
    admin(stage, "roles linked", role=VIP)
    link(stage, "leo")
    has(stage, "leo", VIP)
    admin(stage, "roles linked", role="off")
    has(stage, "leo")
    until(lambda: "Add one with" in str(admin(stage, "roles list")), "reward removed")


def test_role_above_bot_is_reported_with_fix(stage: Stage) -> None:
    link(stage, "mia")
    watches(stage, "mia", 100)
    set_setting(stage, "kick.admin_channel", channel_id(GUILD, "bot-log"))
    stage.discord.role("Nobles", position=4)
    answer = add(stage, "Nobles", 5)
    assert "That role is above mine." in answer["description"]
    assert "drag my role above it" in answer["description"]
    until(lambda: "can't be assigned" in admin(stage, "roles status")["title"], "a warning")
    stage.discord.wait_for("bot-log", lambda m: "can't assign the role Nobles" in title(m))
    assert changes(stage) == []
    stage.discord.role("Nobles", position=1)
    has(stage, "mia", "Nobles")
    changed(stage, ("give", "sent"))


def test_deleted_role_is_reported_and_can_be_removed(stage: Stage) -> None:
    link(stage, "mia")
    watches(stage, "mia", 100)
    add(stage, REGULAR, 5)
    has(stage, "mia", REGULAR)
    stage.discord.role(REGULAR, delete=True)
    until(lambda: "The role was deleted." in str(admin(stage, "roles list")), "a notice")
    offered = stage.discord.autocomplete("nora", "general", "roles remove", "role", {"role": "reg"})
    assert [choice["name"] for choice in offered] == ["Regular · 5 min"]
    admin(stage, "roles remove", role=offered[0]["value"])
    assert "Add one with" in str(admin(stage, "roles list"))


def test_manually_given_role_stays(stage: Stage) -> None:
    stage.discord.member("yuki", roles=[REGULAR])
    add(stage, REGULAR, 5)
    link(stage, "yuki")
    watches(stage, "yuki", 100)
    until(lambda: stage.rows("SELECT 1 FROM roles_grants WHERE state = 'found'"), "it was noted")
    unlink(stage, "yuki")
    look_at_everybody(stage)
    assert "assigned manually" in str(admin(stage, "roles members", role=REGULAR))
    assert changes(stage) == []
    has(stage, "yuki", REGULAR)


def test_member_gets_role_back_after_rejoining(stage: Stage) -> None:
    link(stage, "mia")
    watches(stage, "mia", 100)
    add(stage, REGULAR, 5)
    has(stage, "mia", REGULAR)
    stage.discord.member("mia", leave=True)
    until(lambda: stage.rows("SELECT 1 FROM roles_grants WHERE state = 'away'"), "she is away")
    stage.discord.member("mia", join=True)
    has(stage, "mia", REGULAR)


def test_congratulations_start_after_the_first_batch(stage: Stage) -> None:
    link(stage, "mia")
    watches(stage, "mia", 100)
    until(lambda: stage.scalar("SELECT watched FROM watchtime_totals"), "minutes of mia's")
    set_setting(stage, "roles.congratulate", "channel")
    set_setting(stage, "roles.channel", channel_id(GUILD, "general"))
    add(stage, REGULAR, 5)
    has(stage, "mia", REGULAR)
    look_at_everybody(stage)
    link(stage, "leo")
    watches(stage, "leo", 100)
    has(stage, "leo", REGULAR)
    post = stage.discord.wait_for("general", lambda m: "New role" in title(m))
    assert f"<@{BY_HANDLE['leo'].discord_id}>" in post["embeds"][0]["description"]

    set_setting(stage, "roles.congratulate", "dm")
    stage.discord.member("yuki", dms_open=False)
    link(stage, "yuki")
    watches(stage, "yuki", 100)
    has(stage, "yuki", REGULAR)
    link(stage, "tomas")
    watches(stage, "tomas", 100)
    line = stage.discord.wait_for("dm:tomas", lambda m: "New role" in title(m))
    assert "**Regular** in **Nora's Corner**" in line["embeds"][0]["description"]
    words = [m for m in stage.discord.transcript("general") if "New role" in title(m)]
    assert len(words) == 1
    assert stage.rows("SELECT 1 FROM outbox_messages WHERE state = 'dead'") == []


def set_setting(stage: Stage, key: str, value: object) -> None:
    """As `/settings set` does."""
    with stage.database.begin() as tx:
        guilds.set_setting(tx, GUILD, key, value, 1)


def test_roles_are_isolated_per_server(stage: Stage) -> None:
    link(stage, "leo")
    link(stage, "leo", VERAS_DEN_ID)
    watches(stage, "leo", 100)
    add(stage, REGULAR, 5)
    answer = stage.discord.slash(
        "vera",
        "general",
        "roles add",
        {"role": role_id(stage, VIP, "Vera's Den"), "minutes": 5},
        guild="Vera's Den",
    )
    assert "Role reward added" in answer["response"]["embeds"][0]["title"]
    has(stage, "leo", REGULAR)
    assert stage.discord.roles_of("leo", guild="Vera's Den") == []
    listed = str(admin(stage, "roles list"))
    assert role_id(stage, REGULAR) in listed
    assert role_id(stage, VIP, "Vera's Den") not in listed


def test_kill_between_decision_and_grant_loses_and_duplicates_nothing(stage: Stage) -> None:
    channel_of(stage, "twitch").go_live(ago(120))
    for person, platform in (("mia", "kick"), ("leo", "twitch"), ("yuki", "kick")):
        link(stage, person, platform=platform)
        watches(stage, person, 100, platform=platform)
    stage.discord.fault(rest_slow_ms=700)
    add(stage, REGULAR, 5)
    until(lambda: len(changes(stage)) == 3, "three changes asked for")
    until(lambda: ("give", "sending") in changes(stage), "one on its way")
    stage.product.kill()
    stage.discord.fault(rest_slow_ms=0)
    stage.start().wait_well()
    for person in ("mia", "leo", "yuki"):
        has(stage, person, REGULAR)
    until(lambda: all(state == "sent" for _act, state in changes(stage)), "all settled")
    assert len(changes(stage)) == 3


def test_moderator_cannot_reward_roles_above_their_own(stage: Stage) -> None:
    stage.discord.role("Low Mod", permissions=["MANAGE_GUILD"], position=1)
    stage.discord.member("mia", roles=["Low Mod"])
    answer = stage.discord.slash(
        "mia", "general", "roles add", {"role": role_id(stage, VIP), "minutes": 5}
    )
    assert "not below your highest role" in answer["response"]["embeds"][0]["title"]
    assert "for moderators" in stage.asked("leo", "!roles status")["title"]


def test_periodic_reconcile_grants_missed_roles(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> None:
    """Nobody tells of a link that is written in by hand; the look at everybody finds it."""
    folder = tmp_path_factory.mktemp("missed")
    settings = {"ROLE_UPDATE_INTERVAL_SECONDS": "1", "WATCH_INTERVAL_SECONDS": "3600"}
    with open_stage(folder, postgres_url, signing_key, **settings) as stage:
        stage.start().wait_well()
        stage.discord.wait_command("roles status")
        admin(stage, "roles linked", role=REGULAR)
        who, now = BY_HANDLE["mia"], datetime.now(UTC)
        with stage.database.begin() as tx:
            viewer_id = people.set_viewer(tx, GUILD, "kick", who.kick_user_id, "MadCats", now)
            people.add_link(tx, GUILD, who.discord_id, "kick", viewer_id, now)
        has(stage, "mia", REGULAR)
