"""Crediting happens exactly once, whoever requests it and whatever arrives late. Commits, worker
and Kick's API are real."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.events import KicksGifted, SubGifted, SubscriptionRenewed
from core.guilds import actions as guilds
from core.guilds.settings import ADMIN_CHANNEL
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick.intake import store as intake
from core.kick.review import actions, credit, tasks
from core.kit.errors import Outage, Refusal
from sandbox.kick.driver import KickDriver
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.review.scene import ADMIN, OTHER_ADMIN
from tests.kick.review.stage import (
    MIA,
    SAM,
    VERA,
    Stage,
    counted_giftees,
    gift_body,
    gifts,
    kicks,
    kicks_body,
)
from tests.kick.rig import NORA, follow


def test_missed_gift_is_credited_with_real_user_ids(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("SamOnKick", "VeraSpins"))
    stage.webhook("channel.subscription.gifts", gift_body(stage, (SAM, "samonkick")))
    stage.clock.forward(minutes=16)
    assert [each.receiver for each in stage.queue()[0]] == ["VeraSpins"]
    result = stage.credit(1)
    assert (result.count, result.unknown) == (1, ())
    assert counted_giftees(stage) == [SAM, VERA]
    gift = stage.counted[-1]
    assert isinstance(gift, SubGifted)
    assert gift.gifter is not None
    assert (gift.gifter.user_id, gift.source) == (MIA, "feed")
    assert ("kick.missed.credited", ADMIN) in stage.audit()
    assert stage.queue() == []


def test_two_admins_crediting_at_once_credit_once(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    assert stage.queue()

    def ask(actor: int) -> str:
        try:
            return str(credit.credit(stage.ours, GUILD, 1, actor).count)
        except Refusal as refusal:
            return refusal.what

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [ADMIN, OTHER_ADMIN] * 4))
    stage.work()
    assert answers.count("1") == 1
    assert sum("already credited" in each for each in answers) == 7
    assert len(stage.counted) == 1
    assert len(stage.audit()) == 1


def test_webhook_after_the_credit_does_not_count(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    late = gift_body(stage, (VERA, "VeraSpins"))
    stage.clock.forward(minutes=16)
    stage.queue()
    stage.credit(1)
    stage.webhook("channel.subscription.gifts", late)
    stage.webhook("channel.subscription.gifts", late)
    assert counted_giftees(stage) == [VERA]


def test_webhook_in_the_same_batch_as_the_credit_does_not_count(stage: Stage) -> None:
    """Both wait in the inbox, in this order, and are handled in one batch."""
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.queue()
    with stage.ours.database.begin() as tx:
        lane = f"kick:{NORA}"
        late = Delivery("kick.webhook", "late", "kicks.gifted", lane, kicks_body(), stage.clock.now)
        inbox.receive(tx, late)
    stage.credit(1)
    assert len(stage.counted) == 1


def test_webhook_before_the_credit_leaves_nothing_to_credit(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.queue()
    stage.webhook("kicks.gifted", kicks_body())
    with pytest.raises(Refusal, match="late webhook confirmed"):
        stage.credit(1)
    assert len(stage.counted) == 1


def test_credited_gift_matches_its_own_webhook_among_equal_ones(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("KicksGifted", kicks("t2", created_at="2026-05-01T12:00:01.212Z"))
    stage.webhook("kicks.gifted", kicks_body())
    stage.clock.forward(minutes=16)
    (missed,) = stage.queue()
    assert missed[0].at.second == 1
    stage.credit(missed[0].number or 0)
    stage.webhook("kicks.gifted", kicks_body())
    stage.webhook("kicks.gifted", kicks_body("2026-05-01T12:00:01.212Z"))
    assert len(stage.counted) == 2


def test_dismissed_event_still_counts_by_webhook(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.queue()
    stage.do(actions.decide, 1, "dismissed")
    with pytest.raises(Refusal, match="already dismissed"):
        stage.credit(1)
    stage.webhook("kicks.gifted", kicks_body())
    assert len(stage.counted) == 1


def test_unknown_names_stay_open(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins", "nobody_at_all"))
    stage.clock.forward(minutes=16)
    stage.queue()
    result = stage.credit(1)
    assert (result.count, result.unknown) == (1, ("nobody_at_all",))
    assert [each.receiver for each in stage.queue()[0]] == ["nobody_at_all"]
    with pytest.raises(Refusal, match="no user named nobody_at_all"):
        stage.credit(1)


def test_credit_applies_to_one_server(stage: Stage) -> None:
    follow(stage.ours.database, OTHER_GUILD)
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.queue()
    assert [missed[0].number for missed in stage.queue(OTHER_GUILD)] == [1]
    stage.credit(1)
    assert [event.guild_id for event in stage.counted] == [GUILD]
    assert [missed[0].number for missed in stage.queue(OTHER_GUILD)] == [1]


def test_feed_alone_counts_nothing(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("SubscriptionEvent", {"username": "MadCats", "months": 2})
    tasks.credit_from_feed(stage.ours)
    stage.work()
    assert stage.counted == []


KINDS = ("channel.subscription.gifts", "channel.subscription.renewal", "kicks.gifted")


def test_feed_events_count_immediately_where_the_feed_is_the_authority(
    stage: Stage,
) -> None:
    with stage.ours.database.begin() as tx:
        intake.set_authorities(
            tx, NORA, dict.fromkeys(KINDS, "feed"), stage.clock.now, overrule=True
        )
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("SubscriptionEvent", {"username": "MadCats", "months": 2})
    for _ in range(2):
        tasks.credit_from_feed(stage.ours)
        stage.work()
    stage.webhook("kicks.gifted", kicks_body())
    assert {type(event) for event in stage.counted} == {SubGifted, KicksGifted, SubscriptionRenewed}
    assert len(stage.counted) == 3
    stage.clock.forward(minutes=16)
    assert stage.queue() == []


def test_failed_lookup_for_one_server_does_not_block_the_others(
    stage: Stage, kick: KickDriver
) -> None:
    follow(stage.ours.database, OTHER_GUILD, SAM, "samonkick")
    with stage.ours.database.begin() as tx:
        for channel_id in (NORA, SAM):
            intake.set_authorities(
                tx, channel_id, dict.fromkeys(KINDS, "feed"), stage.clock.now, overrule=True
            )
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    stage.frame("KicksGifted", kicks("t1"), channel_id=SAM)
    kick.fault(api__500=1)
    with pytest.raises(Outage):
        tasks.credit_from_feed(stage.ours)
    stage.work()
    assert [event.guild_id for event in stage.counted] == [OTHER_GUILD]


def test_admins_are_alerted_once(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    with stage.ours.database.begin() as tx:
        act(tx, GUILD, guilds.change_setting, ADMIN_CHANNEL, 55, actor=ADMIN)
    stage.clock.forward(minutes=16)
    for _ in range(3):
        tasks.queue_missed(stage.ours)
    with stage.ours.database.begin() as tx:
        kinds = tx.execute(text("SELECT kind FROM outbox_messages")).scalars().all()
    assert kinds == ["kick.missed"]


def test_confirmed_items_are_deleted_after_a_month_and_decided_ones_are_kept(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.webhook("kicks.gifted", kicks_body())
    stage.frame("KicksGifted", kicks("t2", created_at="2026-05-01T12:00:09Z"))
    stage.clock.forward(minutes=16)
    stage.queue()
    stage.credit(1)
    stage.clock.now += timedelta(days=31)
    tasks.forget(stage.ours)
    with stage.ours.database.begin() as tx:
        left = tx.execute(text("SELECT state FROM kick_review_items")).scalars().all()
        told = tx.execute(text("SELECT count(*) FROM kick_recent_support")).scalar()
    assert (left, told) == (["credited"], 0)
