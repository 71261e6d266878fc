"""Redis only notifies: without it, or while it is frozen, everything works, a little slower."""

import time
from collections.abc import Sequence

import pytest

from tests.patience import until
from tests.stories.channels import ChannelDriver, channels_of, twitch_webhooks
from tests.stories.product import Product
from tests.stories.servers import RedisServer
from tests.stories.stage import Stage
from tests.stories.stopwatch import Stopwatch
from tests.stories.webhooks import WebhookSender, chat, twitch_chat

pytestmark = pytest.mark.redis

A_FEW_SECONDS = 4.5


def test_product_works_without_redis_and_detects_its_return(
    stage: Stage, redis_server: RedisServer
) -> None:
    """Web and bot are separate processes here: only Redis, or polling, notifies the bot."""
    stage.settings["REDIS_URL"] = redis_server.url
    stage.set_up()
    web = stage.start_web()
    stage.start_bot()
    web.wait_well()
    stage.wait_subscribed()
    channels = channels_of(stage)
    assert slowest_call(stage, channels, "Before") < A_FEW_SECONDS
    redis_is(web, "ok", "Answering.")

    redis_server.kill()
    assert slowest_call(stage, channels, "Meanwhile") < A_FEW_SECONDS
    redis_is(web, "warn", "Not answering")
    until(lambda: web.health()[0] == 200, "a product that is well all the same")
    health = stage.asked("nora", "!health")
    assert "Everything works, but a little slower" in health["description"]
    assert slowest(web, stage) < A_FEW_SECONDS

    redis_server.start()
    redis_is(web, "ok", "Answering.")
    assert slowest_call(stage, channels, "Afterwards") < A_FEW_SECONDS

    redis_server.freeze()  # it takes connections and never answers
    assert slowest(web, stage) < A_FEW_SECONDS
    redis_is(web, "warn", "Not answering")
    assert slowest(web, stage) < A_FEW_SECONDS
    assert slowest_call(stage, channels, "Frozen") < A_FEW_SECONDS
    redis_server.thaw()
    redis_is(web, "ok", "Answering.")
    assert slowest_call(stage, channels, "Thawed") < A_FEW_SECONDS


def slowest_call(stage: Stage, channels: Sequence[ChannelDriver], when: str) -> float:
    """Seconds from a call in chat to its post in Discord, on the slower platform."""
    took = []
    for channel in channels:
        slot = f"{when} on {channel.title}"
        channel.account(slot.lower(), f"Fan_{when}")
        watch = Stopwatch()
        channel.say(slot.lower(), f"!call {slot}")
        stage.post_about(slot)
        took.append(watch.seconds)
    return max(took)


def slowest(web: Product, stage: Stage) -> float:
    """Seconds that the slowest of a few webhooks of both platforms takes, in real time: who
    waits for Redis uses no processor."""
    kick, twitch = WebhookSender(web.url, stage.key), twitch_webhooks(stage)
    took = []
    for number in range(6):
        text, began = f"line {number}", time.monotonic()
        answer = twitch.deliver(twitch_chat(text)) if number % 2 else kick.deliver(chat(text))
        assert answer.status_code == 200
        took.append(time.monotonic() - began)
    return max(took)


def redis_is(web: Product, state: str, reason: str) -> None:
    until(
        lambda: (part := web.part("Redis")).get("state") == state and reason in part["reason"],
        f"Redis: {state}, {reason}",
    )
