"""From a member's claimed name to a counted amount, over real sockets."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from core.guilds import store as guilds
from sandbox.kick.signing import SigningKey
from sandbox.people import BY_HANDLE
from sandbox.shuffle import ShuffleDriver
from tests.patience import until
from tests.stories.direct_messages import answered
from tests.stories.links import link
from tests.stories.product import Json, free_port
from tests.stories.stage import GUILD, Stage, open_stage, title

VERAS_DEN = 1_100_000_000_000_000_500
VIEWERS = (("mia", "kick"), ("leo", "twitch"))
ROLE = "Shuffle Code User"


@pytest.fixture
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """A product that asks Shuffle every second; Mia has linked Kick, and Leo Twitch."""
    folder = tmp_path_factory.mktemp("wagers")
    settings = {"WAGER_CHECK_SECONDS": "1", "ROLE_UPDATE_INTERVAL_SECONDS": "2"}
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.waits = {"task:wagers.poll": 0.25}
        opened.discord.role(ROLE)
        opened.start().wait_well()
        opened.discord.wait_command("shuffle status")
        for person, platform in VIEWERS:
            link(opened, person, platform=platform)
        yield opened


@pytest.fixture
def shuffle(stage: Stage) -> ShuffleDriver:
    return ShuffleDriver(stage.kick.base_url)


def said(stage: Stage, who: str, command: str, /, **options: object) -> Json:
    """The private answer to a slash command, once it is there."""
    done = stage.discord.slash(who, "general", command, options)
    return answered(stage, done)


def verified(stage: Stage, person: str, username: str) -> Json:
    answer = said(
        stage,
        "nora",
        "verifyshuffle",
        person=f"<@{BY_HANDLE[person].discord_id}>",
        username=username,
    )
    assert "is verified" in answer["title"], answer
    return answer


def counted(stage: Stage, guild_id: int = GUILD) -> Decimal:
    return Decimal(
        stage.scalar(
            "SELECT coalesce(sum(amount), 0) FROM wagers_changes WHERE guild_id = :guild_id",
            guild_id=guild_id,
        )
    )


def counts(stage: Stage, amount: str, guild_id: int = GUILD) -> None:
    """Until exactly this has counted."""
    until(
        lambda: counted(stage, guild_id) == Decimal(amount),
        f"{amount} counted, not {counted(stage, guild_id)}",
    )


def has_role(stage: Stage, person: str, has: bool) -> None:
    until(lambda: (ROLE in stage.discord.roles_of(person)) == has, f"{person} with the role: {has}")


def looked(shuffle: ShuffleDriver, times: int = 2) -> None:
    """Until Shuffle was asked so many times more."""
    before = shuffle.asked()
    until(lambda: shuffle.asked() >= before + times, "a look")


# -- stories --------------------------------------------------------------------------------------


def test_account_is_linked_verified_counted_and_unlinked(
    stage: Stage, shuffle: ShuffleDriver
) -> None:
    assert "not a valid username" in stage.asked("mia", "!linkshuffle Mia Spins")["title"]
    answer = said(stage, "mia", "linkshuffle", username="@miaspins")
    assert "is linked" in answer["title"]
    assert "18+" in answer["footer"]["text"]
    shuffle.wager("MiaSpins", "10")
    assert "to verify" in str(said(stage, "nora", "shuffle status"))
    assert counted(stage) == 0

    answer = verified(stage, "mia", "MiaSpins")
    assert f"<@{BY_HANDLE['mia'].discord_id}>" in answer["description"]
    has_role(stage, "mia", True)
    word = stage.discord.wait_for("dm:mia", lambda m: "is verified" in title(m))
    assert "Nora's Corner" in word["embeds"][0]["description"]

    shuffle.wager("MiaSpins", "50.25")
    counts(stage, "50.25")
    shuffle.wager("MiaSpins", "0.001")
    counts(stage, "50.251")
    assert "$50.25" in str(said(stage, "mia", "linkshuffle"))
    assert stage.product.part("Shuffle").get("state") in (None, "ok")

    assert "is unlinked" in said(stage, "mia", "unlinkshuffle")["title"]
    has_role(stage, "mia", False)
    shuffle.wager("MiaSpins", "99")
    assert "unlinked recently" in said(stage, "mia", "linkshuffle", username="MiaSpins")["title"]
    assert counted(stage) == Decimal("50.251")


def test_admin_verifies_claim_with_button(stage: Stage, shuffle: ShuffleDriver) -> None:
    with stage.database.begin() as tx:
        guilds.set_setting(tx, GUILD, "kick.admin_channel", GUILD + 20, 1)
        # The role of before was deleted; another one has the name now.
        guilds.set_setting(tx, GUILD, "wagers.verified_role", 12345, 1)
    said(stage, "leo", "linkshuffle", username="leo_77")
    post = stage.discord.wait_for("general", lambda m: "Is this their" in title(m))
    (row,) = post["components"]
    custom_id = row["components"][0]["custom_id"]
    refused = stage.discord.click("mia", post["message_id"], custom_id)
    assert "for moderators" in answered(stage, refused)["title"]
    done = stage.discord.click("nora", post["message_id"], custom_id)
    assert "leo_77 is verified" in answered(stage, done)["title"].replace("\\", "")
    has_role(stage, "leo", True)
    shuffle.wager("leo_77", "5")
    counts(stage, "5")


def test_commands_require_permission_and_known_username(stage: Stage) -> None:
    assert "for moderators" in stage.asked("leo", "!verifyshuffle mia MiaSpins")["title"]
    answer = said(stage, "leo", "unlinkshuffle", person=f"<@{BY_HANDLE['mia'].discord_id}>")
    assert "for moderators" in answer["title"]
    for typed in ("!linkshuffle", "!linkshuffle Yuki"):
        answer = stage.asked("yuki", typed)
        assert "Link your account first" in answer["title"]
    answer = said(
        stage, "nora", "verifyshuffle", person=BY_HANDLE["mia"].kick_name, username="ZedElsewhere"
    )
    assert "has no account ZedElsewhere" in answer["title"]


def test_totals_match_after_any_shuffle_response(stage: Stage, shuffle: ShuffleDriver) -> None:
    """1000 before; then 7 + 3 + 2 + 5 + 1 = 18. What comes back after a fall to 0,
    and 4 more after a drop to 100, are one amount that is held."""
    shuffle.player("MiaSpins", "1000")
    verified(stage, "mia", "MiaSpins")
    shuffle.wager("MiaSpins", "7")
    counts(stage, "7")
    for fault in ({"down": True}, {"error_object": True}, {"page": True}, {"empty": True}):
        shuffle.fault(**fault)
        looked(shuffle)
        shuffle.reset_faults()
    shuffle.fault(busy_s=2)
    shuffle.wager("MiaSpins", "3")
    looked(shuffle, 1)
    shuffle.reset_faults()
    counts(stage, "10")
    shuffle.fault(twice=True)
    shuffle.wager("MiaSpins", "2")
    counts(stage, "12")
    shuffle.fault(leaves_out="MiaSpins")
    shuffle.wager("MiaSpins", "5")
    looked(shuffle)
    shuffle.reset_faults()
    counts(stage, "17")
    shuffle.fault(zeroes=True)
    looked(shuffle)
    shuffle.wager("MiaSpins", "1")
    shuffle.reset_faults()
    counts(stage, "18")
    assert "held" in str(said(stage, "nora", "shuffle status"))
    shuffle.player("MiaSpins", "100")
    looked(shuffle)
    shuffle.wager("MiaSpins", "4")
    looked(shuffle)
    counts(stage, "18")

    number = stage.scalar("SELECT max(id) FROM wagers_changes WHERE held > 0")
    assert "Counted $1,021.00" in said(stage, "nora", "shuffle count", number=number)["title"]
    assert "was already counted" in said(stage, "nora", "shuffle count", number=number)["title"]
    counts(stage, "1039")


def test_two_processes_and_kills_count_each_wager_once(
    stage: Stage, shuffle: ShuffleDriver
) -> None:
    shuffle.player("MiaSpins", "0")
    verified(stage, "mia", "MiaSpins")
    first = stage.product
    second = stage.start(name="second", port=free_port())
    second.wait_answering()
    for number in range(6):
        shuffle.wager("MiaSpins", "1.5")
        if number == 2:
            looked(shuffle, 1)
            first.kill()
            first = stage.start(name="third")
        if number == 4:
            second.kill()
    first.wait_answering()
    shuffle.wager("MiaSpins", "1")
    counts(stage, "10")
    looked(shuffle, 3)
    counted_events = "SELECT count(*), sum((body->>'amount')::numeric) FROM inbox_deliveries"
    events, amount = stage.rows(counted_events + " WHERE kind = 'WagerCounted'")[0]
    assert amount == Decimal(10)
    assert events == stage.scalar("SELECT count(*) FROM wagers_changes")


def test_wagers_are_isolated_per_server(stage: Stage, shuffle: ShuffleDriver) -> None:
    """Each has its own code, its own start, and its own admins."""
    link(stage, "leo", VERAS_DEN)
    with stage.database.begin() as tx:
        guilds.set_setting(tx, VERAS_DEN, "wagers.shuffle_code", "other", 1)
    shuffle.player("MiaSpins", "1000")
    verified(stage, "mia", "MiaSpins")
    done = stage.discord.slash(
        "vera",
        "general",
        "verifyshuffle",
        {"person": f"<@{BY_HANDLE['leo'].discord_id}>", "username": "zedelsewhere"},
        guild="Vera's Den",
    )
    answer = answered(stage, done)
    assert "is verified" in answer["title"]
    assert "No role is assigned" in answer["description"]
    shuffle.wager("ZedElsewhere", "6")
    shuffle.wager("MiaSpins", "8")
    counts(stage, "6", VERAS_DEN)
    counts(stage, "8")
    listed = str(said(stage, "nora", "shuffle accounts"))
    assert "MiaSpins" in listed
    assert "zedelsewhere" not in listed.casefold()
