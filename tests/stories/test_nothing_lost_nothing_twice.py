"""Kill -9 at any moment and duplicate deliveries do not change the result."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.kick.signing import SigningKey
from tests.stories.channels import connect_twitch
from tests.stories.product import Product
from tests.stories.stage import SHORT_LEASE, Stage, open_stage
from tests.stories.stream import (
    PATIENT,
    REPLIES,
    SETTLED_SECONDS,
    TWITCH_VIEWERS,
    VIEWERS,
    WATCHED,
    Effects,
    Flood,
    TwitchStream,
    effects,
    moments,
    wait_settled,
    write,
)
from tests.stories.webhooks import WebhookSender

SEEDS = (20261121, 7)
KILLS = 2


@pytest.mark.timeout(900)
def test_random_kills_do_not_change_results(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with ExitStack() as stack, ThreadPoolExecutor(len(SEEDS) + 1) as plays:
        stages = []
        for seed in (None, *SEEDS):
            folder = tmp_path / str(seed)
            folder.mkdir()
            opened = open_stage(folder, postgres_url, signing_key, TWITCH_EVENTSUB="webhook")
            stages.append(stack.enter_context(opened))
            stages[-1].waits = SHORT_LEASE | PATIENT
        undisturbed, *others = plays.map(_play, stages, (None, *SEEDS), [now] * len(stages))
        assert len(undisturbed["calls"]) == len(undisturbed["posts"]) == 2 * len(WATCHED)
        assert len(undisturbed["replies"]) == REPLIES * len(VIEWERS)
        assert len(undisturbed["replies_on_twitch"]) == REPLIES * len(TWITCH_VIEWERS)
        assert dict(undisturbed["watched"]) == WATCHED
        assert undisturbed["dead_letters"] == undisturbed["said_twice"] == []
        for seed, disturbed in zip(SEEDS, others, strict=True):
            assert disturbed == undisturbed, f"seed {seed}"


def _play(stage: Stage, seed: int | None, now: datetime) -> Effects:
    product = stage.start()
    product.wait_well()
    stage.wait_subscribed()
    connect_twitch(stage)
    on_kick, on_twitch = write(stage, now), TwitchStream(stage.twitch, now)
    with Flood(WebhookSender(product.url, stage.key), on_kick, seed or 0, on_twitch) as flood:
        if seed is not None:
            # Slow vendors, so that a kill meets something that is under way; and some of their
            # answers get lost, although they did what was asked.
            stage.discord.fault(rest_slow_ms=100, rest_lost_answer=2)
            stage.kick.fault(api__slow_ms=100, chat__lost_reply=2)
            stage.twitch.fault(api__slow_ms=100, api__only="chat/messages", api__lost_answer=1)
            product = _disturb(stage, product, flood, random.Random(seed))
        flood.wait()
    stage.twitch.settle(SETTLED_SECONDS)
    wait_settled(stage, SETTLED_SECONDS)
    return effects(stage)


def _disturb(stage: Stage, product: Product, flood: Flood, dice: random.Random) -> Product:
    """Kill the whole product, or only gunicorn's worker, which the master starts again."""
    for moment in moments(dice, KILLS, flood.total):
        flood.wait(taken=moment)
        if dice.random() < 0.5:
            product.kill_worker()
        else:
            product.kill()
            product = stage.start()
    return product
