"""Changes of points: made once, whatever happens to the answer."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.kit.errors import Refusal
from core.streamelements import actions, bulk
from core.streamelements.client import client_of
from core.streamelements.discord import render_unclear
from core.streamelements.rules import LOOKS, Holder
from tests.conftest import GUILD
from tests.streamelements.conftest import ADMIN, BEAN, MADCATS, YUKI, Desk

BULK = "PUT /points/"


def calls(desk: Desk) -> int:
    """Calls that change balances, so far."""
    return sum(1 for call in desk.streamelements.calls() if call.startswith(BULK))


def test_one_call_changes_everybody_and_refuses_who_has_too_little(desk: Desk) -> None:
    desk.connect()
    before = calls(desk)
    assert desk.run("heist:1:stakes", madcats=-3000, lil_bean=-4001, nobody=-1) == "settled"
    assert calls(desk) == before + 1
    assert {k: desk.points()[k] for k in (MADCATS, BEAN)} == {MADCATS: 0, BEAN: 4000}
    assert desk.settled() == [("heist:1:stakes", [1], [2, 3])]


def test_a_key_is_performed_once(desk: Desk) -> None:
    desk.connect()
    desk.run("pay", madcats=10)
    assert desk.queue("pay", madcats=10) is False
    bulk.perform_due(desk.services)
    assert desk.points()[MADCATS] == 3010


@pytest.mark.parametrize(
    ("fault", "outcome", "points"),
    [
        ("lost", "applied", 3010),
        ("500_applied", "applied", 3010),
        ("lost_before", "refused", 3000),
    ],
)
def test_lost_answer_is_settled_by_reading_the_balances(
    desk: Desk, fault: str, outcome: str, points: int
) -> None:
    desk.connect()
    desk.streamelements.fault(**{f"_{fault}": 1})
    state = desk.run("pay", madcats=10, lil_bean=20)
    assert state == ("settled" if outcome == "applied" else "sending"), "it may be made late"
    desk.look_again()
    assert desk.outcomes("pay") == {MADCATS: outcome, BEAN: outcome}
    assert desk.points()[MADCATS] == points
    [(_key, applied, refused)] = desk.settled()
    assert (applied, refused) == (([2, 1], []) if points > 3000 else ([], [2, 1]))
    told = desk.rows("SELECT payload FROM outbox_messages WHERE kind = 'streamelements.not_made'")
    assert len(told) == (outcome == "refused"), "nothing is refused without a word"


def test_a_change_that_is_made_late_is_no_refusal(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(lost_before=1)
    assert desk.run("stakes", madcats=-100, lil_bean=-100, yuki_snow=-100) == "sending"
    before = calls(desk)
    for login, points in ((MADCATS, 2900), (BEAN, 3905)):  # 40 s later, and somebody has earned
        desk.streamelements.set_points(login, points)
    desk.look_again()
    assert desk.outcomes("stakes") == {MADCATS: "applied", BEAN: "applied", YUKI: "refused"}
    assert desk.settled() == [("stakes", [2, 1], []), ("stakes", [], [3])]
    assert calls(desk) == before, "it is never made again"


def test_each_viewer_is_judged_alone(desk: Desk) -> None:
    """The call was made for some of them, while one earned and one spent points."""
    desk.connect()
    desk.streamelements.fault(partly=1)
    desk.run("pay", lil_bean=1000, madcats=1000, yuki_snow=1000)
    desk.streamelements.set_points(MADCATS, 3005)
    desk.streamelements.set_points(YUKI, 4600)
    desk.look_again()
    assert desk.outcomes("pay") == {BEAN: "applied", MADCATS: "refused", YUKI: "unclear"}
    assert desk.operation("pay").state == "unclear"
    assert desk.settled() == [("pay", [1], []), ("pay", [], [2])]
    [(payload,)] = desk.rows(
        "SELECT payload FROM outbox_messages WHERE kind = 'streamelements.unclear'"
    )
    assert (payload["count"], payload["rows"][0]["viewer"]) == (1, YUKI)
    assert "yuki\\_snow: +1,000 · had 5,000, now 4,600" in str(
        render_unclear(payload).embed.description
    )


def test_everybody_who_earned_in_between_is_still_settled(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(lost=1, tick=5)
    assert desk.run("pay", madcats=130, lil_bean=12, yuki_snow=200) == "settled"
    assert set(desk.outcomes("pay").values()) == {"applied"}


def test_other_changes_of_ours_in_between_are_known(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(lost_before=1)
    desk.run("first", madcats=-100)
    assert desk.run("second", madcats=-60) == "settled"
    desk.look_again()
    assert desk.outcomes("first") == {MADCATS: "refused"}
    assert desk.points()[MADCATS] == 2940


@pytest.mark.parametrize("was_applied", [True, False])
def test_admins_decide_what_stays_unclear(desk: Desk, was_applied: bool) -> None:
    desk.connect()
    desk.streamelements.fault(lost=1, tick=7)
    assert desk.run("pay", madcats=10, lil_bean=10) == "sending"
    desk.look_again()
    assert desk.settled() == []
    before = calls(desk)
    bulk.perform_due(desk.services)  # nothing happens by itself
    assert calls(desk) == before
    number = desk.operation("pay").number
    with desk.services.work_in(GUILD, ADMIN) as work:
        actions.decide(work, number, applied=True, login=BEAN)
    assert desk.operation("pay").state == "unclear"
    with desk.services.work_in(GUILD, ADMIN) as work:
        actions.decide(work, number, applied=was_applied)
    mine = ("pay", [1], []) if was_applied else ("pay", [], [1])
    assert (desk.settled(), desk.operation("pay").state) == ([("pay", [2], []), mine], "settled")
    with pytest.raises(Refusal, match="settled"), desk.services.work_in(GUILD, ADMIN) as work:
        actions.decide(work, number, applied=True)


def test_killed_process_does_not_send_again(desk: Desk) -> None:
    desk.connect()
    desk.queue("pay", madcats=10)
    number = desk.operation("pay").number
    with desk.services.work_in(GUILD) as work:
        actions.prepare(work, number, {MADCATS: Holder(MADCATS, 3000)})
    desk.streamelements.set_points(MADCATS, 3010)  # the call was made; then the process died
    before = calls(desk)
    bulk.perform_due(desk.services)
    assert (desk.operation("pay").state, calls(desk)) == ("settled", before)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deltas=st.lists(st.sampled_from([-500, -40, 60, 900]), min_size=3, max_size=3),
    made_at=st.lists(st.sampled_from(["call", "late", "never"]), min_size=3, max_size=3),
    earned=st.lists(st.integers(0, 600), min_size=3, max_size=3),
)
def test_whatever_happens_points_are_changed_once_and_no_verdict_is_wrong(
    desk: Desk, deltas: list[int], made_at: list[str], earned: list[int]
) -> None:
    """A viewer's change is made at once, late or never, and they earn points in between. A verdict
    is right unless they earned half of the change."""
    desk.connect()
    everybody = dict(
        zip((MADCATS, BEAN, YUKI), zip(deltas, made_at, earned, strict=True), strict=True)
    )
    held = dict.fromkeys(everybody, 10_000)

    def change(when: str) -> None:
        for login, (delta, at, gain) in everybody.items():
            held[login] += (delta if at == when else 0) + (gain if when == "late" else 0)
            desk.streamelements.set_points(login, held[login])

    change("")
    desk.streamelements.fault(lost_before=1)
    key = f"round {len(desk.rows('SELECT 1 FROM streamelements_operations'))}"
    desk.queue(key, **{login: delta for login, (delta, _at, _gain) in everybody.items()})
    before = calls(desk)
    bulk.perform_due(desk.services)
    change("call")
    desk.later += LOOKS[1] + timedelta(milliseconds=1)
    bulk.perform_due(desk.services)
    change("late")
    desk.look_again()
    assert calls(desk) == before + 1
    for login, outcome in desk.outcomes(key).items():
        delta, at, gain = everybody[login]
        truth = "refused" if at == "never" else "applied"
        assert outcome == truth if 2 * gain < abs(delta) else outcome is not None


def test_429_waits_as_long_as_asked(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(_429=1, retry_after_s=30)
    assert desk.run("pay", madcats=10) == "waiting"
    bulk.perform_due(desk.services)
    assert desk.points()[MADCATS] == 3000
    desk.later += desk.operation("pay").try_at - desk.operation("pay").queued_at
    bulk.perform_due(desk.services)
    assert desk.points()[MADCATS] == 3010


def test_refused_token_is_reported_and_the_change_waits(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(_401=True)
    assert desk.run("pay", madcats=10) == "waiting"
    [(kind,)] = desk.rows("SELECT kind FROM outbox_messages")
    assert kind == "guilds.reconnect"
    with desk.services.database.begin() as tx:
        [health] = actions.ACCOUNT.check_health(tx, desk.services.clock())
    assert (health.state, health.guild_id) == ("warn", GUILD)
    assert "StreamElements has ended the connection of NoraPlays." in health.reason
    with pytest.raises(Refusal, match="has ended"), desk.services.work_in(GUILD) as work:
        actions.get_account(work)
    desk.streamelements.fault(_401=False)
    desk.connect()
    desk.later += desk.operation("pay").try_at - desk.operation("pay").queued_at
    bulk.perform_due(desk.services)
    assert desk.operation("pay").state == "settled"


def test_many_balances_are_read_from_the_list(desk: Desk) -> None:
    desk.connect()
    before = len(desk.streamelements.calls())
    names = {f"viewer{number}": 5 for number in range(30)}
    assert desk.run("pay", **names) == "settled"
    assert desk.run("stakes", **dict.fromkeys(names, -5)) == "settled"
    assert len(desk.streamelements.calls()) - before == 1 + 30 + 1 + 1 + 1
    assert desk.points()[YUKI] == 5000


def test_token_is_encrypted_and_checked(desk: Desk) -> None:
    with pytest.raises(Refusal, match="not a JWT"):
        bulk.connect(desk.services, GUILD, "hello", ADMIN)
    with pytest.raises(Refusal, match="rejected this token"):
        bulk.connect(desk.services, GUILD, "a" * 20 + "." + "b" * 20 + "." + "c" * 20, ADMIN)
    assert desk.connect() == "NoraPlays"
    token = desk.streamelements.channel()["jwt"]
    [(sealed,)] = desk.rows("SELECT token FROM streamelements_accounts")
    assert token not in sealed
    [first, *_] = client_of(desk.services.settings).top(
        token, desk.streamelements.channel()["id"], alltime=True
    )
    assert first.points > 0


def test_open_changes_keep_the_account(desk: Desk) -> None:
    desk.connect()
    desk.queue("pay", madcats=10)
    with pytest.raises(Refusal, match="still open"), desk.services.work_in(GUILD, ADMIN) as work:
        actions.ACCOUNT.delete(work)
    bulk.perform_due(desk.services)
    with desk.services.work_in(GUILD, ADMIN) as work:
        assert actions.ACCOUNT.delete(work) is not None
