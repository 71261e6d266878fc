"""Import of another bot's balances: read, reviewed by an admin, then confirmed.

Only the difference to earlier imports from the same source is posted, so an import can be repeated.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, text

from core.guilds.actions import audit, load_settings
from core.kit.database.connection import among
from core.kit.database.records import ViewerId
from core.kit.database.work import ACROSS_GUILDS, Lock, Work, note_change, read_records
from core.kit.errors import Outage, Refusal
from core.kit.runtime.wire import Rejected
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.text.words import _
from core.people import store as people
from core.people.lookup import LINKED, PLATFORMS, Candidate, find_people
from core.people.records import GuildAccount, Viewer
from core.points import ledger, store
from core.points.actions import require_own
from core.points.ledger import NewEntry
from core.points.lists import Lines, parse_lines
from core.points.records import Import, ImportLine, ImportSource
from core.points.rules import SPENDING_ORDER, Bucket, PointsSettings
from core.streamelements.actions import LOGIN, find_account, get_account
from core.streamelements.bulk import token_of
from core.streamelements.client import PAGE
from core.streamelements.client import client_of as streamelements_of
from core.twitch.client import client_of as twitch_of

BUCKET: Bucket = "won"
"""Imported points have an unknown origin, so they are restricted like won points."""

MAX_ACCOUNTS = 100_000
"""The accounts with the largest balances; StreamElements returns 100 at a time."""

MAX_EXAMPLES = 10
MAX_UNCLEAR_NAMES = 50
"""Number of ambiguous names that the preview asks about."""


class Preview(NamedTuple):
    """Changes an import would make.

    Attributes:
        counts: `accounts`, `points`; `by_id`, `by_name`, `unknown`, `excluded` accounts; `holders`
            with points here; total `gain` and `loss`, and the accounts with the `same` balance;
            `unclear` accounts, which are skipped until an admin has chosen.
        examples: the largest balances first.
        unclear: ambiguous names, the largest balances first.
    """

    import_: Import
    counts: Mapping[str, int]
    examples: Sequence["Change"]
    unknown: Sequence[str]
    unclear: Sequence["Change"] = ()


def find_open(work: Work) -> Import | None:
    """The import that is being read or waiting for an admin."""
    return work.scalar(select(Import).where(Import.state.in_(("reading", "ready"))))


def find_newest(work: Work) -> Import | None:
    """The newest import, open or not."""
    return work.scalar(select(Import).order_by(Import.number.desc()).limit(1))


def _start(work: Work, source: ImportSource, platform: str) -> Import:
    require_own(load_settings(work, PointsSettings))
    work.lock(Lock.POINTS)
    if find_open(work) is not None:
        raise Refusal(_("Another import is still open."), _("Confirm or cancel that one first."))
    started = Import(
        number=work.next_number(Import.number),
        source=source,
        platform=platform,
        state="reading",
        started_at=work.now,
        started_by=work.actor,
        try_at=work.now,
    )
    work.add(started)
    work.flush()
    return started


def start_reading(work: Work) -> Import:
    """Read the balances at StreamElements in the background.

    Raises:
        Refusal: it is not connected, this bot keeps no points, or an import is open.
    """
    return _start(work, "streamelements", get_account(work).platform)


def start_list(
    work: Work, pasted: str, chosen: Mapping[str, int] | None = None, instead_of: int | None = None
) -> tuple[Import, Lines]:
    """Start an import from a list of names and points, such as another bot's export; also returns
    how it was read.

    Args:
        chosen: "name" or "points" -> its column index, from 0.
        instead_of: the number of an open import to cancel.
    """
    lines = parse_lines(pasted, chosen)
    balances = {name: points for _line, name, points in lines.named}
    if not balances:
        raise Refusal(_("No valid lines found."), _("Write one viewer per line: MadCats,500"))
    if instead_of is not None:
        cancel(work, instead_of)
        work.flush()
    started = _start(work, "list", "")
    _add(work, started, balances, {})
    started.state = "ready"
    return started, lines


def _add(work: Work, to: Import, balances: Mapping[str, int], user_ids: Mapping[str, int]) -> None:
    names = list(balances)
    work.tx.execute(
        _ADD_LINES,
        {
            "guild_id": work.guild_id,
            "number": to.number,
            "names": names,
            "points": [balances[name] for name in names],
            "user_ids": [user_ids.get(name) for name in names],
        },
    )
    to.accounts += len(names)


_ADD_LINES = text("""
    INSERT INTO points_import_lines AS l (guild_id, number, name, points, user_id)
    SELECT :guild_id, :number, name, points, user_id
      FROM unnest(CAST(:names AS text[]), CAST(:points AS bigint[]), CAST(:user_ids AS bigint[]))
               AS line (name, points, user_id)
        ON CONFLICT ON CONSTRAINT points_import_lines_once
        DO UPDATE SET points = excluded.points, user_id = excluded.user_id
""")

# -- reading --------------------------------------------------------------------------------------


def read_imports(services: Services) -> bool:
    """Continue every import that is being read. False if there is none."""
    with services.database.begin() as tx:
        reading = _list_all_reading(tx)
    due = [started for started in reading if started.try_at <= services.clock()]
    for_each(due, lambda started: _read(services, started.guild_id, started.number))
    return bool(reading)


def list_reading(tx: Connection, services: Services) -> Sequence[Import]:
    """The due imports of all servers."""
    return [started for started in _list_all_reading(tx) if started.try_at <= services.clock()]


def _list_all_reading(tx: Connection) -> Sequence[Import]:
    reading = select(Import).where(Import.state == "reading")
    return read_records(tx, reading.execution_options(**ACROSS_GUILDS))


def _read(services: Services, guild_id: int, number: int) -> None:
    """Read page after page; no transaction is open during a call."""
    while True:
        with services.work_in(guild_id) as work:
            reading, account = work.find(Import, number), find_account(work)
            if reading is None or reading.state != "reading":
                return
            if account is None or account.state != "connected":
                reading.state, reading.reason = "failed", _("StreamElements is not connected")
                return
            offset = reading.accounts
        try:
            token = token_of(services, account)
            page = streamelements_of(services.settings).top(
                token, account.channel_id, offset=offset
            )
            balances = {people.fold(balance.login): balance.points for balance in page}
            user_ids = _ask_twitch(services, list(balances)) if account.platform == "twitch" else {}
        except Outage as outage:
            with services.work_in(guild_id) as work:
                _wait(work, number, outage)
            return
        except (Rejected, Refusal) as error:
            with services.work_in(guild_id) as work:
                _fail(work, number, error)
            return
        with services.work_in(guild_id) as work:
            if _add_page(work, number, offset, balances, user_ids):
                return


def _ask_twitch(services: Services, logins: Sequence[str]) -> dict[str, int]:
    """Login -> user id of existing Twitch accounts; empty without a Twitch app."""
    valid = [login for login in logins if LOGIN.fullmatch(login)]
    if not services.settings.twitch_client_id or not valid:
        return {}
    return {user.login: user.user_id for user in twitch_of(services.settings).list_logins(valid)}


def _wait(work: Work, number: int, outage: Outage) -> None:
    if (reading := work.find(Import, number)) is not None:
        reading.reason = str(outage)
        reading.try_at = work.now + timedelta(seconds=outage.retry_after or 30)


def _fail(work: Work, number: int, error: Exception) -> None:
    reading = work.find(Import, number)
    if reading is not None and reading.state == "reading":
        reading.state, reading.reason = "failed", str(error)
        _delete_lines(work, number)


def _add_page(
    work: Work,
    number: int,
    offset: int,
    balances: Mapping[str, int],
    user_ids: Mapping[str, int],
) -> bool:
    """Returns True after the last page, or if the import was cancelled in the meantime."""
    work.lock(Lock.POINTS)
    reading = work.find(Import, number)
    if reading is None or reading.state != "reading" or reading.accounts != offset:
        return True
    reading.reason = ""
    _add(work, reading, balances, user_ids)
    if len(balances) < PAGE or reading.accounts >= MAX_ACCOUNTS:
        reading.state = "ready"
        return True
    return False


# -- the preview ----------------------------------------------------------------------------------


@dataclass
class Change:
    """A balance at the source, and the change it would make here.

    Attributes:
        viewer_id: the viewer; None for an account that was never seen.
        has: current points of the account here.
        delta: the change; None if the viewer is unknown or excluded.
        candidates: the viewers with this name, if there are several.
    """

    name: str
    points: int
    user_id: int | None
    viewer_id: int | None = None
    skipped: bool = False
    candidates: Sequence[Candidate] = ()
    has: int = 0
    delta: int | None = None
    is_excluded: bool = False


def _list_changes(work: Work, of: Import) -> list[Change]:
    """The lines with points, largest first. Each table is read separately, so that the time stays
    linear without statistics.
    """
    wanted = (ImportLine.name, ImportLine.points, ImportLine.user_id)
    found = select(*wanted, ImportLine.viewer_id, ImportLine.skipped)
    rows = work.execute(found.where(ImportLine.number == of.number, ImportLine.points > 0))
    changes = [Change(*row) for row in rows]
    changes.sort(key=lambda change: (-change.points, change.name))
    _find_viewers(work, of, changes)
    viewer_ids = {change.viewer_id for change in changes if change.viewer_id is not None}
    excluded = store.list_excluded(work, viewer_ids)
    balances = store.get_balances(work, viewer_ids)
    posted = store.list_account_totals(work, _account(of))
    imported: dict[int, int] = {}
    for change in changes:
        viewer_id = change.viewer_id
        if viewer_id is None:
            change.delta = change.points if change.user_id is not None else None
            continue
        change.has = sum(balances.get((viewer_id, bucket), 0) for bucket in SPENDING_ORDER)
        change.is_excluded = viewer_id in excluded
        if not change.is_excluded:
            # Two lines of one viewer are added up.
            before = posted.get(viewer_id, 0) - imported.get(viewer_id, 0)
            left = balances.get((viewer_id, BUCKET), 0)
            change.delta = max(change.points - max(before, 0), -left)
            imported[viewer_id] = imported.get(viewer_id, 0) + change.points
    return changes


def _find_viewers(work: Work, of: Import, changes: Sequence[Change]) -> None:
    """Find the viewer of each balance. If several people have the name: the one the admin chose,
    else the only one with an earlier import, else the only one who is linked."""
    by_id = _find_ids(work, {change.user_id for change in changes if change.user_id is not None})
    named = {change.name for change in changes if change.user_id is None}
    by_name, several = find_people(work, named, platform=of.platform)
    having = {c.viewer.viewer_id for each in several.values() for c in each.candidates}
    persons = people.list_persons(work.tx, work.guild_id, having)
    before = store.list_account_totals(work, _account(of))
    had = {persons[person] for person in persons if before.get(person)}
    linked = {persons[linked_id] for linked_id in LINKED(work, list(persons))}
    for change in changes:
        if change.user_id is not None:
            change.viewer_id = by_id.get(change.user_id)
        elif change.name in by_name:
            change.viewer_id = by_name[change.name].viewer_id
        elif change.name in several:
            change.candidates = several[change.name].candidates
            change.viewer_id = None if change.skipped else _choose_one(change, had, linked)
        else:
            change.viewer_id = None


def _choose_one(change: Change, *preferred: set[int]) -> int | None:
    """The viewer id of the chosen candidate, or of the only preferred person."""
    if change.viewer_id in {candidate.viewer.viewer_id for candidate in change.candidates}:
        return change.viewer_id
    for persons in preferred:
        able = [
            candidate for candidate in change.candidates if candidate.viewer.person_id in persons
        ]
        if len({candidate.viewer.person_id for candidate in able}) == 1:
            return able[0].viewer.viewer_id
    return None


def _find_ids(work: Work, user_ids: Collection[int]) -> dict[int, int]:
    found = select(Viewer.platform_user_id, Viewer.viewer_id)
    at_twitch = Viewer.platform == "twitch", among(Viewer.platform_user_id, user_ids)
    return {
        viewer.platform_user_id: viewer.viewer_id
        for viewer in work.execute(found.where(*at_twitch))
    }


def preview(work: Work) -> Preview | None:
    """Of the newest import; `counts` is filled while it is ready."""
    newest = find_newest(work)
    if newest is None:
        return None
    if newest.state != "ready":
        return Preview(newest, {}, [], [])
    changes = _list_changes(work, newest)
    usable = [change for change in changes if change.delta is not None]
    unclear = [change for change in changes if change.candidates]
    unknown = [
        change.name
        for change in changes
        if change.viewer_id is None and change.user_id is None and not change.candidates
    ]
    counts = {
        "accounts": len(changes),
        "points": sum(change.points for change in changes),
        "by_id": sum(change.user_id is not None for change in changes),
        "by_name": sum(
            change.user_id is None and change.viewer_id is not None for change in changes
        ),
        "unknown": len(unknown),
        "unclear": sum(change.viewer_id is None for change in unclear),
        "excluded": sum(change.is_excluded for change in changes),
        "holders": sum(change.has > 0 for change in changes),
        "gain": sum(
            change.delta for change in usable if change.delta is not None and change.delta > 0
        ),
        "loss": -sum(
            change.delta for change in usable if change.delta is not None and change.delta < 0
        ),
        "same": sum(change.delta == 0 for change in usable),
    }
    return Preview(
        newest, counts, usable[:MAX_EXAMPLES], unknown[:MAX_EXAMPLES], unclear[:MAX_UNCLEAR_NAMES]
    )


def _account(of: Import) -> str:
    return f"import:{of.source}"


def choose(work: Work, number: int, platform: str, chosen: Mapping[str, int]) -> None:
    """Choose the viewers behind an import's names.

    Args:
        platform: kick or twitch; "" for both.
        chosen: name -> the viewer id of one of its candidates; 0 for none of them.

    Raises:
        Refusal: the import is not ready.
    """
    work.lock(Lock.POINTS)
    ready = _get_ready(work, number)
    if ready.source == "list" and platform in ("", *PLATFORMS):
        ready.platform = platform
    known = set(
        work.scalars(select(Viewer.viewer_id).where(among(Viewer.viewer_id, chosen.values())))
    )
    lines = select(ImportLine).where(ImportLine.number == number, among(ImportLine.name, chosen))
    for line in work.scalars(lines):
        wanted = chosen[line.name]
        line.viewer_id = ViewerId(wanted) if wanted in known else None
        line.skipped = not wanted
    note_change(work.tx, work.guild_id, "points")


def _get_ready(work: Work, number: int) -> Import:
    ready = work.find(Import, number)
    if ready is None or ready.state != "ready":
        raise Refusal(_("This import is no longer open."))
    return ready


# -- the decision ---------------------------------------------------------------------------------


def confirm(work: Work, number: int) -> tuple[int, int]:
    """Post the differences; returns the number of changed viewers, and the sum.

    Raises:
        Refusal: the import is not ready, or this bot keeps no points.
    """
    require_own(load_settings(work, PointsSettings))
    work.lock(Lock.POINTS)
    ready = _get_ready(work, number)
    known = select(ImportLine.name, ImportLine.user_id).where(
        ImportLine.number == number, ImportLine.user_id.is_not(None), ImportLine.points > 0
    )
    seen = [
        people.Seen(
            GuildAccount(work.guild_id, "twitch", int(row.user_id)),
            row.name,
            ready.started_at,
            row.name,
        )
        for row in work.execute(known)
        if row.user_id is not None
    ]
    people.set_viewers(work.tx, seen)
    account = _account(ready)
    changes: Counter[int] = Counter()
    for change in _list_changes(work, ready):
        if change.viewer_id is not None and change.delta:
            changes[change.viewer_id] += change.delta
    numbers = store.next_entry(work, account, changes)
    new = [
        NewEntry(f"{account}:{viewer_id}:{numbers[viewer_id]}", viewer_id, BUCKET, delta)
        for viewer_id, delta in changes.items()
        if delta
    ]
    ledger.post(work, account, new, actor=work.actor)
    ready.state = "done"
    _delete_lines(work, number)
    total = sum(changes.values())
    audit(work, "points.import", ready.source, before=len(changes), after=total)
    return len(changes), total


def cancel(work: Work, number: int) -> None:
    """Cancel an import and delete its lines."""
    work.lock(Lock.POINTS)
    found = work.find(Import, number)
    if found is None or found.state not in ("reading", "ready"):
        raise Refusal(_("This import is no longer open."))
    found.state = "cancelled"
    _delete_lines(work, number)


def _delete_lines(work: Work, number: int) -> None:
    work.execute(delete(ImportLine).where(ImportLine.number == number))
    note_change(work.tx, work.guild_id, "points")
