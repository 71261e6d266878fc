"""An evening with points, the product killed in between: what supporters earn, gifts in chat, and
tickets that are bought once."""

from collections.abc import Iterator

import pytest

from core.guilds import store as guilds
from core.points.store import list_drift
from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.links import link
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage

HELD = """
    SELECT COALESCE(sum(b.points), 0) FROM points_balances b
      JOIN people_viewers v USING (guild_id, viewer_id)
     WHERE b.guild_id = :guild_id AND lower(v.name) = :name AND b.bucket = :bucket
"""


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """Points are on; Mia and Leo have linked their accounts."""
    with open_stage(tmp_path_factory.mktemp("points"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("pointsadmin season")
        opened.wait_subscribed()
        with opened.database.begin() as tx:
            guilds.set_setting(tx, GUILD, "points.enabled", True, set_by=1)
        for person in ("mia", "leo"):
            link(opened, person)
        yield opened


def has(stage: Stage, name: str, points: int, bucket: str = "earned") -> None:
    """Wait until somebody holds so many points."""
    key = {"guild_id": GUILD, "name": name, "bucket": bucket}
    until(lambda: stage.scalar(HELD, **key) == points, f"{name} holds {points} {bucket} points")


def test_an_evening_with_points(stage: Stage) -> None:
    stage.kick.live(title="Slots")
    stage.kick.gift("mia", count=2)
    has(stage, "madcats", 1000)
    stage.kick.kicks("leo", 250)
    has(stage, "lil_bean", 250, "paid")

    stage.kick.chat("mia", "!give @lil_bean 40%")
    stage.kick.settle()  # received, perhaps not handled yet
    stage.product.kill()
    stage.start(name="again").wait_well()
    has(stage, "lil_bean", 400)
    has(stage, "madcats", 600)

    assert "is open" in str(stage.asked("nora", "!rafflestart"))
    stage.kick.chat("leo", "!buy tickets 5")  # 400 earned, and Kicks buy no tickets
    until(
        lambda: any("400 points that can be spent" in str(reply) for reply in stage.replies()),
        "the refusal",
    )
    stage.kick.chat("leo", "!buy tickets 4")
    bought = "SELECT COALESCE(sum(amount), 0) FROM raffle_entries WHERE source = 'points'"
    until(lambda: stage.scalar(bought) == 4, "four tickets")
    has(stage, "lil_bean", 0)
    has(stage, "lil_bean", 250, "paid")
    with stage.database.begin() as tx:
        assert list_drift(tx) == []
