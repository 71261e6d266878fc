"""Writing notes about viewers and deleting them."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from core.guilds.actions import audit
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people.notes.records import MAX_CHARACTERS, Note
from core.people.records import Viewer

MAX_NOTES = 100
"""Maximum number about one viewer."""


def list_notes(work: Work, viewer_ids: Collection[int]) -> Sequence[Note]:
    """About these viewers, newest first."""
    found = select(Note).where(Note.viewer_id.in_(viewer_ids)).order_by(Note.id.desc())
    return work.scalars(found.limit(MAX_NOTES)).all()


def add_note(work: Work, viewer: Viewer, text: str) -> None:
    """Write a note. The same text twice in a row is one note. Raises Refusal if it is empty or too
    long, or there are too many."""
    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS:
        raise Refusal(
            _("A note must have 1 to {maximum} characters.").format(maximum=MAX_CHARACTERS)
        )
    known = list_notes(work, [viewer.viewer_id])
    if known and known[0].text == text:
        return
    if len(known) >= MAX_NOTES:
        raise Refusal(_("There are already {maximum} notes.").format(maximum=MAX_NOTES))
    work.add(
        Note(viewer_id=viewer.viewer_id, text=text, written_by=work.actor, written_at=work.now)
    )
    audit(work, "people.note", f"viewer:{viewer.viewer_id}")


def delete_note(work: Work, viewer: Viewer, note_id: int) -> None:
    """Delete a note. Raises Refusal if it no longer exists."""
    note = work.find(Note, note_id)
    if note is None or note.viewer_id != viewer.viewer_id:
        raise Refusal(_("This note was already deleted."))
    work.delete(note)
    audit(work, "people.note_deleted", f"viewer:{viewer.viewer_id}")
