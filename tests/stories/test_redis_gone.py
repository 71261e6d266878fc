"""Redis only notifies: without it, or while it is frozen, everything works, a little slower."""

import time

import pytest

from tests.patience import until
from tests.stories.product import Product
from tests.stories.servers import RedisServer
from tests.stories.stage import Stage
from tests.stories.stopwatch import Stopwatch
from tests.stories.webhooks import WebhookSender, chat

pytestmark = pytest.mark.redis

A_FEW_SECONDS = 4.5


def test_product_works_without_redis_and_detects_its_return(
    stage: Stage, redis_server: RedisServer
) -> None:
    """Web and bot are processes of their own here: only Redis, or looking, tells the bot."""
    stage.settings["REDIS_URL"] = redis_server.url
    stage.set_up()
    web = stage.start_web()
    stage.start_bot()
    web.wait_well()
    stage.tuned_in()
    assert call(stage, "Before") < A_FEW_SECONDS
    redis_is(web, "ok", "Answering.")

    redis_server.kill()
    assert call(stage, "Meanwhile") < A_FEW_SECONDS
    redis_is(web, "warn", "Not answering")
    until(lambda: web.health()[0] == 200, "a product that is well all the same")
    health = stage.asked("nora", "!health")
    assert "Everything works, but a little slower" in health["description"]
    assert slowest(web, stage) < A_FEW_SECONDS

    redis_server.start()
    redis_is(web, "ok", "Answering.")
    assert call(stage, "Afterwards") < A_FEW_SECONDS

    redis_server.freeze()  # it takes connections and never answers
    assert slowest(web, stage) < A_FEW_SECONDS
    redis_is(web, "warn", "Not answering")
    assert slowest(web, stage) < A_FEW_SECONDS
    assert call(stage, "Frozen") < A_FEW_SECONDS
    redis_server.thaw()
    redis_is(web, "ok", "Answering.")
    assert call(stage, "Thawed") < A_FEW_SECONDS


def call(stage: Stage, slot: str) -> float:
    """Seconds from a call in chat to its post in Discord."""
    stage.kick.account(slot.lower(), f"Fan_of_{slot}")
    watch = Stopwatch()
    stage.kick.chat(slot.lower(), f"!call {slot}")
    stage.post_about(slot)
    return watch.seconds


def slowest(web: Product, stage: Stage) -> float:
    """Seconds that the slowest of a few webhooks takes, by the clock on the wall: who waits for
    Redis uses no processor."""
    sender = WebhookSender(web.url, stage.key)
    took = []
    for number in range(5):
        began = time.monotonic()
        assert sender.deliver(chat(f"line {number}")).status_code == 200
        took.append(time.monotonic() - began)
    return max(took)


def redis_is(web: Product, state: str, reason: str) -> None:
    until(
        lambda: (part := web.part("Redis")).get("state") == state and reason in part["reason"],
        f"Redis: {state}, {reason}",
    )
