"""PostgreSQL is the truth: without it nothing is taken in or promised, and all comes back."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.channels import connect_twitch, twitch_webhooks
from tests.stories.product import ROOT
from tests.stories.servers import PostgresServer
from tests.stories.stage import Stage, button, open_stage, title
from tests.stories.webhooks import WebhookSender, chat, twitch_chat


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    # Not in tmp_path: as root, PostgreSQL runs as another user, and every pytest that starts keeps
    # other users out of the folder above all of theirs.
    with TemporaryDirectory(prefix="regulars-story-") as folder:
        server = PostgresServer(Path(folder))
        try:
            yield server
            server.start()
        finally:
            server.close()


@pytest.fixture
def stage(tmp_path: Path, postgres: PostgresServer, signing_key: SigningKey) -> Iterator[Stage]:
    with open_stage(tmp_path, postgres.url, signing_key) as opened:
        yield opened
        postgres.start()


def test_product_recovers_after_database_outage(stage: Stage, postgres: PostgresServer) -> None:
    product = stage.start()
    product.wait_well()
    stage.wait_subscribed()
    stage.kick.chat("mia", "!call Before")
    post = stage.post_about("Before")
    connect_twitch(stage)
    sender, twitch = WebhookSender(product.url, stage.key), twitch_webhooks(stage)

    postgres.crash()
    late = chat("!call Afterwards", sender={"user_id": 4_100_004, "username": "lil_bean"})
    on_twitch = twitch_chat("!call Later on")
    for answer in (
        sender.deliver(late, id="retried-until-taken"),
        twitch.deliver(on_twitch, id="retried-until-taken"),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "database" in answer.json()["error"].lower()
    status, report = product.health()
    assert (status, report["status"]) == (503, "down")
    assert report["parts"][0]["name"] == "Database"
    check = stage.start(str(ROOT / "health_check.py"), name="health_check")
    assert check.wait() == 1
    assert "  DOWN  Database: It is not answering" in check.log()
    embed = stage.asked("nora", "!slotcalls")
    assert embed["title"] == "⏳ The database is not answering"
    assert "Nothing is lost" in embed["description"]
    pressed = stage.discord.click("tomas", post["message_id"], button(post, "done"))
    assert "The database is not answering" in str(pressed["response"]["embeds"])

    postgres.start()
    until(lambda: product.health()[0] == 200, "health again")
    assert sender.deliver(late, id="retried-until-taken").status_code == 200
    assert twitch.deliver(on_twitch, id="retried-until-taken").status_code == 200
    # If the crash came before the first post was noted as sent, its channel waits for the lease.
    stage.post_about("Afterwards", timeout=60)
    assert "on Twitch" in str(stage.post_about("Later on"))
    assert stage.asked("nora", "!slotcalls")["title"] == "🟢 Slot requests are on"
    stage.discord.click("tomas", post["message_id"], button(post, "done"))
    stage.discord.wait_for("slot-calls", lambda m: title(m) == "✅ Before")
    assert "[error" not in product.log()
