"""`/permissions`: a role gets a group of commands, by slash, typed and by their buttons."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.games import feature as games
from core.guilds import actions, store
from core.guilds.records import AuditEntry
from core.help import feature as help_feature
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.runtime.clock import utc_now
from core.people import feature as people
from core.raffle import feature as raffle
from core.roles import feature as roles
from core.settings import feature as settings
from core.slot_calls import feature as slot_calls
from core.watchtime import feature as watchtime
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.driver import DriverError
from tests.bot_rig import bot_in_discord
from tests.slot_calls.scene import chat_message

Json = dict[str, Any]
DEN = "Vera's Den"


@pytest.fixture(scope="module")
def started(database: Database) -> Iterator[DiscordDriver]:
    features = slot_calls.FEATURE, roles.FEATURE, people.FEATURE, raffle.FEATURE, watchtime.FEATURE
    everything = (
        *(*features, games.FEATURE),
        settings.make_feature(features),
        help_feature.make_feature(features),
    )
    with bot_in_discord(database, *everything, until="permissions list") as (driver, _bot):
        yield driver


@pytest.fixture
def driver(started: DiscordDriver, database: Database) -> Iterator[DiscordDriver]:
    """Mia helps with the raffle, without any permission of Discord's."""
    for guild in ("Nora's Corner", DEN):
        started.role("Helper", guild=guild)
    started.member("mia", roles=["Helper"])
    yield started
    started.role("Helper", delete=True)
    started.role("Helper", guild=DEN, delete=True)
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM guild_permissions")


def slash(driver: DiscordDriver, person: str, command: str, **options: Any) -> Json:
    return dict(driver.slash(person, "general", command, options)["response"]["embeds"][0])


def typed(driver: DiscordDriver, person: str, line: str, guild: str | None = None) -> Json:
    asked = driver.message(person, "general", line, guild=guild)
    told = driver.wait_for(
        "general", lambda message: message["author"] == "bot", after=asked, guild=guild
    )
    return dict(told["embeds"][0])


def grant(driver: DiscordDriver, group: str = "raffle") -> Json:
    return slash(driver, "nora", "permissions grant", group=group, role="Helper")


def revoke(driver: DiscordDriver, group: str = "raffle") -> Json:
    return slash(driver, "nora", "permissions revoke", group=group, role="Helper")


def is_refused(embed: Json) -> bool:
    return embed["title"] == "⚠️ This is for moderators"


# -- slash, typed, buttons ------------------------------------------------------------------------


def test_granted_group_allows_only_its_typed_commands(driver: DiscordDriver) -> None:
    refused = typed(driver, "mia", "!raffleexclude")
    assert is_refused(refused)
    assert "permission Manage Server" in refused["description"]
    assert "**Raffle** with `/permissions grant`" in refused["description"]
    grant(driver)
    assert not is_refused(typed(driver, "mia", "!raffleexclude"))
    assert not is_refused(typed(driver, "mia", "!raffleexclude list"))
    assert is_refused(typed(driver, "mia", "!slotcalls"))
    assert is_refused(typed(driver, "mia", "!permissions"))
    revoke(driver)
    assert is_refused(typed(driver, "mia", "!raffleexclude"))


def test_role_of_an_app_is_refused(driver: DiscordDriver) -> None:
    told = slash(driver, "nora", "permissions grant", group="raffle", role="Regulars")
    assert "belongs to an app" in told["title"]


def test_role_that_viewers_get_is_refused(driver: DiscordDriver, database: Database) -> None:
    """With the words of the dashboard (test_permissions_page.py)."""
    slash(driver, "nora", "roles add", role="Helper", minutes=60)
    told = grant(driver)
    assert "Viewers get that role automatically" in told["title"]
    assert "`/roles remove`" in told["description"]
    assert (
        "Viewers get that role"
        in typed(driver, "nora", "!permissions grant raffle Helper")["title"]
    )
    slash(driver, "nora", "roles remove", role="Helper")
    assert "granted" in grant(driver)["title"]


def test_granted_group_includes_the_settings_of_its_feature(driver: DiscordDriver) -> None:
    grant(driver)
    driver.member("mia", roles=["Helper"])
    listed = str(typed(driver, "mia", "!settings"))
    assert "raffle.channel" in listed
    assert "watchtime.enabled" not in listed
    assert not is_refused(typed(driver, "mia", "!settings show raffle.prize"))
    assert is_refused(typed(driver, "mia", "!settings show watchtime.enabled"))
    assert is_refused(typed(driver, "mia", "!settings watchtime"))
    assert not is_refused(typed(driver, "mia", "!settings set raffle.prize A mug"))
    other = typed(driver, "mia", "!settings set watchtime.enabled off")
    assert is_refused(other)
    revoke(driver)
    for line in ("set raffle.prize A mug", "show raffle.prize", "list"):
        assert is_refused(typed(driver, "mia", f"!settings {line}"))


def test_granted_slash_command_works_once_shown_in_integrations(driver: DiscordDriver) -> None:
    told = grant(driver)
    assert "Server Settings → Integrations → Regulars" in told["fields"][0]["value"]
    assert "`/raffledraw`" in told["fields"][0]["value"]
    with pytest.raises(DriverError):  # Discord hides it
        slash(driver, "mia", "raffleexclude list")
    driver.command_role("raffleexclude", "Helper")
    assert not is_refused(slash(driver, "mia", "raffleexclude list"))
    revoke(driver)  # shown in Integrations all the same
    assert is_refused(slash(driver, "mia", "raffleexclude list"))


def test_old_button_checks_current_permissions(driver: DiscordDriver, database: Database) -> None:
    grant(driver, "slot_calls")
    slash(driver, "nora", "slotcalls channel", channel="slot-calls")
    with database.begin() as tx:
        call, *_others = slot_calls.FEATURE.chat_commands
        call.run(tx, [chat_message(NORAS_CORNER_ID, "!call Book of Dead")])
    post = driver.wait_for("slot-calls", lambda message: message["author"] == "bot")

    def press(what: str = "done") -> str:
        done = driver.click("mia", post["message_id"], button_of(post, what))
        told = done["response"]
        return str(told["embeds"][0]["title"]) if told and told.get("embeds") else ""

    driver.member("mia", roles=[])
    assert press() == "⚠️ This is for moderators"
    driver.member("mia", roles=["Helper"])
    revoke(driver, "slot_calls")
    assert press() == "⚠️ This is for moderators"
    grant(driver, "slot_calls")
    assert press("ban") == "🚫 Book of Dead is banned"
    assert "Book of Dead" in typed(driver, "mia", "!games banned")["description"]
    assert not is_refused(typed(driver, "mia", "!games unban Book of Dead"))
    assert is_refused(typed(driver, "mia", "!games add Book of Mia"))


def button_of(post: Json, what: str) -> str:
    ids = [component["custom_id"] for row in post["components"] for component in row["components"]]
    return str(next(found for found in ids if f":{what}:" in found))


# -- who may grant what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("!permissions grant permissions Helper", "There is no such group of commands."),
        ("!permissions grant nothing Helper", "There is no such group of commands."),
        ("!permissions grant raffle @everyone", "Everyone has that role."),
        ("!permissions grant raffle Nobody", "“Nobody” is not a role on this server."),
        ("!permissions revoke raffle Helper", "Nothing to change"),
        ("!permissions grant Raffle Helper", "Permission granted"),
    ],
)
def test_grant_and_revoke_validate_group_and_role(
    driver: DiscordDriver, line: str, title: str
) -> None:
    assert title in typed(driver, "nora", line)["title"]


def test_grants_do_not_allow_granting(driver: DiscordDriver) -> None:
    for group in ("settings", "raffle", "people", "watchtime"):
        grant(driver, group)
    assert not is_refused(typed(driver, "mia", "!settings"))
    assert is_refused(typed(driver, "mia", "!permissions grant slot_calls Helper"))


def test_moderator_cannot_reward_a_role_above_their_own(
    driver: DiscordDriver,
) -> None:
    grant(driver, "roles")
    assert "not below your highest role" in typed(driver, "mia", "!roles add Moderator 1")["title"]


def test_list_shows_each_group_without_deleted_roles(driver: DiscordDriver) -> None:
    grant(driver)
    shown = slash(driver, "nora", "permissions list")
    raffle_field = next(field for field in shown["fields"] if field["name"] == "Raffle")
    assert "<@&" in raffle_field["value"]
    assert "`/raffledraw`" in raffle_field["value"]
    driver.role("Helper", delete=True)
    shown = slash(driver, "nora", "permissions list")
    assert all(field["value"].startswith("Admins only") for field in shown["fields"])
    assert is_refused(typed(driver, "mia", "!raffleexclude"))
    driver.role("Helper")


def test_repeated_grant_changes_nothing(driver: DiscordDriver) -> None:
    assert grant(driver)["title"] == "✅ Permission granted"
    assert grant(driver)["title"] == "✅ Nothing to change"


def test_permissions_are_isolated_per_server(driver: DiscordDriver) -> None:
    driver.member("mia", join=True, guild=DEN)
    driver.member("mia", roles=["Helper"], guild=DEN)
    grant(driver)
    assert is_refused(typed(driver, "mia", "!raffleexclude", guild=DEN))


def test_help_shows_granted_commands(driver: DiscordDriver) -> None:
    assert "🔧" not in typed(driver, "mia", "!help raffle").get("description", "")
    grant(driver)
    assert "🔧 `/raffledraw`" in typed(driver, "mia", "!help raffle")["description"]


# -- the actions ----------------------------------------------------------------------------------


def test_grants_are_stored_per_server_and_audited(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    with Work(tx, guild_id, actor=9, now=utc_now()) as work:
        assert actions.grant(work, "raffle", 5)
        assert not actions.grant(work, "raffle", 5)
        assert actions.list_permissions(work) == {"raffle": [5]}
    assert store.list_granted(tx, guild_id, [4, 5]) == {"raffle"}
    assert store.list_granted(tx, other_guild_id, [4, 5]) == frozenset()
    with Work(tx, other_guild_id, actor=9, now=utc_now()) as elsewhere:
        assert not actions.revoke(elsewhere, "raffle", 5)
    with Work(tx, guild_id, actor=9, now=utc_now()) as work:
        assert actions.revoke(work, "raffle", 5)
        assert not actions.revoke(work, "raffle", 5)
        log = work.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(line.actor, line.action, line.target, line.before, line.after) for line in log] == [
        (9, "guilds.grant", "5", None, "raffle"),
        (9, "guilds.revoke", "5", "raffle", None),
    ]
