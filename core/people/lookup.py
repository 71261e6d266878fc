"""Finding viewers by name. A viewer is found by their name, by their login (the name in addresses),
by `kick:name` or `twitch:name`, by the platform's user id (`kick:#123`), by a mention, an id or a
unique name on Discord, and by a former name if nobody else has it now. If several people have the
same name, a command narrows the candidates down:

    viewer = find_person(work, typed, meant=named_in(Pick.viewer_id, Pick.state == "claimed"))
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Text, any_, cast, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.kit.database.connection import among
from core.kit.database.work import Work
from core.kit.errors import Refusal, Unclear
from core.kit.text.words import _
from core.people import store
from core.people.records import FormerName, Link, Viewer
from core.people.store import fold

PLATFORMS = {"kick": "Kick", "twitch": "Twitch"}

_MENTION = re.compile(r"<@!?([0-9]{1,19})>")
_DISCORD_ID = re.compile(r"[0-9]{15,19}")
_MAX_ID = 2**63 - 1

Meant = Callable[[Work, Collection[int]], Collection[int]]
"""Narrows viewer ids down to those a command can refer to."""


def named_in(viewer_id: InstrumentedAttribute[Any], *criteria: ColumnElement[bool]) -> Meant:
    """The viewers in this column of a table."""

    def find(work: Work, viewer_ids: Collection[int]) -> Collection[int]:
        named = select(viewer_id).where(among(viewer_id, viewer_ids), *criteria)
        return work.scalars(named.distinct()).all()

    return find


LINKED = named_in(Link.viewer_id)
"""For commands that need a linked account."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate for an ambiguous name.

    Attributes:
        reference: finds exactly this account, such as `kick:#123`.
        former: the typed name, if they have a different one now.
    """

    viewer: Viewer
    discord_id: int | None = None
    former: str = ""

    @property
    def reference(self) -> str:
        return f"{self.viewer.platform}:#{self.viewer.platform_user_id}"

    @property
    def label(self) -> str:
        """Name and platform."""
        label = f"{self.viewer.name} ({PLATFORMS[self.viewer.platform]})"
        if self.former:
            return _("{name}, once {former}").format(name=label, former=self.former)
        return label


class SeveralPeople(Unclear):
    """Different people have the name.

    Attributes:
        candidates: the matching viewers.
    """

    def __init__(self, typed: str, candidates: Sequence[Candidate]) -> None:
        name = typed.strip().removeprefix("@").rpartition(":")[2]
        prefixes = dict.fromkeys(candidate.viewer.platform for candidate in candidates)
        exact = [f"`{prefix}:{name}`" for prefix in prefixes]
        if len(exact) < len(candidates) or any(candidate.former for candidate in candidates):
            exact = [f"`{candidate.reference}` ({candidate.label})" for candidate in candidates]
        super().__init__(
            _("Several people are called “{name}”.").format(name=name)
            if len(prefixes) < 2
            else _("There is a “{name}” on Kick and another one on Twitch.").format(name=name),
            _("Write which one: {names}.").format(names=", ".join(exact)),
            typed,
            [(candidate.reference, candidate.label) for candidate in candidates],
        )
        self.candidates = tuple(candidates)


class NobodyFound(Refusal):
    """No account with this name was seen."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("I haven't seen anyone called “{name}” in chat.").format(name=name.strip()),
            _("Use their name on Kick or Twitch. Capitals don't matter."),
        )


def find_person(work: Work, text: str, *, meant: Meant | None = None, platform: str = "") -> Viewer:
    """The account of this name; for a member with several accounts, the one that represents them.

    Args:
        meant: narrows down the candidates if several people have the name.
        platform: the platform it was typed on, also used to narrow down.

    Raises:
        SeveralPeople: the name is ambiguous.
        Refusal: the member has not linked an account, or nobody with this name was seen.
    """
    typed = text.strip()
    discord_id = discord_id_in(typed)
    if discord_id is not None:
        link = store.find_link(work, discord_id)
        if link is not None:
            return store.get_viewer(work.tx, work.guild_id, link.viewer_id)
    candidates = list_candidates(work, typed)
    if not candidates and discord_id is not None:
        raise Refusal(
            _("That member has not linked an account."),
            _("<@{discord_id}> can link one with `/link`. A name in chat works, too.").format(
                discord_id=discord_id
            ),
        )
    if not candidates:
        raise NobodyFound(text)
    left = _narrowed(work, {typed: candidates}, meant, platform)[typed]
    if _are_several(left):
        raise SeveralPeople(typed, _with_members(work, left))
    return left[0].viewer


def _are_several(candidates: Sequence[Candidate]) -> bool:
    return len({candidate.viewer.person_id for candidate in candidates}) > 1


def _narrowed(
    work: Work,
    named: Mapping[str, Sequence[Candidate]],
    meant: Meant | None,
    platform: str,
) -> dict[str, Sequence[Candidate]]:
    """Narrow the candidates of each name down to the platform, then by the filter, unless nobody
    would be left. One query for all names.
    """
    unclear = {
        name: [candidate for candidate in candidates if candidate.viewer.platform == platform]
        or candidates
        for name, candidates in named.items()
        if _are_several(candidates)
    }
    able: set[int] = set()
    if meant is not None and unclear:
        asked = {candidate.viewer.viewer_id for each in unclear.values() for candidate in each}
        persons = store.list_persons(work.tx, work.guild_id, asked)
        able = {persons[viewer_id] for viewer_id in meant(work, list(persons))}
    return dict(named) | {
        name: [candidate for candidate in candidates if candidate.viewer.person_id in able]
        or candidates
        for name, candidates in unclear.items()
    }


def _with_members(work: Work, candidates: Sequence[Candidate]) -> list[Candidate]:
    found = []
    for candidate in candidates:
        link = store.find_link_of_viewer(work, candidate.viewer.viewer_id)
        found.append(
            Candidate(candidate.viewer, link.discord_id if link else None, candidate.former)
        )
    return found


def discord_id_in(text: str) -> int | None:
    """The Discord id in a mention or a bare id; None for any other text."""
    mention = _MENTION.fullmatch(text.strip())
    if mention is not None:
        return int(mention[1])
    return int(text) if _DISCORD_ID.fullmatch(text.strip()) else None


MAX_FOUND = 50


def search(work: Work, text: str) -> list[tuple[Viewer, Link | None]]:
    """Viewers whose name, former name or login begins with the text, or who have this id on Discord
    or a platform, with their links; without a text, the newest ones."""
    linked = (Link.guild_id == Viewer.guild_id) & (Link.viewer_id == Viewer.viewer_id)
    found = select(Viewer, Link).outerjoin(Link, linked)
    platform, name = split_platform(text)
    number, begins = name.removeprefix("#"), fold(name)
    if platform:
        found = found.where(Viewer.platform == platform)
    if (discord_id := discord_id_in(name)) is not None:
        found = found.where(Link.discord_id == discord_id)
    elif name.startswith("#") and number.isdecimal():
        found = found.where(Viewer.platform_user_id == min(int(number[:19]), _MAX_ID))
    elif begins:
        former = select(FormerName.viewer_id).where(
            FormerName.folded_name.startswith(begins, autoescape=True)
        )
        found = found.where(
            Viewer.folded_name.startswith(begins, autoescape=True)
            | Viewer.login.startswith(begins, autoescape=True)
            | Link.discord_handle.startswith(begins, autoescape=True)
            | Viewer.viewer_id.in_(former)
        )
    found = found.order_by(Viewer.viewer_id.desc()).limit(MAX_FOUND)
    return [(viewer, link) for viewer, link in work.execute(found)]


# -- names ----------------------------------------------------------------------------------------


def list_candidates(work: Work, typed: str) -> list[Candidate]:
    """All viewers that match a name, a login, a platform's user id or a name on Discord."""
    platform, name = split_platform(typed)
    found = find_many(work.tx, work.guild_id, [name], platform)
    if found.get(fold(name)):
        return found[fold(name)]
    if name.startswith("#") or name.isdecimal():
        return _list_by_id(work.tx, work.guild_id, [name], platform).get(name, [])
    links = select(Link.viewer_id).where(Link.discord_handle == fold(name))
    member = work.scalar(links.order_by(Link.viewer_id).limit(1)) if fold(name) else None
    if member is not None and not platform:
        return [Candidate(store.get_viewer(work.tx, work.guild_id, member))]
    return _list_former(work.tx, work.guild_id, [name], platform).get(fold(name), [])


def find_by_name(tx: Connection, guild_id: int, name: str) -> Viewer | None:
    """The viewer who was last seen with this name, or had it last; None if there is none."""
    platform, plain = split_platform(name)
    for find in (find_many, _list_former):
        if found := find(tx, guild_id, [plain], platform).get(fold(plain)):
            return found[0].viewer
    return None


def split_platform(typed: str) -> tuple[str, str]:
    """`twitch:name` as platform and name; the platform is "" in any other text."""
    before, colon, after = typed.strip().removeprefix("@").partition(":")
    if colon and before.strip().casefold() in PLATFORMS:
        return before.strip().casefold(), after.strip()
    return "", typed.strip()


def find_many(
    tx: Connection, guild_id: int, names: Iterable[str], platform: str = ""
) -> dict[str, list[Candidate]]:
    """Folded name -> its current holders by name or login: per platform the viewer last seen with
    it; logins come before names.
    """
    wanted = {fold(name) for name in names} - {""}
    names_array = cast(list(wanted), ARRAY(Text))  # there may be many thousands
    has_it = (Viewer.folded_name == any_(names_array)) | (Viewer.login == any_(names_array))
    found = select(Viewer).where(Viewer.guild_id == guild_id, has_it)
    if platform:
        found = found.where(Viewer.platform == platform)
    named: dict[tuple[str, str], list[Viewer]] = defaultdict(list)
    with Session(tx, join_transaction_mode="rollback_only") as session:
        for viewer in session.scalars(found):
            for name in {viewer.folded_name, viewer.login} & wanted:
                named[name, viewer.platform].append(viewer)
    candidates: dict[str, list[Candidate]] = defaultdict(list)
    for (name, _platform), viewers in sorted(named.items()):
        candidates[name] += [Candidate(holder) for holder in _holders(name, viewers)]
    for several in candidates.values():
        several.sort(key=lambda candidate: candidate.viewer.named_at, reverse=True)
    return candidates


def _holders(name: str, viewers: Sequence[Viewer]) -> list[Viewer]:
    """Holders of a name on one platform. Logins are unique; names in other alphabets are not."""
    newest, *others = sorted(viewers, key=lambda v: (v.login == name, v.named_at), reverse=True)
    if newest.login in ("", name):
        return [newest]
    return [newest, *(other for other in others if other.login not in ("", name))]


def _list_by_id(
    tx: Connection, guild_id: int, names: Iterable[str], platform: str
) -> dict[str, list[Candidate]]:
    """`#123` or `123` -> the viewer with this user id on each platform."""
    numbers = {name: name.removeprefix("#") for name in names}
    ids = {
        name: int(number)
        for name, number in numbers.items()
        if number.isascii() and number.isdecimal() and len(number) < 20
    }
    found = select(Viewer).where(
        Viewer.guild_id == guild_id,
        Viewer.platform.in_([platform] if platform else list(PLATFORMS)),
        among(Viewer.platform_user_id, {user_id for user_id in ids.values() if user_id <= _MAX_ID}),
    )
    having: dict[int, list[Candidate]] = defaultdict(list)
    if ids:
        with Session(tx, join_transaction_mode="rollback_only") as session:
            for viewer in session.scalars(found.order_by(Viewer.named_at.desc())):
                having[viewer.platform_user_id].append(Candidate(viewer))
    return {name: having[number] for name, number in ids.items() if number in having}


def _list_former(
    tx: Connection, guild_id: int, names: Iterable[str], platform: str = ""
) -> dict[str, list[Candidate]]:
    """Folded name -> its last holder on each platform."""
    wanted = {fold(name) for name in names} - {""}
    same = (Viewer.guild_id == FormerName.guild_id) & (Viewer.viewer_id == FormerName.viewer_id)
    found = (
        select(FormerName.folded_name, FormerName.name.label("former"), Viewer)
        .join(Viewer, same)
        .where(FormerName.guild_id == guild_id, among(FormerName.folded_name, wanted))
        .order_by(FormerName.until.desc())
    )
    if platform:
        found = found.where(Viewer.platform == platform)
    newest: dict[tuple[str, str], Candidate] = {}
    with Session(tx, join_transaction_mode="rollback_only") as session:
        for row in session.execute(found):
            candidate = Candidate(row.Viewer, former=row.former)
            newest.setdefault((row.folded_name, row.Viewer.platform), candidate)
    candidates: dict[str, list[Candidate]] = defaultdict(list)
    for (name, _platform), candidate in newest.items():
        candidates[name].append(candidate)
    return candidates


def find_people(
    work: Work, names: Iterable[str], *, platform: str = "", meant: Meant | None = None
) -> tuple[dict[str, Viewer], dict[str, SeveralPeople]]:
    """Like `find_person`, for many names at once, such as pasted ones: the viewer for each, and the
    ambiguous names.
    """
    wanted = dict.fromkeys(names)
    split = {name: split_platform(name) for name in wanted}
    found: dict[str, list[Candidate]] = {}
    for of in {"", platform, *(prefix for prefix, _name in split.values())}:
        asked = [name for on, name in split.values() if (on or platform) == of]
        if asked:
            former = _list_former(work.tx, work.guild_id, asked, of)
            current = find_many(work.tx, work.guild_id, asked, of)
            marked = [name for name in asked if name.startswith("#")]
            by_id = _list_by_id(work.tx, work.guild_id, marked, of)
            known = former | by_id | current
            found |= {f"{of}:{name}": several for name, several in known.items()}
    candidates = {
        name: found.get(f"{on or platform}:{fold(plain)}") for name, (on, plain) in split.items()
    }
    left = _narrowed(work, {n: each for n, each in candidates.items() if each}, meant, platform)
    people = {name: each[0].viewer for name, each in left.items() if not _are_several(each)}
    return people, {n: SeveralPeople(n, each) for n, each in left.items() if _are_several(each)}


def has_name(typed: str) -> ColumnElement[bool]:
    """A condition for `Viewer`: has this name or login, or had it."""
    platform, name = split_platform(typed)
    folded = fold(name)
    former = select(FormerName.viewer_id).where(FormerName.folded_name == folded)
    has_it = (Viewer.folded_name == folded) | (Viewer.login == folded)
    found = has_it | Viewer.viewer_id.in_(former)
    return found & (Viewer.platform == platform) if platform else found


def names_of(viewer: Viewer) -> frozenset[str]:
    """The folded names that currently find an account."""
    return frozenset({viewer.folded_name, viewer.login} - {""})
