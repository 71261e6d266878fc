"""Heists with points at StreamElements: the real queue against the sandbox's StreamElements."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from core.events import PointsMoved, StreamElementsSettled
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.heist import actions, owed, store, tasks
from core.heist.feature import FEATURE as HEIST
from core.heist.health import check_health
from core.heist.rules import HeistSettings
from core.heist.store import View
from core.inbox.feature import FEATURE as INBOX
from core.inbox.handlers import Handler
from core.inbox.worker import Worker
from core.kit.database.connection import cache_of
from core.kit.errors import Refusal
from core.people import store as people
from core.points.rules import PointsSettings
from core.streamelements import actions as streamelements
from core.streamelements import bulk
from sandbox.serve import Sandbox
from tests.conftest import GUILD
from tests.points.scene import FEATURE as POINTS
from tests.slot_calls.scene import chat_message
from tests.streamelements.conftest import (  # noqa: F401
    ADMIN,
    BEAN,
    MADCATS,
    YUKI,
    Desk,
    desk,
    pretend,
    without_pauses,
)

START = {MADCATS: 3000, BEAN: 4000, YUKI: 5000}


@dataclass
class StreamElementsHeist:
    """A heist with StreamElements points, an hour ago so that the beacon has published its
    round."""

    desk: Desk
    worker: Worker

    def view(self) -> View:
        with self.desk.services.work_in(GUILD) as work:
            found = store.find_view(work)
            assert found is not None
            return found

    def join(self, login: str, text: str) -> None:
        with self.desk.services.database.begin() as tx:
            now = self.desk.services.clock()
            user_id = 1 + list(START).index(login)
            people.set_viewer(tx, GUILD, "twitch", user_id, login, now)
            message = chat_message(GUILD, text, platform="twitch", user_id=user_id, name=login)
            (command,) = (command for command in HEIST.chat_commands if "join" in command.names)
            cache_of(tx).clear()
            command.run(tx, [replace(message, at=now)])

    def wait(self, seconds: float) -> None:
        """Let time pass, then run the task."""
        self.desk.later += timedelta(seconds=seconds)
        tasks.run_heists(self.desk.services)

    def answer(self) -> None:
        """Send queued changes to StreamElements and handle its answers."""
        bulk.perform_due(self.desk.services)
        while self.worker.work_once():
            pass

    def until_payout(self) -> None:
        """Lock the crew and decide the heist; the winners are about to be paid."""
        self.wait(63)
        self.answer()
        self.wait(1)
        self.wait(20)
        assert self.view().heist.state == "paying"

    def changes(self) -> int:
        return sum(call.startswith("PUT /points/") for call in self.desk.streamelements.calls())

    def points(self) -> list[int]:
        return [self.desk.points()[login] for login in START]

    def count_messages(self, kind: str) -> int:
        sql = "SELECT count(*) FROM outbox_messages WHERE kind = :kind"
        return int(self.desk.rows(sql, kind=kind)[0][0])


@pytest.fixture
def game(desk: Desk, pretend: Sandbox) -> StreamElementsHeist:  # noqa: F811
    beacon = {k.lower(): v for k, v in pretend.env.items() if k.startswith("DRAND_")}
    settings = desk.services.settings.model_copy(update=beacon)
    object.__setattr__(desk.services, "settings", settings)
    desk.later = -timedelta(hours=1)
    desk.connect()
    handlers = {
        StreamElementsSettled: (Handler("points", POINTS.handlers[StreamElementsSettled]),),
        PointsMoved: (Handler("heist", HEIST.handlers[PointsMoved]),),
    }
    with desk.services.work_in(GUILD, ADMIN) as work:
        guilds.set_channel(work.tx, guilds.Channel(GUILD, "twitch", 99, "noraplays"))
        change_settings(work, PointsSettings, enabled=True, provider="streamelements")
        change_settings(
            work,
            HeistSettings,
            low_success_rate=100,
            low_multiplier_min=100,
            low_multiplier_max=100,
            high_success_rate=0,
        )
        actions.start(work)
    return StreamElementsHeist(
        desk, Worker(desk.services.database, INBOX.translates, handlers, desk.services.clock)
    )


def test_stakes_are_one_call_at_the_lock_and_the_payout_another(game: StreamElementsHeist) -> None:
    before = game.changes()
    game.join(MADCATS, "!join 1000")
    game.join(BEAN, "!join 4000 high")
    game.join(YUKI, "!join 50%")
    game.join(YUKI, "!join 5001")
    game.answer()
    assert (game.changes(), game.points()) == (before, [3000, 4000, 5000])
    assert [player.state for player in game.view().crew] == ["pending"] * 3
    game.wait(63)
    game.answer()
    assert game.changes() == before + 1, "all stakes in one call"
    game.wait(1)
    view = game.view()
    assert [(player.viewer_name, player.state) for player in view.crew] == [
        (MADCATS, "in"),
        (BEAN, "in"),
    ]
    assert [(player.viewer_name, player.reason) for player in view.refused] == [(YUKI, "balance")]
    assert game.points() == [2000, 0, 5000]
    game.wait(20)
    assert game.view().heist.state == "paying"
    game.answer()
    assert (game.changes(), game.view().heist.state) == (before + 2, "cooldown")
    assert game.points() == [3000, 0, 5000]


def test_a_share_of_a_balance_that_is_not_known_is_refused(game: StreamElementsHeist) -> None:
    game.join(MADCATS, "!join all")
    assert [player.reason for player in game.view().refused] == ["share"]


def test_whoever_is_not_confirmed_in_time_is_dropped_and_gets_the_stake_back(
    game: StreamElementsHeist,
) -> None:
    game.join(MADCATS, "!join 1000")
    game.desk.streamelements.fault(_429=1, retry_after_s=90)
    game.wait(63)
    game.answer()
    game.wait(70)
    assert game.view().heist.state == "locked", "it waits"
    game.wait(6)
    view = game.view()
    assert (view.heist.state, view.heist.end) == ("cancelled", "nobody")
    assert [player.reason for player in view.refused] == ["provider"]
    game.wait(60)
    game.answer()
    assert game.points()[0] == 2000, "StreamElements took it after all"
    game.answer()
    assert game.points()[0] == 3000


def test_stakes_that_are_taken_late_still_play(game: StreamElementsHeist) -> None:
    """The call was made 40 seconds after its answer was lost, and one viewer has earned points."""
    game.join(MADCATS, "!join 1000")
    game.join(BEAN, "!join 500")
    game.wait(63)
    game.desk.streamelements.fault(lost_before=1)
    game.answer()
    game.wait(40)
    game.desk.streamelements.set_points(MADCATS, 2005)
    game.desk.streamelements.set_points(BEAN, 3500)
    for _look in range(2):
        game.wait(12)
        game.answer()
    view = game.view()
    assert [player.state for player in view.crew] == ["in", "in"]
    assert (view.refused, game.count_messages("streamelements.not_made")) == ([], 0)


def test_one_stake_that_is_unclear_does_not_keep_the_others_out(game: StreamElementsHeist) -> None:
    game.join(MADCATS, "!join 1000")
    game.join(BEAN, "!join 500")
    game.wait(63)
    game.desk.streamelements.fault(partly=1)
    game.answer()
    for seconds in (70, 7):
        game.wait(seconds)
        game.answer()
    view = game.view()
    assert [(player.viewer_name, player.state) for player in view.crew] == [(BEAN, "in")]
    assert [(player.viewer_name, player.reason) for player in view.refused] == [
        (MADCATS, "provider")
    ]


def test_an_unclear_payout_waits_for_an_admin_and_the_next_heist_does_not(
    game: StreamElementsHeist,
) -> None:
    game.join(MADCATS, "!join 1000")
    game.until_payout()
    game.desk.streamelements.fault(lost_before=1)
    game.answer()
    game.desk.streamelements.set_points(MADCATS, 1500)  # spent some in between
    changes = game.changes()
    for _minute in range(8):
        game.wait(60)
        game.answer()
    assert game.count_messages("streamelements.unclear") == 1
    view = game.view()
    assert (view.heist.state, view.heist.is_unpaid) == ("done", True)
    with game.desk.services.work_in(GUILD, ADMIN) as work:
        assert actions.start(work).number == 2
    assert game.changes() == changes
    number = game.desk.operation("points:heist:1:pay").number
    with game.desk.services.work_in(GUILD, ADMIN) as work:
        streamelements.decide(work, number, applied=False)
    game.answer()
    with game.desk.services.work_in(GUILD) as work:
        first = store.find_view(work, 1)
    assert first is not None
    assert (first.heist.is_unpaid, first.owed, game.count_messages("heist.owed")) == (
        False,
        1000,
        1,
    )


def paid_again(game: StreamElementsHeist) -> None:
    with game.desk.services.work_in(GUILD, ADMIN) as work:
        owed.pay_again(work, 1)
    game.answer()
    assert game.points()[:2] == [3000, 4000]


def written_off(game: StreamElementsHeist) -> None:
    with game.desk.services.work_in(GUILD, ADMIN) as work:
        assert owed.write_off(work, 1) == 1500
    game.answer()
    assert game.points()[:2] == [2000, 3500]


@pytest.mark.parametrize("decide", [paid_again, written_off])
def test_a_refused_payout_is_shown_and_never_repeated_by_itself(
    game: StreamElementsHeist, decide: Callable[[StreamElementsHeist], None]
) -> None:
    game.join(MADCATS, "!join 1000")
    game.join(BEAN, "!join 500")
    game.until_payout()
    game.desk.streamelements.fault(lost_before=1)
    game.answer()
    changes = game.changes()
    for _minute in range(8):
        game.wait(60)
        game.answer()
    view = game.view()
    assert (view.heist.state, view.owed, game.changes()) == ("done", 1500, changes)
    assert game.count_messages("heist.owed") == 1
    with game.desk.services.database.begin() as tx:
        items = check_health(tx, game.desk.services.clock())
    assert [item.reason for item in items if item.state == "warn"] == ["Heist #1: payout refused."]
    decide(game)
    assert game.view().owed == 0
    with (
        pytest.raises(Refusal, match="no unpaid points"),
        game.desk.services.work_in(GUILD) as work,
    ):
        owed.pay_again(work, 1)


def test_a_refund_that_is_refused_is_owed_as_well(game: StreamElementsHeist) -> None:
    game.join(MADCATS, "!join 1000")
    game.wait(63)
    game.answer()
    with game.desk.services.work_in(GUILD, ADMIN) as work:
        actions.cancel(work)
    game.desk.streamelements.fault(lost_before=1)
    game.answer()
    for _minute in range(8):
        game.wait(60)
        game.answer()
    assert (game.points()[0], game.view().owed) == (2000, 1000)
