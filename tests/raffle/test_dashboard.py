"""The raffle on the dashboard: the same numbers and actions as the commands."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.draws.picks import RULE
from core.events import Person
from core.guilds.actions import change_settings
from core.kit.database.work import Work
from core.people.actions import get_or_create_person
from core.raffle import store as raffles
from core.raffle.actions import config_of
from core.raffle.ledger import actions as tickets
from core.raffle.periods import actions as periods
from core.raffle.records import Balance, Period
from core.raffle.rules import RaffleSettings
from tests.dashboard.site import GUILD, Site, Visitor, words
from tests.raffle.scene import set_period

PAGE = f"/g/{GUILD}/raffle"


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


@pytest.fixture
def raffle(site: Site) -> Period:
    """A raffle of this month, and a viewer who was seen."""
    with site.services.work_in(GUILD) as work:
        person = Person(user_id=7, name="MadCats")
        get_or_create_person(work.tx, GUILD, "kick", person, work.now)
        return periods.start(work, config_of(site.services.settings), None, None)


def shown(site: Site) -> Period:
    with site.services.work_in(GUILD) as work:
        return raffles.get_shown(work)


def balance(site: Site) -> int:
    with site.services.work_in(GUILD) as work:
        return work.scalar(select(Balance.tickets)) or 0


def give(admin: Visitor, **form: str) -> int:
    form = {"viewer": "MadCats", "what": "give", "amount": "5", "reason": "thanks", **form}
    return admin.post(f"{PAGE}/tickets", page=PAGE, **form).status_code


def test_form_that_is_changed_and_sent_again_counts(
    site: Site, admin: Visitor, raffle: Period
) -> None:
    """As after the browser's Back: the form has the same key, but says something else."""
    for amount in ("5", "5", "7"):
        assert give(admin, form_key="one", amount=amount) == 303
    assert balance(site) == 12


def test_without_a_raffle_the_page_offers_to_open_one(site: Site, admin: Visitor) -> None:
    assert "Open a raffle" in words(admin.get(PAGE))
    assert admin.post(f"{PAGE}/start", page=PAGE).status_code == 303
    assert "Raffle #1 is open." in words(admin.get(PAGE))
    assert shown(site).state == "open"


def test_tickets_are_given_once_and_shown_with_their_reason(
    site: Site, admin: Visitor, raffle: Period
) -> None:
    assert [give(admin, form_key="one"), give(admin, form_key="one")] == [303, 303]
    assert balance(site) == 5
    assert give(admin, form_key="two", what="take", amount="2", reason="too many") == 303
    assert balance(site) == 3
    with site.services.work_in(GUILD) as work:
        viewer_id = work.scalar(select(Balance.viewer_id))
        standing = tickets.get_standing(work, viewer_id, is_admin=True)
    assert standing is not None
    assert standing.own.tickets == 3
    history = words(admin.get(f"{PAGE}/viewer/{viewer_id}"))
    assert "thanks +5" in history
    assert "too many -2" in history


def test_ledger_shows_every_entry_and_filters(site: Site, admin: Visitor, raffle: Period) -> None:
    page = f"{PAGE}/ledger"
    assert "No entries" in words(admin.get(page))
    give(admin, form_key="one")
    give(admin, form_key="two", what="take", amount="2", reason="too many")
    shown = words(admin.get(page))
    assert "Entries 2 ·" in shown
    assert shown.index("too many -2") < shown.index("thanks +5")
    assert "Entries 2 ·" in words(admin.get(f"{page}?name=madcats&page=9"))
    given = words(admin.get(f"{page}?source=bonus&name=MadCats"))
    assert ("Entries 1 ·" in given, "thanks +5" in given) == (True, True)
    assert "No entries" in words(admin.get(f"{page}?source=wager"))
    assert "No entries" in words(admin.get(f"{page}?name=nobody"))
    assert "No entries" in words(admin.get(f"{page}?raffle=2"))
    today = site.clock.now.date()
    assert "Entries 2 ·" in words(admin.get(f"{page}?since={today}&until={today}"))
    assert "No entries" in words(admin.get(f"{page}?until={today - timedelta(days=1)}"))
    file = admin.get(f"{page}.csv?source=bonus").text.splitlines()
    assert [len(file), file[1].endswith(",MadCats,Kick,⭐ Given by an admin,thanks,5")] == [2, True]


def test_public_page_says_how_tickets_are_earned_and_how_it_is_drawn(
    site: Site, raffle: Period
) -> None:
    with site.services.work_in(GUILD) as work:
        change_settings(work, RaffleSettings, tickets_per_gifted_sub=7)
    page = words(site.visitor().get(f"/p/{GUILD}/raffle"))
    assert "7 tickets for each gifted sub" in page
    assert "Tickets count for linked accounts" in page
    assert RULE in html.unescape(page)


def test_public_page_that_is_off_is_not_found(site: Site, raffle: Period) -> None:
    with site.services.work_in(GUILD) as work:
        change_settings(work, RaffleSettings, public_page=False)
    assert site.visitor().get(f"/p/{GUILD}/raffle").status_code == 404


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"amount": "9", "what": "take"}, "has 0 tickets"),
        ({"amount": "1e9"}, "whole number"),
        ({"reason": " "}, "a number of tickets and a reason"),
        ({"viewer": "Nobody"}, "Nobody"),
    ],
)
def test_declined_tickets_keep_what_was_typed(
    site: Site, admin: Visitor, raffle: Period, form: dict[str, str], reason: str
) -> None:
    given = {
        "viewer": "MadCats",
        "what": "give",
        "amount": "5",
        "reason": "why",
        "form_key": "k",
    } | form
    answer = admin.post(f"{PAGE}/tickets", page=PAGE, **given)
    assert (answer.status_code, reason in words(answer)) == (422, True)
    assert f'value="{given["viewer"]}"' in answer.text
    assert balance(site) == 0


def test_raffle_is_ended_and_drawn_by_number(site: Site, admin: Visitor, raffle: Period) -> None:
    still = admin.post(f"{PAGE}/1/draw", page=PAGE, name="1", how="without")
    assert "is still running" in words(still)
    site.clock.forward(minutes=1)
    assert admin.post(f"{PAGE}/1/end", page=PAGE).status_code == 303
    assert admin.post(f"{PAGE}/1/end", page=PAGE).status_code == 422  # a second click
    wrong = admin.post(f"{PAGE}/1/draw", page=PAGE, name="2", how="without")
    assert "Type the raffle&#39;s number" in words(wrong)
    _choose_channel(site, admin)
    assert admin.post(f"{PAGE}/1/draw", page=PAGE, name="#1", how="without").status_code == 303
    assert shown(site).state in ("frozen", "drawn", "closed")


def test_page_warns_before_the_end_and_the_draw_without_a_prize(
    site: Site, admin: Visitor, raffle: Period
) -> None:
    with site.services.database.begin() as tx:
        set_period(tx, GUILD, 1, prize="A mug")
    assert "No prize" not in words(admin.get(PAGE))
    with site.services.database.begin() as tx:
        set_period(tx, GUILD, 1, prize="")
    assert "It can't be set after the raffle ends." in html.unescape(words(admin.get(PAGE)))
    with site.services.database.begin() as tx:
        now = site.clock()
        dates = {"starts_at": now - timedelta(hours=2), "ends_at": now - timedelta(hours=1)}
        set_period(tx, GUILD, 1, **dates)
    assert "so winner posts won't mention one" in words(admin.get(PAGE))


def _choose_channel(site: Site, admin: Visitor) -> None:
    """All settings as they are, with a channel for news."""
    text = admin.get(PAGE).text
    form = text[text.index(f'action="{PAGE}/settings"') :].split("</form>")[0]
    fields = dict(re.findall(r'name="(raffle\.\w+)" type="(?:number|text)" value="([^"]*)"', form))
    chosen = re.findall(r'<option value="(\d+)"[^>]*>#raffle', form)[0]
    answer = admin.post(f"{PAGE}/settings", page=PAGE, **fields, **{"raffle.channel": chosen})
    assert answer.status_code == 303, words(answer)


def test_cancelled_raffle_has_no_winner(site: Site, admin: Visitor, raffle: Period) -> None:
    assert admin.post(f"{PAGE}/1/cancel", page=PAGE).status_code == 303
    with site.services.work_in(GUILD) as work:
        found = work.find(Period, 1)
    assert found is not None
    assert found.state == "closed"


def test_public_page_shows_prize_and_board(site: Site, admin: Visitor, raffle: Period) -> None:
    give(admin, form_key="one")
    page = site.visitor().get(f"/p/{GUILD}/raffle")
    assert page.status_code == 200
    assert raffle.commitment in page.text


def test_what_next_is_only_asked_where_something_can_be_done(
    site: Site, admin: Visitor, raffle: Period
) -> None:
    assert "Next steps" in words(admin.get(PAGE))
    with site.services.database.begin() as tx:
        set_period(tx, GUILD, 1, state="drawn")
    assert "Next steps" not in words(admin.get(PAGE))


def test_dates_are_checked(site: Site, admin: Visitor) -> None:
    answer = admin.post(f"{PAGE}/start", page=PAGE, first="2026-13-01", last="x")
    assert answer.status_code == 422
    with site.services.work_in(GUILD) as work:
        assert _count(work) == 0
        tomorrow = (work.now + timedelta(days=1)).date().isoformat()
    assert admin.post(f"{PAGE}/start", page=PAGE, first=tomorrow, last=tomorrow).status_code == 303


def _count(work: Work) -> int:
    return work.count(Period.number.is_not(None))
