"""Decisions based on Kick's list of subscriptions, and on missing webhooks."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kick.bodies import CHAT, WEBHOOK_KINDS
from core.kick.client import Subscription
from core.kick.intake.rules import (
    MONEY,
    authority,
    is_overdue,
    plan,
    silent_since,
    unfollowed,
)
from core.kit.tasks import slices
from tests.kick.rig import NOON, NORA, VERA

listings = st.lists(
    st.builds(
        Subscription,
        st.text("01234", min_size=4, max_size=4),
        st.just(NORA),
        st.sampled_from([*WEBHOOK_KINDS, "channel.raided"]),
    ),
    unique_by=lambda one: one.id,
)


@given(listings, st.sets(st.text("01234", min_size=4, max_size=4)))
def test_plan_leaves_exactly_one_subscription_of_each_kind(
    listed: list[Subscription], ours: set[str]
) -> None:
    wanted = plan(WEBHOOK_KINDS, listed, ours)
    left = [one.kind for one in listed if one.id not in wanted.surplus]
    assert sorted([*left, *wanted.missing]) == sorted(WEBHOOK_KINDS)
    assert set(wanted.kept.values()).isdisjoint(wanted.surplus)
    assert len(wanted.kept) + len(wanted.surplus) == len(listed)


def test_known_duplicate_is_kept_else_the_oldest() -> None:
    doubles = [Subscription(id, NORA, CHAT) for id in ("03", "01", "02")]
    assert plan([CHAT], doubles, ["02"]).kept == {CHAT: "02"}
    assert plan([CHAT], doubles, ["02"]).surplus == ("01", "03")
    assert plan([CHAT], doubles, []).kept == {CHAT: "01"}


def test_unfollowed_returns_subscriptions_of_other_channels() -> None:
    listed = [Subscription("1", NORA, CHAT), Subscription("2", VERA, CHAT)]
    assert unfollowed(listed, [NORA]) == ["2"]
    assert unfollowed(listed, []) == []


def test_slices_keep_every_item_in_order() -> None:
    ids = [str(number) for number in range(101)]
    cut = slices(ids, 50)
    assert [len(one) for one in cut] == [50, 50, 1]
    assert [id for one in cut for id in one] == ids
    assert slices([], 50) == []


@pytest.mark.parametrize("kind", WEBHOOK_KINDS)
@pytest.mark.parametrize("is_subscribed", [True, False])
@pytest.mark.parametrize("dual_mode", [True, False])
def test_feed_is_the_authority_only_for_unsubscribed_payments_in_dual_mode(
    kind: str, is_subscribed: bool, dual_mode: bool
) -> None:
    whose = authority(kind, is_subscribed=is_subscribed, dual_mode=dual_mode, chat_from_feed=False)
    feed = kind in MONEY and dual_mode and not is_subscribed
    assert whose == ("feed" if feed else "webhook")


def test_feed_is_the_chat_authority_only_if_configured() -> None:
    for subscribed in (True, False):
        assert (
            authority(CHAT, is_subscribed=subscribed, dual_mode=False, chat_from_feed=True)
            == "feed"
        )


def test_without_public_url_feed_is_the_authority_for_payments() -> None:
    """What Kick subscribed us to there never comes: an admin would have to credit every gift."""
    for kind in WEBHOOK_KINDS:
        for dual_mode in (True, False):
            whose = authority(kind, is_subscribed=True, dual_mode=dual_mode, chat_from_feed=True)
            assert whose == ("feed" if kind == CHAT or (kind in MONEY and dual_mode) else "webhook")


def before(**time: float) -> datetime:
    return NOON - timedelta(**time)


@pytest.mark.parametrize(
    ("started", "watched", "heard", "since"),
    [
        (before(hours=2), before(hours=1), before(minutes=3), before(minutes=3)),
        (before(minutes=2), before(hours=1), before(minutes=9), before(minutes=2)),
        (before(hours=2), before(minutes=1), None, before(minutes=1)),
        (before(hours=2), before(hours=3), None, before(hours=2)),
    ],
)
def test_silence_starts_when_events_could_be_received(
    started: datetime, watched: datetime, heard: datetime | None, since: datetime
) -> None:
    assert silent_since(started, watched, heard) == since


def test_overdue_after_the_configured_minutes_and_never_with_zero() -> None:
    assert not is_overdue(before(minutes=4, seconds=59), NOON, 5)
    assert is_overdue(before(minutes=5), NOON, 5)
    assert not is_overdue(before(days=1), NOON, 0)
