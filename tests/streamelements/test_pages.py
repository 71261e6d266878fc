"""StreamElements on the dashboard, and its buttons on Discord."""

import pytest
from sqlalchemy import select

from core.streamelements import actions, bulk, client, messages
from core.streamelements.actions import Change
from core.streamelements.records import BulkOperation
from core.streamelements.rules import LOOKS
from sandbox.serve import Sandbox
from sandbox.streamelements.driver import StreamElementsDriver
from tests.dashboard.site import GUILD, Site, words

PAGE = f"/g/{GUILD}/streamelements"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    client.client_of.cache_clear()
    monkeypatch.setattr(client, "SECONDS_BETWEEN_CALLS", 0.0)


def test_connect_check_and_decide(site: Site, site_sandbox: Sandbox) -> None:
    admin, sandbox = site.visitor("nora"), StreamElementsDriver(site_sandbox.base_url)

    def send(form: str, /, **fields: str) -> str:
        sent = admin.post(f"{PAGE}/{form}", page=PAGE, **fields)
        return words(sent if sent.status_code != 303 else admin.get(PAGE))

    assert "not a JWT" in send("connect", token="nonsense")
    token = sandbox.channel()["jwt"]
    assert "NoraPlays is connected to Nora&#39;s Corner." in send("connect", token=token)
    assert token not in admin.get(PAGE).text
    assert "set up correctly" in send("check")
    with site.services.work_in(GUILD) as work:
        actions.queue_changes(work, "pay", "Payout of heist 3", [Change("madcats", 1, 10)])
    sandbox.set_points("madcats", 3000)
    sandbox.fault(lost=1, tick=7)
    bulk.perform_due(site.services)
    with site.services.work_in(GUILD) as work:
        operation = work.scalars(select(BulkOperation)).one()
        assert operation.sent_at is not None
        operation.sent_at -= LOOKS[-1]  # minutes later
        operation.try_at = work.now
    bulk.perform_due(site.services)
    shown = words(admin.get(PAGE))
    assert "madcats +10 had 3,000, now 3,017" in shown
    assert "Payout of heist 3" in words(admin.get(PAGE))
    assert "1 need review" in send("check")
    with site.services.work_in(GUILD) as work:
        [(unclear, _lines)] = actions.list_unclear(work)
    assert "already settled" in send("decide", number=str(unclear.number), login="x", applied="yes")
    done = send("decide", number=str(unclear.number), login="madcats", applied="yes")
    assert "Marked as applied: Payout of heist 3." in done
    assert "already settled" in send("decide", number=str(unclear.number), applied="no")
    sandbox.reset_faults()
    sandbox.close()


def test_admins_read_what_is_at_stake() -> None:
    row = {"viewer": "a_b", "points": -400, "held": None, "balance": None}
    payload = {"number": 4, "purpose": "Stakes of *heist* 12", "count": 3, "total": -1200}
    payload |= {"reason": "slow", "rows": [row]}
    body = messages.unclear(payload).description or ""
    assert "points for 3 viewers (-1,200)" in body
    assert "a\\_b: -400\n… and 2 more" in body
    assert r"\*heist\*" in body
