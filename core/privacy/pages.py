"""`/privacy` and `/terms`: the two texts at the top of the repository, for everybody."""

from pathlib import Path

from flask import Blueprint, render_template

from core.privacy.rules import blocks

TEXTS = Path(__file__).parents[2]


def pages() -> Blueprint:
    """The two addresses."""
    blueprint = Blueprint("privacy", __name__, template_folder="templates")

    @blueprint.get("/privacy")
    def privacy() -> str:
        return _page("PRIVACY_POLICY.md")

    @blueprint.get("/terms")
    def terms() -> str:
        return _page("TERMS_OF_SERVICE.md")

    return blueprint


def _page(file: str) -> str:
    text = (TEXTS / file).read_text(encoding="utf-8")
    return render_template("privacy/text.html", blocks=list(blocks(text)))
