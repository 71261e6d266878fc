"""Two web servers and two bots on one PostgreSQL and one Redis: every effect once."""

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.patience import PATIENCE, until
from tests.stories.channels import connect_twitch
from tests.stories.product import free_port
from tests.stories.servers import RedisServer
from tests.stories.stage import Json, Stage, title
from tests.stories.stream import (
    PATIENT,
    REPLIES,
    SETTLED_SECONDS,
    TWITCH_VIEWERS,
    VIEWERS,
    WATCHED,
    Flood,
    TwitchStream,
    effects,
    wait_settled,
    write,
)
from tests.stories.webhooks import WebhookSender

pytestmark = pytest.mark.redis


def test_four_processes_handle_each_event_once(stage: Stage, redis_server: RedisServer) -> None:
    stage.settings |= {"REDIS_URL": redis_server.url, "TWITCH_EVENTSUB": "webhook"}
    stage.waits = PATIENT
    stage.set_up()
    webs = [stage.start_web("web-1"), stage.start_web("web-2", free_port())]
    first = stage.start_bot("bot-1")
    webs[0].wait_well()
    second = stage.start_bot("bot-2")
    until(lambda: _heartbeats(stage) == 4, "a heartbeat of each process")
    stage.wait_subscribed()

    connect_twitch(stage)
    now = datetime.now(UTC).replace(microsecond=0)
    deliveries, on_twitch = write(stage, now), TwitchStream(stage.twitch, now)
    with ExitStack() as running:
        floods = [
            running.enter_context(
                Flood(WebhookSender(web.url, stage.key), deliveries, seed, twitch)
            )
            for seed, (web, twitch) in enumerate(zip(webs, (on_twitch, None), strict=True))
        ]
        for flood in floods:
            flood.wait()
    stage.twitch.settle(SETTLED_SECONDS)
    wait_settled(stage, SETTLED_SECONDS)
    found = effects(stage)
    assert len(found["calls"]) == len(found["posts"]) == 2 * len(WATCHED)
    assert len(found["replies"]) == REPLIES * len(VIEWERS)
    assert len(found["replies_on_twitch"]) == REPLIES * len(TWITCH_VIEWERS)
    assert dict(found["watched"]) == WATCHED
    assert found["dead_letters"] == found["said_twice"] == []

    assert len(_answers(stage) or []) == 1
    slash = stage.discord.slash("nora", "general", "slotcalls status")["response"]
    assert slash["embeds"][0]["title"] == "🟢 Slot requests are on"

    first.kill()
    until(lambda: "Connected to Discord" in second.log(), "the word of the one that stood by")
    until(lambda: _answers(stage, patience=3), "its answer")
    for web in webs:
        web.wait_well()


def _heartbeats(stage: Stage) -> int:
    processes: int = stage.scalar("SELECT count(DISTINCT process) FROM health_heartbeats")
    return processes


def _answers(stage: Stage, patience: float = PATIENCE) -> list[Json] | None:
    """Everything the bots say to one command, or None: what is typed while nobody is connected is
    lost."""
    asked = stage.discord.message("nora", "general", "!slotcalls")

    def is_answer(line: Json) -> bool:
        return bool(line["author"] == "bot" and "Slot requests" in title(line))

    try:
        stage.discord.wait_for("general", is_answer, patience, after=asked)
    except TimeoutError:
        return None
    stage.asked("tomas", "!watchtime")  # by its answer a second one to the first would be there
    return [line for line in stage.discord.transcript("general", after=asked) if is_answer(line)]
