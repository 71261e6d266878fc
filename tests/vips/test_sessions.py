"""VIP by hand and from other sources, its end, and concurrent changes on Twitch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.events import (
    BitsCheered,
    Person,
    PointsSpent,
    RaffleWon,
    SubscriptionEnded,
    SubscriptionStarted,
)
from core.kit.database.work import ACROSS_GUILDS, read_records
from core.kit.errors import Refusal
from core.outbox.records import Outgoing
from core.people import actions as people
from core.people import store as links
from core.vips import actions, sources, store
from core.vips.feature import FEATURE
from core.vips.rules import short_duration
from tests.conftest import GUILD, OTHER_GUILD
from tests.slot_calls.scene import chat_message
from tests.twitch.rig import MIA, NORA, VERA, someone
from tests.vips.rig import MIA_ACCOUNT, Scene

VERA_ACCOUNT = Person(user_id=VERA, name="Vera")


def give(scene: Scene, account: Person = MIA_ACCOUNT, minutes: int | None = 60) -> None:
    scene.do(actions.give, account, minutes)
    scene.work()


def channel_event(scene: Scene, kind: type[Any], key: str = "k", **values: Any) -> Any:
    given = {"key": key, "guild_id": GUILD, "at": scene.installation.clock(), "platform": "twitch"}
    return kind(**given, channel_id=NORA, **values)


def test_given_vip_ends_by_itself(scene: Scene) -> None:
    give(scene, minutes=None)
    assert scene.vips == ["mia"]
    scene.later(hours=11)
    assert scene.vips == ["mia"]
    scene.later(hours=1)
    assert scene.vips == []
    (session,) = scene.sessions()
    assert (session.state, session.end_reason) == ("ended", "expired")
    assert scene.acts() == ["granted", "ended"]


@pytest.mark.parametrize("streamer", [None, NORA])
def test_log_names_who_gave_and_took_vip(scene: Scene, streamer: int | None) -> None:
    """Twitch confirms both later, when the bot is at work."""
    moderator = 0 if streamer else 4711
    services = scene.installation.services
    with services.work_in(GUILD, moderator, streamer=streamer) as work:
        actions.give(work, MIA_ACCOUNT, 60)
    scene.work()
    with services.work_in(GUILD, moderator, streamer=streamer) as work:
        actions.extend(work, scene.session.number, 60)
        actions.revoke(work, scene.session.number)
    scene.work()
    entries = scene.do(store.list_activity, store.ActivityFilter(), 10)
    assert {entry.act for entry in entries} == {"granted", "extended", "ended"}
    assert {(one.actor, one.by_streamer) for one in entries} == {(moderator, streamer is not None)}
    give(scene)
    scene.later(hours=2)
    ended = scene.do(store.list_activity, store.ActivityFilter(), 10)[0]
    assert (ended.reason, ended.actor, ended.by_streamer) == ("expired", 0, False)


def test_servers_are_looked_at_only_when_something_is_due(scene: Scene) -> None:
    give(scene, minutes=2)
    scene.later(seconds=6)
    assert scene.runner.list_due() == []
    scene.installation.clock.forward(minutes=2)
    assert scene.runner.list_due() == [GUILD], "an end"
    scene.work()
    assert scene.runner.list_due() == []
    scene.installation.clock.forward(minutes=3)
    assert scene.runner.list_due() == [GUILD], "time to look for missed redemptions"


def test_without_auto_removal_vip_stays(scene: Scene) -> None:
    scene.set(auto_remove=False)
    give(scene)
    scene.later(days=3)
    assert scene.vips == ["mia"]
    assert scene.session.state == "active"


def test_extension_adds_to_the_end_also_while_it_is_being_removed(scene: Scene) -> None:
    give(scene)
    ends_at = scene.session.ends_at
    assert ends_at is not None
    assert scene.do(actions.extend, scene.session.number, 30).ends_at == ends_at + timedelta(
        minutes=30
    )
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=2)
    scene.later(hours=2)
    assert [session.state for session in scene.sessions()] == ["ending"]
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.later(minutes=1)
    assert scene.session.state == "active"
    assert scene.session.ends_at is not None
    assert scene.session.ends_at > scene.installation.clock()
    assert scene.vips == ["mia"]
    assert len(scene.sessions()) == 1


def test_removal_whose_answer_was_lost_is_not_repeated_blindly(scene: Scene) -> None:
    give(scene)
    scene.later(minutes=55)
    scene.installation.clock.forward(minutes=6)
    scene.installation.twitch.fault(api__only="/channels/vips", api__lost_answer=1)
    scene.work()
    assert scene.vips == []
    scene.later(minutes=1)
    (session,) = scene.sessions()
    assert session.state == "ended"


@pytest.mark.parametrize("heard", [True, False])
def test_vip_removed_on_twitch_ends_the_session(scene: Scene, heard: bool) -> None:
    give(scene)
    scene.installation.clock.forward(minutes=11)
    scene.installation.twitch.do("vip", person="mia", ends=True)
    if heard:
        scene.hear_vip("vip.remove", "mia")
    scene.work()
    (session,) = scene.sessions()
    assert (session.state, session.end_reason) == ("ended", "removed_on_twitch")
    # Whom the streamer makes VIP afterwards stays so.
    scene.installation.twitch.do("vip", person="mia")
    scene.later(days=2)
    assert scene.vips == ["mia"]


def test_removed_and_made_vip_by_hand_at_once_is_no_longer_ours(scene: Scene) -> None:
    give(scene)
    scene.installation.clock.forward(minutes=5)
    for ends in (True, False):
        scene.installation.twitch.do("vip", person="mia", ends=ends)
    scene.hear_vip("vip.remove", "mia")
    scene.hear_vip("vip.add", "mia")
    scene.later(days=1)
    assert scene.vips == ["mia"]
    assert scene.do(store.list_live) == []


def test_own_echo_does_not_end_a_session(scene: Scene) -> None:
    give(scene)
    scene.hear_vip("vip.remove", "mia")
    scene.hear_vip("vip.add", "mia")
    scene.later(minutes=5)
    assert scene.session.state == "active"


@pytest.mark.parametrize("heard", [[], ["moderator.add"], ["vip.remove", "moderator.add"]])
def test_new_moderator_ends_it_with_a_note(scene: Scene, heard: list[str]) -> None:
    give(scene)
    scene.installation.clock.forward(minutes=11)
    scene.installation.twitch.do("moderator", person="mia")
    for event in heard:
        scene.hear_vip(event, "mia")
    scene.work()
    (session,) = scene.sessions()
    assert (session.state, session.end_reason) == ("ended", "moderator")


def test_manual_vip_is_listed_and_can_be_adopted(scene: Scene) -> None:
    scene.installation.twitch.do("vip", person="mia")
    scene.later(minutes=11)
    (known,) = scene.do(store.list_manual)
    with pytest.raises(Refusal, match="from Twitch"):
        scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.do(actions.adopt, known.viewer_id, 60)
    assert scene.do(store.list_manual) == []
    scene.later(hours=2)
    assert scene.vips == []


def test_forty_ends_at_once_stay_under_twitchs_limit(scene: Scene) -> None:
    """Its limit, ten changes in ten seconds, runs on the same clock as we do."""
    twitch, people = scene.installation.twitch, [f"v{number}" for number in range(40)]
    twitch.do("slots", count=100)
    twitch.do("vip", person="vera")
    for person in people:
        made = twitch.do("account", handle=person, name=person)
        scene.do(actions.give, Person(user_id=made["user_id"], name=person), 600)
    assert _pass(scene, lambda: len(scene.vips) == 41) >= 40
    scene.later(hours=11)
    twitch.fault(vip__seconds=11 * 3600)
    assert _pass(scene, lambda: scene.do(store.list_live) == []) >= 40
    assert scene.vips == ["vera"], "a VIP by hand stays"
    assert scene.channel["limited"] == 0
    assert scene.acts() == ["granted"] * 40 + ["ended"] * 40


def _pass(scene: Scene, is_done: Callable[[], bool]) -> float:
    """Advance the clock here and on the fake Twitch; returns the seconds it took."""
    began = scene.installation.clock()
    while not is_done():
        scene.later(seconds=2)
        scene.installation.twitch.fault(vip__seconds=scene.installation.clock.by.total_seconds())
        assert scene.installation.clock() - began < timedelta(minutes=5)
    return (scene.installation.clock() - began).total_seconds()


def test_everybody_is_extended(scene: Scene) -> None:
    give(scene)
    give(scene, VERA_ACCOUNT)
    before = {one.number: one.ends_at for one in scene.do(store.list_live)}
    assert scene.do(actions.extend_all, 60) == 2
    for one in scene.do(store.list_live):
        was = before[one.number]
        assert was is not None
        assert one.ends_at == was + timedelta(hours=1)


@pytest.mark.parametrize(("counts", "vips"), [(True, ["mia"]), (False, [])])
def test_gifted_subscription_counts_unless_a_setting_says_otherwise(
    scene: Scene, counts: bool, vips: list[str]
) -> None:
    scene.set(subscription="fixed", gifted_subs=counts)
    scene.hear("channel.subscribe", someone() | {"tier": "1000", "is_gift": True})
    scene.work()
    assert scene.vips == vips


def test_subscription_gives_a_fixed_time(scene: Scene) -> None:
    scene.set(subscription="fixed", subscription_hours=3)
    mia = Person(user_id=MIA, name="MadCats")
    scene.handle(channel_event(scene, SubscriptionStarted, subscriber=mia))
    scene.work()
    assert (scene.session.source, scene.session.minutes) == ("subscription", 180)


@pytest.mark.parametrize("heard", [True, False])
def test_vip_lasts_as_long_as_the_subscription(scene: Scene, heard: bool) -> None:
    scene.set(subscription="while_subscribed")
    mia = Person(user_id=MIA, name="MadCats")
    scene.installation.twitch.do("subscribe", person="mia")
    scene.handle(channel_event(scene, SubscriptionStarted, subscriber=mia))
    scene.work()
    scene.later(days=40)
    assert scene.vips == ["mia"]
    scene.installation.twitch.do("unsubscribe", person="mia")
    if heard:
        scene.handle(channel_event(scene, SubscriptionEnded, subscriber=mia))
    scene.later(minutes=11)
    scene.work()
    assert scene.vips == []
    assert scene.sessions()[0].end_reason == "unsubscribed"


def test_bits_at_once_make_vip(scene: Scene) -> None:
    scene.set(bits=100)
    mia, vera = Person(user_id=MIA, name="MadCats"), Person(user_id=VERA, name="Vera")
    scene.handle(channel_event(scene, BitsCheered, sender=vera, amount=99))
    scene.handle(channel_event(scene, BitsCheered, sender=mia, amount=100))
    scene.work()
    assert scene.vips == ["mia"]


def test_raffle_winner_gets_vip(scene: Scene) -> None:
    scene.set(raffle_hours=24)
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    on_kick = scene.do(
        lambda work: people.get_or_create_person(
            work.tx, GUILD, "kick", Person(user_id=9, name="KickOnly"), work.now
        )
    )
    for who in (viewer_id, on_kick):
        won = RaffleWon(
            key=f"1.{who}", guild_id=GUILD, at=scene.installation.clock(), viewer_id=who, raffle=1
        )
        scene.handle(won)
    scene.work()
    assert scene.vips == ["mia"]
    assert [post["what"] for post in scene.posts("vips.alert")] == ["raffle_unlinked"]


@pytest.mark.parametrize("slots", [10, 0])
def test_vip_is_bought_with_points(scene: Scene, slots: int) -> None:
    scene.installation.twitch.do("slots", count=slots)
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    scene.handle(_bought(scene, viewer_id, "purchase-1", days=3))
    scene.work()
    (session,) = scene.sessions()
    assert (session.source, session.minutes) == ("points", 3 * 24 * 60)
    assert (scene.vips, _returned(scene)) == ((["mia"], []) if slots else ([], ["purchase-1"]))


def _bought(scene: Scene, viewer_id: int, key: str, days: int = 1) -> PointsSpent:
    return PointsSpent(
        key=key,
        guild_id=GUILD,
        at=scene.installation.clock(),
        viewer_id=viewer_id,
        offer="vips.day",
        quantity=days,
        points=1000 * days,
    )


def _returned(scene: Scene) -> list[str]:
    """Keys of the purchases whose points went back."""
    sql = "SELECT body->>'key' FROM inbox_deliveries WHERE kind = 'PointsPurchaseRefused'"
    return sorted(key for (key,) in scene.installation.rows(sql))


def test_every_purchase_that_waited_is_returned_when_twitch_declines(scene: Scene) -> None:
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    for key in ("one", "two"):
        scene.handle(_bought(scene, viewer_id, key))
    scene.installation.twitch.do("slots", count=0)
    scene.work()
    assert (scene.vips, _returned(scene)) == ([], ["one", "two"])


def test_purchases_are_returned_when_vip_is_taken_away_before_twitch_confirms(scene: Scene) -> None:
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    scene.handle(_bought(scene, viewer_id, "one"))
    scene.do(actions.revoke, scene.session.number)
    assert _returned(scene) == ["one"]


def test_only_what_twitch_has_not_confirmed_is_returned(scene: Scene) -> None:
    """Bought, confirmed, expired, and bought again while it was being removed."""
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    scene.handle(_bought(scene, viewer_id, "one"))
    scene.work()
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=2)
    scene.later(days=1)
    scene.handle(_bought(scene, viewer_id, "two"))
    scene.installation.twitch.do("vip", person="mia", ends=True)
    scene.installation.twitch.do("ban", person="mia")
    scene.later(minutes=1)
    assert _returned(scene) == ["two"]


def test_watchtime_makes_vip_once(scene: Scene) -> None:
    scene.set(watch_hours=10, watch_vip_hours=1)
    viewer_id = scene.do(actions.get_viewer_id, MIA_ACCOUNT)
    scene.installation.rows(
        "INSERT INTO watchtime_totals (guild_id, viewer_id, credited, adjusted)"
        " VALUES (:guild_id, :viewer_id, '10 hours', '0') RETURNING 1",
        guild_id=GUILD,
        viewer_id=viewer_id,
    )
    for _time in range(2):
        sources.give_for_watchtime(scene.installation.services)
        scene.later(hours=2)
        scene.work()
    assert [session.source for session in scene.sessions()] == ["watchtime"]


def test_viewer_is_warned_once(scene: Scene) -> None:
    scene.set(warn_percent=80)
    give(scene)
    for _time in range(3):
        scene.later(minutes=17)
    (told,) = [one for one in scene.chat() if "ends in" in one]
    assert told.startswith("@MadCats Your VIP ends in ")


def test_linked_viewer_is_warned_by_message_or_else_in_chat(scene: Scene) -> None:
    scene.set(warn_percent=80)
    give(scene)
    viewer_id, now = scene.session.viewer_id, scene.installation.clock()
    scene.do(lambda work: links.add_link(work.tx, GUILD, 4711, "twitch", viewer_id, now))
    scene.later(minutes=49)
    assert len(scene.posts("vips.warning")) == 1
    assert not [one for one in scene.chat() if "ends in" in one]
    with scene.installation.services.database.begin() as tx:
        warnings = select(Outgoing).where(Outgoing.kind == "vips.warning")
        (message,) = read_records(tx, warnings.execution_options(**ACROSS_GUILDS))
        FEATURE.settles["vips.warning"](tx, message, {"message_id": 1}, now)
    assert not [one for one in scene.chat() if "ends in" in one], "they have the message"
    with scene.installation.services.database.begin() as tx:
        FEATURE.settles["vips.warning"](tx, message, {"skipped": "closed"}, now)
    (told,) = [one for one in scene.chat() if "ends in" in one]
    assert told.startswith("@MadCats Your VIP ends in ")


def test_vip_command_tells_the_time_left(scene: Scene) -> None:
    give(scene, minutes=600)
    for user_id in (MIA, VERA):
        message = chat_message(GUILD, "!vip", user_id=user_id, platform="twitch")
        message = replace(message, at=scene.installation.clock())  # an old one is not answered
        with scene.installation.services.work_in(GUILD) as work:
            sources.reply_with_time_left(work, message, "")
    replies = scene.chat()[-2:]
    assert "VIP for another" in replies[0]
    assert "not a VIP" in replies[1]


def test_forgotten_viewer_loses_vip_and_is_unknown(scene: Scene) -> None:
    give(scene)
    scene.do(lambda work: sources.end_before_forget(work, (scene.session.viewer_id,)))
    scene.work()
    assert scene.vips == []
    (session,) = scene.sessions()
    assert (session.end_reason, session.twitch_user_id) == ("forgotten", 0)


def test_time_across_a_change_of_clocks_is_exact(scene: Scene) -> None:
    """An hour of VIP is an hour, whatever clocks on the wall do."""
    spring = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    scene.installation.clock.by += spring - scene.installation.clock()
    give(scene, minutes=120)
    started, ends = scene.session.started_at, scene.session.ends_at
    assert started is not None
    assert ends is not None
    assert ends - started == timedelta(hours=2)


def test_second_server_of_a_channel_leaves_its_vips_alone(scene: Scene) -> None:
    installation = scene.installation
    give(scene)
    installation.connect(guild_id=OTHER_GUILD)
    second = Scene(installation, scene.runner, OTHER_GUILD)
    second.work()
    with pytest.raises(Refusal, match="managed by"):
        second.do(actions.give, VERA_ACCOUNT, 60)
    assert second.do(store.list_live) == []
    assert second.runner.list_due() == [], "nothing is looked at again and again"
    assert [one.viewer_name for one in second.do(store.list_manual)] == ["MadCats"]
    second.later(hours=3)
    assert scene.vips == ["mia"], "only the server that made them VIP takes it away"
    scene.work()
    assert scene.vips == []


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        (0, "less than a minute"),
        (0.6, "1 min"),
        (59.4, "59 min"),
        (59.9, "1 h 00 min"),
        (60, "1 h 00 min"),
        (119.98, "2 h 00 min"),
        (48 * 60 - 0.1, "2 days"),
        (47 * 60 + 59, "47 h 59 min"),
        (48 * 60, "2 days"),
        (49 * 60, "2 days 1 h"),
        (7 * 24 * 60 + 23 * 60, "7 days 23 h"),
    ],
)
def test_time_left_is_shown_in_days_hours_or_minutes(minutes: float, shown: str) -> None:
    assert short_duration(minutes) == shown
