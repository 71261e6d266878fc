"""Lists in forms: uploaded or pasted, with a choice of columns."""

from collections.abc import Iterable

from flask import request

from core.kit.errors import Refusal
from core.kit.text.tables import MAX_COLUMNS, Column, text_of
from core.kit.text.words import _

MAX_BYTES = 2_000_000
"""Maximum size of an uploaded file."""


def sent_text(field: str) -> str:
    """The text of the uploaded `file`, or the text pasted into a field. Raises Refusal if the file
    is too large, or not a list."""
    sent = request.files.get("file")
    content = sent.read(MAX_BYTES + 1) if sent else b""
    if len(content) > MAX_BYTES:
        raise Refusal(
            _("The file is too large."), _("Split it: a file can have at most two megabytes.")
        )
    return text_of(content) if content else request.form.get(field, "")


def chosen_columns(columns: Iterable[Column]) -> dict[str, int]:
    """Name of a column -> its index in the form; without recognised columns."""
    chosen = {
        column.name: request.form.get(f"column_{column.name}", type=int) for column in columns
    }
    return {
        name: place
        for name, place in chosen.items()
        if place is not None and 0 <= place < MAX_COLUMNS
    }
