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
    features = list(dict.fromkeys(feature_of(declared) for declared in known))

    def of_feature(feature: str) -> list[Declared]:
        if feature not in features:
            abort(404)
        return [declared for declared in known if feature_of(declared) == feature]

    @pages.get()
    def settings(page: Page, feature: str = "") -> str:
        """All of them; `feature` is the one whose form was refused."""
        current = {now.declared.key: now for now in page.run(actions.list_current, known)}
        rows = [Row(field, current[field.declared.key]) for field in setting_fields(page, known)]
        untouched = replace(page, typed=MultiDict())
        cards = [
            Card(
                title,
                package_title(title),
                page if title == feature else untouched,
                [row for row in rows if feature_of(row.field.declared) == title],
            )
            for title in features
        ]
        admins = page.member_names(now.by for now in current.values() if now.by)
        return page.render("settings/settings.html", cards=cards, admins=admins)

    @pages.post("<feature>", shows=settings)
    def save(page: Page, feature: str) -> Response:
        save_settings(page, of_feature(feature))
        return page.done(_("Settings saved."))

    @pages.post("<feature>/<key>/reset", shows=settings)
    def reset(page: Page, feature: str, key: str) -> Response:
        """Use the value of the environment again, or else the default."""
        found = [declared for declared in of_feature(feature) if declared.key == f"{feature}.{key}"]
        if not found:
            abort(404)
        page.run(actions.reset, page.services.settings, found[0])
        return page.done(_("{key} is back to its default.").format(key=found[0].key))

    return pages
