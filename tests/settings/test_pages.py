"""The page of all settings."""

import re

from core.features import load_features
from core.guilds import actions as guilds
from core.guilds import setting_fields
from core.settings import actions
from core.settings.rules import get_declared
from core.watchtime.rules import WatchtimeSettings
from tests.dashboard.site import GUILD, IDS, Site, words

KNOWN = tuple(setting for feature in load_features() for setting in feature.settings)
PAGE = f"/g/{GUILD}/settings"
ENABLED = WatchtimeSettings.declared["enabled"]


def value(site: Site, key: str) -> actions.Current:
    with site.services.work_in(GUILD) as work:
        return actions.get_current(work, get_declared(key, KNOWN))


def form_of(text: str, feature: str) -> dict[str, str]:
    """What a browser sends for a card that nobody has touched."""
    card = re.search(rf'<section class="card" id="{feature}".*?</section>', text, re.DOTALL)
    assert card
    form: dict[str, str] = {}
    for name, rest in re.findall(r'<input[^>]* name="(?!csrf_|form_)([^"]+)"([^>]*)>', card[0]):
        given = re.search(r'value="([^"]*)"', rest)
        if 'type="checkbox"' not in rest or " checked" in rest:
            form[name] = given[1] if given else ""
    for name, options in re.findall(
        r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', card[0], re.S
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        form[name] = chosen[1] if chosen else ""
    return form


def test_every_setting_is_shown_with_help_and_origin(site: Site) -> None:
    shown = words(site.visitor("nora").get(PAGE))
    for declared in KNOWN:
        assert setting_fields.label_of(declared) in shown
    assert "Default" in shown
    assert "Set by" not in shown


def test_saving_a_card_changes_only_that_feature(site: Site) -> None:
    nora = site.visitor("nora")
    form = form_of(nora.get(PAGE).text, "guilds")
    saved = nora.post(f"{PAGE}/guilds", page=PAGE, **form | {"guilds.time_zone": "stockholm"})
    assert saved.status_code == 303
    found = value(site, "guilds.time_zone")
    assert (found.value, found.by) == ("Europe/Stockholm", IDS["nora"])
    with site.services.work_in(GUILD) as work:
        assert [declared.by for declared in actions.list_current(work, KNOWN) if declared.by] == [
            IDS["nora"]
        ]
    assert "Set by" in words(nora.get(PAGE))


def test_reset_gives_the_default_back(site: Site) -> None:
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        guilds.change_setting(work, ENABLED, not ENABLED.default)
    nora = site.visitor("nora")
    for _again in range(2):
        nora.post(f"{PAGE}/watchtime/enabled/reset", page=PAGE)
        found = value(site, ENABLED.key)
        assert (found.value, found.by) == (ENABLED.default, None)
    with site.services.work_in(GUILD) as work:
        entries = actions.read_log(work, 10, 1).entries
    assert [entry.target for entry in entries] == ["reset", ""]


def test_what_does_not_fit_changes_nothing_and_is_shown_again(site: Site) -> None:
    nora = site.visitor("nora")
    refused = nora.post(f"{PAGE}/guilds", page=PAGE, **{"guilds.time_zone": "Mordor"})
    assert refused.status_code == 422
    assert 'value="Mordor"' in refused.text
    assert value(site, "guilds.time_zone").by is None
    # Other cards show what is stored.
    assert form_of(refused.text, "watchtime") == form_of(nora.get(PAGE).text, "watchtime")


def test_unknown_features_and_keys_are_not_found(site: Site) -> None:
    nora = site.visitor("nora")
    for path in ("nothing", "nothing/enabled/reset", "watchtime/nothing/reset"):
        assert nora.post(f"{PAGE}/{path}", page=PAGE).status_code == 404
