"""Appearance of overlays."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from core.kit.guild_settings import GuildSettings, choice

Theme = Literal["dark", "light", "clear"]
Accent = Literal["green", "purple", "blue", "orange", "pink", "white"]
Size = Literal["small", "medium", "large"]
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]

MAX_TITLE_CHARACTERS = 40
"""Characters of a heading."""


class OverlaySettings(GuildSettings, feature="overlays"):
    """Settings of a server."""

    theme: str = choice(
        "The style of overlays: dark or light cards, or only text with an outline.",
        Theme,
        default="dark",
        label="Theme",
    )
    accent: str = choice(
        "The colour of headings and numbers.", Accent, default="green", label="Colour"
    )
    size: str = choice("The size of the text.", Size, default="medium", label="Text size")
    corner: str = choice(
        "The corner of the screen in which overlays appear.",
        Corner,
        default="top_left",
        label="Corner",
    )


def css_classes(style: OverlaySettings) -> str:
    """The classes of these choices in `overlay.css`."""
    corner = style.corner.replace("_", "-")
    return f"theme-{style.theme} accent-{style.accent} size-{style.size} corner-{corner}"


def styled(settings: OverlaySettings, wanted: Mapping[str, str]) -> OverlaySettings:
    """The settings with other choices, for a preview; invalid ones are ignored."""
    known = OverlaySettings.declared
    chosen = {name: wanted.get(declared.key, "") for name, declared in known.items()}
    return replace(
        settings, **{name: value for name, value in chosen.items() if value in known[name].choices}
    )
