"""Settings as fields of a form, for the pages of every feature."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response

from core.guilds import actions, zones
from core.guilds.settings import choices_of
from core.kit.database.work import Work
from core.kit.guild_settings import GuildSetting
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, View, whole_number


@dataclass(frozen=True, slots=True)
class SettingField:
    """One field. Its name in the form is the setting's key.

    Attributes:
        choices: pairs of value and text, if it is a choice.
        suggestions: values that the browser offers.
    """

    declared: GuildSetting[Any]
    label: str
    value: Any
    choices: list[tuple[str, str]]
    suggestions: list[str]

    @property
    def kind(self) -> str:
        if self.declared.kind is bool:
            return "switch"
        if self.choices or self.declared.of in ("channel", "role"):
            return "select"
        return "number" if self.declared.kind is int else "text"


def setting_fields(page: Page, declared: Iterable[GuildSetting[Any]]) -> list[SettingField]:
    """Fields with the current values."""
    known = list(declared)

    def read(work: Work) -> list[Any]:
        return [actions.setting(work.tx, work.guild_id, declared) for declared in known]

    return [
        SettingField(
            declared,
            label_of(declared),
            value,
            _choices(page, declared, value),
            _suggestions(declared),
        )
        for declared, value in zip(known, page.run(read), strict=True)
    ]


def label_of(declared: GuildSetting[Any]) -> str:
    """The setting's name for people: its label, or its key in words."""
    key = declared.key.split(".", 1)[1]
    label = declared.label or key.replace("_", " ").capitalize()
    return f"{label} ({declared.unit})" if declared.unit else label


def _choices(page: Page, declared: GuildSetting[Any], value: Any) -> list[tuple[str, str]]:
    if declared.of not in ("channel", "role"):
        return [(word, word.replace("_", " ")) for word in choices_of(declared)]
    choices = page.channel_choices() if declared.of == "channel" else page.role_choices()
    if value and str(value) not in dict(choices):
        choices.append((str(value), f"{value} ?"))  # deleted, or above their own roles
    return choices


def _suggestions(declared: GuildSetting[Any]) -> list[str]:
    return sorted(zones.names()) if declared.of == "time_zone" else []


def add_settings(
    pages: GuildPages,
    declared: Collection[GuildSetting[Any]],
    *,
    shows: View,
    then: Callable[[Work], object] | None = None,
) -> None:
    """Let the page `shows` change settings; its template calls `ui.settings_card(page, fields)`.
    Afterwards `then(work)` runs."""

    @pages.post("settings", shows=shows)
    def settings(page: Page) -> Response:
        save_settings(page, declared)
        if then is not None:
            page.run(then)
        return page.done(_("Settings saved."))


def save_settings(page: Page, declared: Iterable[GuildSetting[Any]]) -> None:
    """Store the settings changed in the form. Raises Refusal if a value does not fit; nothing has
    changed."""
    fields = setting_fields(page, declared)
    values = [(field.declared, _typed(page, field)) for field in fields]

    def change(work: Work) -> None:
        changed = [
            declared
            for declared, value in values
            if value != actions.setting(work.tx, work.guild_id, declared)
        ]
        for declared, value in values:
            if declared in changed:
                actions.change_setting(work, declared, value, checked=False)
        actions.check_settings(work, changed)

    page.run(change)


def _typed(page: Page, field: SettingField) -> Any:
    """The value in the form; a choice that was not offered leaves the value as it is."""
    declared, text = field.declared, page.form.get(field.declared.key, "").strip()
    if declared.kind is bool:
        return declared.key in page.form
    if declared.of in ("channel", "role"):
        return int(text) if text in dict(field.choices) else (field.value if text else 0)
    if declared.kind is int:
        return whole_number(page.form, declared.key, field.label)
    if declared.of == "time_zone":
        return zones.find(text) or text
    return text
