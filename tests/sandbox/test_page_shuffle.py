"""The Shuffle card: players wager and sign up, and its API fails."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, expect

from tests.browser import PHONE
from tests.patience import PATIENCE
from tests.sandbox import page_rig
from tests.sandbox.page_rig import Place, Visit, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with page_rig.place(bot=False) as there:
        yield there


@pytest.fixture(scope="module")
def opened(place: Place) -> Iterator[Visit]:
    with visit(place, "as=mia") as page:
        page.page.locator("#shuffle summary").click()
        yield page


@pytest.fixture
def mia(opened: Visit) -> Iterator[Visit]:
    opened.start_as("mia")
    yield opened
    opened.check()


@pytest.fixture
def card(mia: Visit) -> Locator:
    return mia.page.locator("#shuffle")


def state(place: Place) -> dict[str, Any]:
    answer = requests.get(f"{place.sandbox.base_url}/control/state", timeout=PATIENCE)
    found: dict[str, Any] = answer.json()
    return found


def player(place: Place, username: str) -> tuple[str, Decimal]:
    """Campaign code and total."""
    found = next(p for p in state(place)["shuffle"]["players"] if p["username"] == username)
    return found["campaign_code"], Decimal(found["wagered"])


def test_player_wagers(place: Place, mia: Visit, card: Locator) -> None:
    before = player(place, "leo_77")[1]
    card.get_by_label("Player", exact=True).select_option("leo_77")
    expect(card.locator("output")).to_have_text(f"${before:,.2f} in total, code NORA")
    card.get_by_role("button", name="$1,000", exact=True).click()
    expect(mia.toasts).to_contain_text("leo_77 wagered $1,000.")
    card.get_by_role("button", name="$10", exact=True).click()
    expect(card.locator("output")).to_have_text(f"${before + 1010:,.2f} in total, code NORA")
    assert player(place, "leo_77") == ("NORA", before + 1010)
    expect(card.get_by_label("Player", exact=True)).to_have_value("leo_77")


def test_total_falls_and_grows_again(place: Place, mia: Visit, card: Locator) -> None:
    card.get_by_label("Player", exact=True).select_option("ZedElsewhere")
    card.get_by_role("button", name="Reset total").click()
    expect(card.locator("output")).to_have_text("$0.00 in total, code OTHER")
    card.get_by_role("button", name="$100", exact=True).click()
    expect(card.locator("output")).to_have_text("$100.00 in total, code OTHER")
    assert player(place, "ZedElsewhere") == ("OTHER", Decimal(100))


@pytest.mark.parametrize(
    ("label", "fault", "value"),
    [
        ("Error object", "shuffle.error_object", True),
        ("429", "shuffle.busy_s", 5),
        ("Down", "shuffle.down", True),
    ],
)
def test_fault_is_turned_on_and_off(
    place: Place, mia: Visit, card: Locator, label: str, fault: str, value: object
) -> None:
    button = card.get_by_role("button", name=label, exact=True)
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert state(place)["faults"][fault]["value"] == value
    expect(mia.page.locator("#faults-on")).to_have_text("1")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert state(place)["faults"][fault]["value"] == state(place)["faults"][fault]["default"]


def test_player_signs_up_under_a_code(place: Place, mia: Visit, card: Locator) -> None:
    expect(card.get_by_label("with code")).to_have_value("NORA")
    card.get_by_label("New player").fill("<b>Newbie</b>")
    card.get_by_label("with code").fill("VERA")
    card.get_by_role("button", name="Sign up").click()
    expect(mia.toasts).to_contain_text("<b>Newbie</b> signed up with code VERA.")
    card.get_by_label("Player", exact=True).select_option("<b>Newbie</b>")
    expect(card.locator("output")).to_have_text("$0.00 in total, code VERA")
    assert player(place, "<b>Newbie</b>") == ("VERA", Decimal(0))


def test_shuffle_faults_are_grouped(place: Place, mia: Visit) -> None:
    names = [name for name in state(place)["faults"] if name.startswith("shuffle.")]
    mia.page.get_by_role("button", name="Simulate problems").click()
    group = mia.page.locator(".fault-group", has=mia.page.locator("summary", has_text="Shuffle"))
    expect(group.locator(".fault[data-name]")).to_have_count(len(names))


def test_page_fits_on_a_phone(place: Place) -> None:
    with visit(place, "as=mia&tab=kick", viewport=PHONE) as phone:
        phone.page.locator("#shuffle summary").click()
        expect(phone.page.get_by_role("button", name="Sign up")).to_be_visible()
        assert phone.overflowing() == []
