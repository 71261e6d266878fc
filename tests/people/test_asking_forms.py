"""Dashboard forms ask about ambiguous names, and keep all other input."""

import html
import re

import pytest

from core.bonus_hunt import actions as hunts
from core.guilds.actions import change_settings
from core.kit.web.guild_pages import WHO
from core.people import store
from core.points.rules import PointsSettings
from tests.dashboard.site import GUILD, Site, Visitor

FORMS = {
    "points/change": {"viewer": "madcats", "what": "remove", "amount": "5", "reason": "madcats"},
    "watchtime/adjust": {"viewer": "@MadCats", "minutes": "-30", "reason": "counted <twice>"},
    "raffle/tickets": {"viewer": "MadCats", "what": "take", "amount": "7", "reason": "too many"},
    "bonus_hunt/add": {"game": "madcats", "bet": "0.40", "by": "madcats"},
    "bonus_hunt/edit": {"position": "1", "what": "by", "value": "madcats"},
    "wagers/verify": {"person": "madcats", "username": "cat_at_shuffle"},
    **{
        f"{feature}/exclude": {"viewer": " madcats ", "reason": 'says "madcats"'}
        for feature in ("people", "raffle", "slot_calls", "watchtime")
    },
}
"""A form -> what is typed into it."""

ON_TWITCH = {"vips/give"}
"""Asks Twitch first, whose logins are unique (tests/vips)."""


@pytest.fixture
def admin(site: Site) -> Visitor:
    """A MadCats on each platform, and everything that the forms need."""
    with site.services.work_in(GUILD) as work:
        hunts.start(work, "Friday", "100", "EUR", 0)
        hunts.add_bonus(work, "Mental", "1")
    with site.services.work_in(GUILD) as work:
        change_settings(work, PointsSettings, enabled=True)
        for platform, user_id in (("kick", 41), ("twitch", 42)):
            store.set_viewer(work.tx, GUILD, platform, user_id, "MadCats", work.now)
    return site.visitor("nora")


def page_of(form: str) -> str:
    return f"/g/{GUILD}/{form.partition('/')[0]}"


def choices(text: str) -> list[list[tuple[str, str]]]:
    """The hidden fields of each form among which to choose."""
    group = re.search(r'<div class="actions" role="group".*?</div>', text, re.DOTALL)
    forms = re.findall(r"<form.*?</form>", group[0], re.DOTALL) if group else []
    hidden = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')
    return [[(n, html.unescape(v)) for n, v in hidden.findall(form)] for form in forms]


@pytest.mark.parametrize("form", FORMS)
def test_a_choice_keeps_what_was_typed(admin: Visitor, form: str) -> None:
    typed = FORMS[form]
    asked = admin.post(f"/g/{GUILD}/{form}", page=page_of(form), **typed)
    assert asked.status_code == 422
    found = choices(asked.text)
    (who,) = (name for name in WHO if name in typed)
    assert sorted(dict(choice)[who] for choice in found) == ["kick:#41", "twitch:#42"]
    for fields in found:
        kept = {name: value for name, value in fields if name != "csrf_token"}
        assert kept == {
            name: value.strip() if name == who else value for name, value in typed.items()
        } | {who: dict(fields)[who]}
    sent = admin.post(f"/g/{GUILD}/{form}", page=page_of(form), **dict(found[0]))
    assert "MadCats” on Kick and another" not in html.unescape(sent.text), "it is clear now"


def test_every_form_that_takes_a_person_is_tried(admin: Visitor, site: Site) -> None:
    """Of the forms that the pages of all features show now."""
    found = set()
    for rule in site.app.url_map.iter_rules():
        if rule.arguments != {"guild_id"} or "GET" not in (rule.methods or ()):
            continue
        if not rule.rule.startswith("/g/"):
            continue
        text = admin.get(rule.rule.replace("<int:guild_id>", str(GUILD))).text
        for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
            names = re.findall(r'<input class="form-control"[^>]* name="(\w+)"', form)
            if set(names) & set(WHO):
                found.add(re.findall(r'action="/g/\d+/([^"?]+)', form)[0])
    assert found | {"raffle/tickets"} == FORMS.keys() | ON_TWITCH, "tickets need an open raffle"
