"""Two web servers and two bots on one PostgreSQL and one Redis: every effect once."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.post import Postman
from tests.stories.product import free_port, until
from tests.stories.servers import RedisServer
from tests.stories.stage import Json, Stage
from tests.stories.stream import KICK_REPLIES, VIEWERS, Flood, effects, wait_settled, write

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]


def test_four_processes_do_everything_once(stage: Stage, redis_server: RedisServer) -> None:
    stage.settings["REDIS_URL"] = redis_server.url
    stage.set_up()
    webs = [stage.start_web("web-1"), stage.start_web("web-2", free_port())]
    first = stage.start_bot("bot-1")
    webs[0].wait_well()
    second = stage.start_bot("bot-2")
    until(lambda: _heartbeats(stage) == 4, "a heartbeat of each process")
    stage.tuned_in()

    letters = write(stage, datetime.now(UTC).replace(microsecond=0))
    with ExitStack() as running:
        floods = [
            running.enter_context(Flood(Postman(web.url, stage.key), letters, seed))
            for seed, web in enumerate(webs)
        ]
        for flood in floods:
            flood.wait()
    wait_settled(stage, 60)
    found = effects(stage)
    assert len(found["calls"]) == len(found["posts"]) == 2 * len(VIEWERS)
    assert len(found["replies"]) == KICK_REPLIES
    assert [time for _, time in found["watched"]] == [timedelta(minutes=38.1)] * len(VIEWERS)
    assert found["shelves"] == []

    assert len(_answers(stage)) == 1
    slash = stage.discord.slash("nora", "general", "slotcalls status")["response"]
    assert slash["embeds"][0]["title"] == "🟢 Slot calls are on"

    first.kill()
    stage.discord.wait_connected(30)
    until(lambda: _answers(stage), "an answer of the one that stood by")
    until(lambda: "Connected to Discord" in second.log(), "that one's word")
    for web in webs:
        assert web.health()[0] == 200


def _heartbeats(stage: Stage) -> int:
    processes: int = stage.scalar("SELECT count(DISTINCT process) FROM health_heartbeats")
    return processes


def _answers(stage: Stage, command: str = "!slotcalls") -> list[Json]:
    """Everything the bots say to one command, and to a second one that comes after it."""
    asked = stage.discord.message("nora", "general", command)

    def answers() -> list[Json]:
        lines = stage.discord.transcript("general", after=asked)
        return [line for line in lines if line["author"] == "bot"]

    until(answers, f"an answer to {command}", 15)
    stage.asked("tomas", "!watchtime")  # by its answer a second one to the first would be there
    return [line for line in answers() if "Slot calls" in line["embeds"][0]["title"]]
