"""All settings on the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import Response, abort
from werkzeug.datastructures import MultiDict

from core.guilds.setting_fields import SettingField, save_settings, setting_fields
from core.kit.text.words import _, package_title
from core.kit.web.guild_pages import GuildPages, Page
from core.settings import actions
from core.settings.rules import Declared, feature_of


@dataclass(frozen=True, slots=True)
class Row:
    """A setting's field, and where its value comes from."""

    field: SettingField
    current: actions.Current


@dataclass(frozen=True, slots=True)
class Card:
    """The settings of one feature. `page` is what its form knows about what was typed."""

    feature: str
    title: str
    page: Page
    rows: Sequence[Row]


def settings_pages(known: Sequence[Declared]) -> GuildPages:
    pages = GuildPages("settings", lambda: _("Settings"), icon="settings", order=90)
    features = list(dict.fromkeys(feature_of(one) for one in known))

    def of_feature(feature: str) -> list[Declared]:
        if feature not in features:
            abort(404)
        return [one for one in known if feature_of(one) == feature]

    @pages.get()
    def settings(page: Page, feature: str = "") -> str:
        """All of them; `feature` is the one whose form was refused."""
        current = {one.declared.key: one for one in page.run(actions.list_current, known)}
        rows = [Row(one, current[one.declared.key]) for one in setting_fields(page, known)]
        untouched = replace(page, typed=MultiDict())
        cards = [
            Card(
                one,
                package_title(one),
                page if one == feature else untouched,
                [row for row in rows if feature_of(row.field.declared) == one],
            )
            for one in features
        ]
        admins = page.member_names(one.by for one in current.values() if one.by)
        return page.render("settings/settings.html", cards=cards, admins=admins)

    @pages.post("<feature>", shows=settings)
    def save(page: Page, feature: str) -> Response:
        save_settings(page, of_feature(feature))
        return page.done(_("Settings saved."))

    @pages.post("<feature>/<key>/reset", shows=settings)
    def reset(page: Page, feature: str, key: str) -> Response:
        """Use the value of the environment again, or else the default."""
        found = [one for one in of_feature(feature) if one.key == f"{feature}.{key}"]
        if not found:
            abort(404)
        page.run(actions.reset, page.services.settings, found[0])
        return page.done(_("{key} is back to its default.").format(key=found[0].key))

    return pages
