"""Message components, versions 1 and 2, and modals: their limits, ids and how to find one.

https://discord.com/developers/docs/components/reference
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sandbox.discord.errors import FormErrors, Json

ACTION_ROW = 1
BUTTON = 2
STRING_SELECT = 3
TEXT_INPUT = 4
USER_SELECT = 5
ROLE_SELECT = 6
MENTIONABLE_SELECT = 7
CHANNEL_SELECT = 8
SECTION = 9
TEXT_DISPLAY = 10
CONTAINER = 17
LABEL = 18

LINK_STYLE = 5
PREMIUM_STYLE = 6

SELECTS = (STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT)
_MODAL_TOP = (ACTION_ROW, TEXT_DISPLAY, LABEL)

MAX_ROWS = 5
MAX_BUTTONS = 5
MAX_V2_COMPONENTS = 40
MAX_V2_CHARACTERS = 4_000

Path = list[str | int]


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component in a tree, parents before children."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        yield from walk(
            [component[key] for key in ("accessory", "component") if component.get(key)]
        )


def find(components: list[Json], custom_id: str) -> Json | None:
    return next((c for c in walk(components) if c.get("custom_id") == custom_id), None)


def check(components: object, errors: FormErrors, *, v2: bool) -> list[Json]:
    """The components as Discord stores them (each gets an `id`); errors go to `errors`."""
    if components is None:
        return []
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        errors.add(["components"], "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return []
    (_check_v2 if v2 else _check_v1)(components, errors)
    for path, component in _with_paths(components, ["components"]):
        _check_one(component, path, errors)
    _check_unique(components, errors)
    _number(components)
    return components


def check_modal(data: Json, errors: FormErrors) -> Json:
    """The modal of a callback: title, custom_id and 1 to 5 components."""
    for key, limit in (("title", 45), ("custom_id", 100)):
        if not data.get(key):
            errors.required(["data", key])
        elif len(str(data[key])) > limit:
            errors.too_long(["data", key], limit)
    components = data.get("components") or []
    if not 1 <= len(components) <= MAX_ROWS:
        errors.bad_length(["data", "components"], 1, MAX_ROWS)
    for index, component in enumerate(components):
        if component.get("type") not in _MODAL_TOP:
            _wrong_type(["data", "components", index], errors, _MODAL_TOP)
    for path, component in _with_paths(components, ["data", "components"]):
        _check_one(component, path, errors)
    _number(components)
    return {
        "custom_id": data.get("custom_id"),
        "title": data.get("title"),
        "components": components,
    }


def _check_v1(components: list[Json], errors: FormErrors) -> None:
    if len(components) > MAX_ROWS:
        errors.too_long(["components"], MAX_ROWS)
    for index, row in enumerate(components):
        if row.get("type") != ACTION_ROW:
            _wrong_type(["components", index], errors, (ACTION_ROW,))


def _check_v2(components: list[Json], errors: FormErrors) -> None:
    everything = list(walk(components))
    if len(everything) > MAX_V2_COMPONENTS:
        message = f"The total number of components cannot exceed {MAX_V2_COMPONENTS}"
        errors.add(["components"], "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message)
    text = sum(len(str(c.get("content") or "")) for c in everything if c["type"] == TEXT_DISPLAY)
    if text > MAX_V2_CHARACTERS:
        message = f"The displayable text size cannot exceed {MAX_V2_CHARACTERS} characters."
        errors.add(["components"], "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message)


def _with_paths(components: list[Json], path: Path) -> Iterator[tuple[Path, Json]]:
    for index, component in enumerate(components):
        here = [*path, index]
        yield here, component
        yield from _with_paths(component.get("components") or [], [*here, "components"])
        for key in ("accessory", "component"):
            if component.get(key):
                yield [*here, key], component[key]


def _check_one(component: Json, path: Path, errors: FormErrors) -> None:
    kind = component.get("type")
    if kind == ACTION_ROW:
        _check_row(component, path, errors)
    elif kind == BUTTON:
        _check_button(component, path, errors)
    elif kind in SELECTS:
        _check_select(component, path, errors)
    if kind == TEXT_INPUT or kind in SELECTS:
        _check_custom_id(component, path, errors)
        maximum = 150 if kind in SELECTS else 100
        errors.check_length(component.get("placeholder"), maximum, [*path, "placeholder"])


def _check_row(row: Json, path: Path, errors: FormErrors) -> None:
    children = row.get("components") or []
    maximum = 1 if any(c.get("type") != BUTTON for c in children) else MAX_BUTTONS
    if not 1 <= len(children) <= maximum:
        errors.bad_length([*path, "components"], 1, maximum)


def _check_button(button: Json, path: Path, errors: FormErrors) -> None:
    errors.check_length(button.get("label"), 80, [*path, "label"])
    style = button.get("style")
    if style == LINK_STYLE:
        if not button.get("url"):
            errors.add([*path, "url"], "BUTTON_COMPONENT_URL_REQUIRED", "A url is required")
        errors.check_length(button.get("url"), 512, [*path, "url"])
    elif style in (1, 2, 3, 4):
        _check_custom_id(button, path, errors)
    elif style != PREMIUM_STYLE:
        message = "Value must be one of {1, 2, 3, 4, 5, 6}."
        errors.add([*path, "style"], "BASE_TYPE_CHOICES", message)
    if style != PREMIUM_STYLE and not button.get("label") and not button.get("emoji"):
        message = "A button must have a label or emoji"
        errors.add(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", message)


def _check_select(select: Json, path: Path, errors: FormErrors) -> None:
    if select["type"] != STRING_SELECT:
        return
    options = select.get("options") or []
    if not 1 <= len(options) <= 25:
        errors.bad_length([*path, "options"], 1, 25)
    values = [option.get("value") for option in options]
    for index, option in enumerate(options):
        for key in ("label", "value", "description"):
            errors.check_length(option.get(key), 100, [*path, "options", index, key])
        if values.index(option.get("value")) != index:
            message = "The specified option value is already used"
            errors.add(
                [*path, "options", index, "value"],
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                message,
            )


def _check_custom_id(component: Json, path: Path, errors: FormErrors) -> None:
    if not component.get("custom_id"):
        errors.required([*path, "custom_id"])
    errors.check_length(component.get("custom_id"), 100, [*path, "custom_id"])


def _check_unique(components: list[Json], errors: FormErrors) -> None:
    seen: set[str] = set()
    for path, component in _with_paths(components, ["components"]):
        custom_id = component.get("custom_id")
        if custom_id in seen:
            message = "Component custom id cannot be duplicated"
            errors.add([*path, "custom_id"], "COMPONENT_CUSTOM_ID_DUPLICATED", message)
        if custom_id is not None:
            seen.add(custom_id)


def _wrong_type(path: Path, errors: FormErrors, allowed: tuple[int, ...]) -> None:
    listed = ", ".join(str(kind) for kind in allowed)
    message = f'Value of field "type" must be one of ({listed},).'
    errors.add([*path, "type"], "UNION_TYPE_CHOICES", message)


def _number(components: list[Json]) -> None:
    """Number the components without an id, from 1."""
    taken = {component["id"] for component in walk(components) if component.get("id")}
    free = (number for number in count(1) if number not in taken)
    for component in walk(components):
        if not component.get("id"):
            component["id"] = next(free)
