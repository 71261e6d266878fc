"""The names of people in public: on public pages and overlays, in posts, chat and the API.

People who used `/hideme`, were forgotten, or are excluded from everything are not named there and
are left out of lists. If a line is needed, such as for a prize, it says that the viewer is hidden.
Admins see names on the dashboard.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from core.kit.database.connection import among
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people.lookup import PLATFORMS
from core.people.records import HiddenViewer, Viewer
from core.people.store import fold, list_links

Reason = Literal["hidden", "deleted"]

# By the accounts of each person asked about, so that the time does not grow with the number of
# exclusions.
_LIST = text("""
    SELECT v.viewer_id, v.platform, v.name, v.platform_user_id < 0 AS is_deleted,
           EXISTS (
               SELECT FROM (SELECT v.person_id AS viewer_id
                             UNION ALL
                            SELECT o.viewer_id FROM people_viewers AS o
                             WHERE o.guild_id = :guild_id AND o.represented_by = v.person_id) AS a
                WHERE EXISTS (SELECT FROM people_hidden AS h
                               WHERE h.guild_id = :guild_id AND h.viewer_id = a.viewer_id)
                   OR EXISTS (SELECT FROM people_exclusions AS x
                               WHERE x.guild_id = :guild_id AND x.viewer_id = a.viewer_id
                                 AND x.scope = 'everything'
                                 AND (x.until IS NULL OR x.until > :now))) AS is_hidden
      FROM people_viewers AS v
     WHERE v.guild_id = :guild_id AND v.viewer_id = ANY(:viewer_ids)
""")


@dataclass(frozen=True, slots=True)
class Names(Mapping[int, str]):
    """Viewer id -> public name, with the platform if two of these people have the same name.

    Attributes:
        shown: the named viewers.
        unnamed: why the others are not named.
    """

    shown: Mapping[int, str]
    unnamed: Mapping[int, Reason]

    def __getitem__(self, viewer_id: int | None) -> str:
        """Never fails: an unknown id is a deleted viewer."""
        if viewer_id is None:
            return ""
        if viewer_id in self.shown:
            return self.shown[viewer_id]
        return unnamed(self.unnamed.get(viewer_id, "deleted"))

    def __iter__(self) -> Iterator[int]:
        return iter(self.shown)

    def __len__(self) -> int:
        return len(self.shown)

    def __contains__(self, viewer_id: object) -> bool:
        """Whether they are named."""
        return viewer_id in self.shown


def unnamed(reason: Reason = "hidden") -> str:
    return _("Deleted viewer") if reason == "deleted" else _("Hidden viewer")


def public_names(work: Work, viewer_ids: Iterable[int | None]) -> Names:
    """The public names of these viewers, on one page or in one post."""
    return _names(work, viewer_ids, for_admins=False)


def all_names(work: Work, viewer_ids: Iterable[int | None]) -> Names:
    """Like `public_names`, for admins, who see all names."""
    return _names(work, viewer_ids, for_admins=True)


def _names(work: Work, viewer_ids: Iterable[int | None], *, for_admins: bool) -> Names:
    wanted = sorted({viewer_id for viewer_id in viewer_ids if viewer_id is not None})
    if not wanted:
        return Names({}, {})
    given = {"guild_id": work.guild_id, "viewer_ids": wanted, "now": work.now}
    # Does not flush, so that records which the caller is changing stay loaded.
    rows = work.connection().execute(_LIST, given).all()
    shown = [row for row in rows if for_admins or not (row.is_hidden or row.is_deleted)]
    several = Counter(fold(row.name) for row in shown)
    return Names(
        {
            row.viewer_id: f"{row.name} ({PLATFORMS[row.platform]})"
            if several[fold(row.name)] > 1
            else row.name
            for row in shown
        },
        {
            row.viewer_id: "deleted" if row.is_deleted else "hidden"
            for row in rows
            if not for_admins and (row.is_hidden or row.is_deleted)
        },
    )


def public_name(work: Work, viewer_id: int | None) -> str:
    """Like `public_names`, for one viewer."""
    return public_names(work, [viewer_id])[viewer_id]


def list_platforms(work: Work, viewer_ids: Iterable[int | None]) -> dict[int | None, str]:
    """Viewer id -> Kick or Twitch, for files and programs: names alone are not unique."""
    wanted = {viewer_id for viewer_id in viewer_ids if viewer_id is not None}
    found = select(Viewer.viewer_id, Viewer.platform).where(among(Viewer.viewer_id, wanted))
    return {viewer_id: PLATFORMS[platform] for viewer_id, platform in work.execute(found)}


def own_name(work: Work, viewer_id: int) -> str:
    """The actor's name for a public reply; "" if they are hidden in public."""
    return public_names(work, [viewer_id]).shown.get(viewer_id, "")


class _Line(Protocol):
    @property
    def viewer_id(self) -> int: ...


L = TypeVar("L", bound=_Line)


def named_only(work: Work, lines: Sequence[L]) -> tuple[list[L], Names]:
    """The rows of people who are not hidden, and their names."""
    names = public_names(work, [line.viewer_id for line in lines])
    return [line for line in lines if line.viewer_id in names], names


# -- /hideme --------------------------------------------------------------------------------------


def set_hidden(work: Work, hidden: bool) -> None:
    """Hide the actor's name in public, or show it again.

    Raises:
        Refusal: the actor has not linked an account.
    """
    viewer_ids = [link.viewer_id for link in list_links(work, work.actor)]
    if not viewer_ids:
        raise Refusal(_("I don't know which viewer you are."), _("Link your account with `/link`."))
    if hidden:
        _hide(work, viewer_ids)
    else:
        work.execute(delete(HiddenViewer).where(HiddenViewer.viewer_id.in_(viewer_ids)))


def keep_hidden(work: Work, viewer_ids: Collection[int]) -> None:
    """Hide all accounts of a person who is about to be unlinked from them, if one is hidden."""
    mine = HiddenViewer.viewer_id.in_(viewer_ids)
    if work.count(mine):
        _hide(work, viewer_ids)


def _hide(work: Work, viewer_ids: Collection[int]) -> None:
    rows = [{"viewer_id": viewer_id, "hidden_at": work.now} for viewer_id in viewer_ids]
    work.execute(insert(HiddenViewer).values(rows).on_conflict_do_nothing())


def list_hidden(work: Work, viewer_ids: Collection[int]) -> set[int]:
    """Those of these viewers who are hidden in public."""
    return set(public_names(work, viewer_ids).unnamed)
