"""Changes of points: made once, whatever happens to the answer."""

import pytest

from core.kit.errors import Refusal
from core.streamelements import actions, bulk
from core.streamelements.client import client_of
from core.streamelements.health import check_accounts
from tests.conftest import GUILD
from tests.streamelements.conftest import ADMIN, BEAN, MADCATS, YUKI, Desk

BULK = "PUT /points/"


def calls(desk: Desk) -> int:
    """Calls that change balances, so far."""
    return sum(1 for one in desk.streamelements.calls() if one.startswith(BULK))


def test_one_call_changes_everybody_and_refuses_who_has_too_little(desk: Desk) -> None:
    desk.connect()
    before = calls(desk)
    assert desk.run("heist:1:stakes", madcats=-3000, lil_bean=-4001, nobody=-1) == "applied"
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
    ("fault", "state", "points"),
    [
        ("lost", "applied", 3010),
        ("500_applied", "applied", 3010),
        ("lost_before", "refused", 3000),
    ],
)
def test_lost_answer_is_settled_by_reading_the_balances(
    desk: Desk, fault: str, state: str, points: int
) -> None:
    desk.connect()
    desk.streamelements.fault(**{f"_{fault}": 1})
    assert desk.run("pay", madcats=10, lil_bean=20) == state
    bulk.perform_due(desk.services)
    assert desk.points()[MADCATS] == points
    [(_key, applied, refused)] = desk.settled()
    assert (applied, refused) == (([2, 1], []) if points > 3000 else ([], [2, 1]))


@pytest.mark.parametrize("was_applied", [True, False])
def test_admins_decide_what_stays_unclear(desk: Desk, was_applied: bool) -> None:
    desk.connect()
    desk.streamelements.fault(lost=1, tick=5)
    assert desk.run("pay", madcats=10) == "unclear"
    assert desk.settled() == []
    [(payload,)] = desk.rows(
        "SELECT payload FROM outbox_messages WHERE kind = 'streamelements.unclear'"
    )
    assert (payload["count"], payload["total"]) == (1, 10)
    before = calls(desk)
    bulk.perform_due(desk.services)  # nothing happens by itself
    assert calls(desk) == before
    number = desk.operation("pay").number
    with desk.services.work_in(GUILD, ADMIN) as work:
        actions.decide(work, number, applied=was_applied)
    assert desk.settled() == [("pay", [1] if was_applied else [], [] if was_applied else [1])]
    with pytest.raises(Refusal, match="settled"), desk.services.work_in(GUILD, ADMIN) as work:
        actions.decide(work, number, applied=True)


def test_killed_process_does_not_send_again(desk: Desk) -> None:
    desk.connect()
    desk.queue("pay", madcats=10)
    number = desk.operation("pay").number
    with desk.services.work_in(GUILD) as work:
        actions.prepare(work, number, {MADCATS: 3000})
    desk.streamelements.set_points(MADCATS, 3010)  # the call was made; then the process died
    before = calls(desk)
    bulk.perform_due(desk.services)
    assert (desk.operation("pay").state, calls(desk)) == ("applied", before)


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
    assert kind == "streamelements.reconnect"
    with desk.services.database.begin() as tx:
        [health] = check_accounts(tx, desk.services.clock())
    assert (health.state, health.guild_id) == ("warn", GUILD)
    assert "The token of NoraPlays is not accepted" in health.reason
    with pytest.raises(Refusal, match="any more"), desk.services.work_in(GUILD) as work:
        actions.get_account(work)
    desk.streamelements.fault(_401=False)
    desk.connect()
    desk.later += desk.operation("pay").try_at - desk.operation("pay").queued_at
    bulk.perform_due(desk.services)
    assert desk.operation("pay").state == "applied"


def test_many_balances_are_read_from_the_list(desk: Desk) -> None:
    desk.connect()
    before = len(desk.streamelements.calls())
    names = {f"viewer{number}": 5 for number in range(30)}
    assert desk.run("pay", **names) == "applied"
    assert desk.run("stakes", **dict.fromkeys(names, -5)) == "applied"
    assert len(desk.streamelements.calls()) - before == 1 + 30 + 1 + 1 + 1
    assert desk.points()[YUKI] == 5000


def test_token_is_encrypted_and_checked(desk: Desk) -> None:
    with pytest.raises(Refusal, match="not a JWT"):
        bulk.connect(desk.services, GUILD, "hello", ADMIN)
    with pytest.raises(Refusal, match="not accept"):
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
        actions.disconnect_account(work)
    bulk.perform_due(desk.services)
    with desk.services.work_in(GUILD, ADMIN) as work:
        assert actions.disconnect_account(work) == "NoraPlays"
