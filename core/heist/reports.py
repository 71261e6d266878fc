"""Subscribers reported by the StreamElements widget.

The widget's key is visible in an overlay, so reports are barely trusted: a report can only mark a
known viewer as subscriber; it never creates or renames a viewer. Each report is validated
separately and refused with a reason.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from core.events import SubscriberReported
from core.inbox import actions as inbox
from core.kit.database.work import Work
from core.kit.runtime.clock import parse_instant
from core.kit.text.strict_json import storable
from core.people.lookup import find_by_name, names_of
from core.people.records import Viewer
from core.streamelements.actions import find_account
from core.streamelements.subscribers import PLATFORMS, Subscriber, plain_text, read_subscriber

MAX_REPORTED = 50
MAX_DIGITS = 40
MAX_DEPTH = 8
KINDS = (None, "", "subscriber", "subscriber-latest")
TEST_FLAGS = ("isTest", "isEmulated")
MAX_AGE = timedelta(days=35)
MAX_CLOCK_SKEW = timedelta(minutes=10)
"""How far the clock of the streamer's computer may be ahead of the server's."""


class InvalidReport(Exception):
    """A report is invalid, for this reason."""


@dataclass(slots=True)
class Reported:
    """The outcome of the reports.

    Attributes:
        new: number of reports that were not known yet.
        rejected: index and reason of each refused report.
    """

    new: int = 0
    rejected: list[dict[str, object]] = field(default_factory=list)


def read_body(raw: bytes) -> list[object] | None:
    """The reports of a request; None if it has no list of them. Unreadable values, such as deeply
    nested ones, become null, so that they invalidate only their own report."""
    text = raw.decode("utf-8", "replace")
    try:
        body = _loads(text)
    except RecursionError:
        body = _loads(_cut_nested(text))
    sent = body.get("subscribers") if isinstance(body, dict) else None
    return sent if isinstance(sent, list) else None


def _loads(text: str) -> object:
    try:
        return storable(
            json.loads(
                text,
                parse_int=lambda digits: int(digits) if len(digits) < MAX_DIGITS else None,
                parse_float=lambda _digits: None,
                parse_constant=lambda _word: None,
            )
        )
    except ValueError:
        return None


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)


def _cut_nested(text: str) -> str:
    """The JSON text with null in place of each list and object nested `MAX_DEPTH` deep."""
    kept, depth, start = [], 0, 0
    for found in _STRING_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH:
                kept.append(text[start : found.start()] + "null")
        elif found[0] in "]}":
            if depth == MAX_DEPTH:
                start = found.end()
            depth -= 1
    return "".join(kept) + (text[start:] if depth < MAX_DEPTH else "")


def report(work: Work, sent: Sequence[object]) -> Reported:
    """Publish the subscribers. The same report by two scenes counts once."""
    outcome = Reported()
    for index, data in enumerate(sent):
        try:
            if index >= MAX_REPORTED:
                raise InvalidReport(f"Send at most {MAX_REPORTED} reports at once.")
            event = _read(work, data)
        except InvalidReport as unusable:
            outcome.rejected.append({"index": index, "reason": str(unusable)})
        else:
            outcome.new += inbox.publish(work.tx, event)
    return outcome


def _read(work: Work, data: object) -> SubscriberReported:
    """Raises InvalidReport."""
    if not isinstance(data, Mapping):
        raise InvalidReport("A report must be an object.")
    if data.get("type") not in KINDS:
        raise InvalidReport("Only subscription events are accepted.")
    if data.get("bulkGifted"):
        raise InvalidReport("This is a whole gift bomb: report the event of each receiver instead.")
    if any(data.get(name) for name in TEST_FLAGS):
        raise InvalidReport("This is a test event.")
    if not isinstance(data.get("tier"), str | int | None) or isinstance(data.get("tier"), bool):
        raise InvalidReport("The tier must be a string or a number.")
    found = read_subscriber(data)
    if found is None:
        raise InvalidReport("The user id or login is missing.")
    at = _when(work, data.get("createdAt"))
    viewer = _find_viewer(work, data.get("provider"), found)
    name = plain_text(data.get("activityId")) or plain_text(data.get("_id")) or f"{at:%Y-%m-%d}"
    user_id, tier = int(viewer.platform_user_id), found.tier
    return SubscriberReported(
        key=f"widget|{viewer.platform}:{user_id}|{name[:100]}|{tier}",
        guild_id=work.guild_id,
        at=at,
        platform=viewer.platform,
        user_id=user_id,
        login="",
        name="",
        tier=tier if viewer.platform == "twitch" else "subscriber",  # Kick has one tier
        reporter="widget",
    )


def _when(work: Work, given: object) -> datetime:
    """The time of the event, from a text or milliseconds. Raises InvalidReport."""
    try:
        if isinstance(given, int) and not isinstance(given, bool):
            at = datetime.fromtimestamp(given / 1000, UTC)
        else:
            at = parse_instant(plain_text(given))
    except (ValueError, OverflowError, OSError):
        raise InvalidReport("The time is missing.") from None
    if at <= work.now - MAX_AGE:
        raise InvalidReport(f"This happened more than {MAX_AGE.days} days ago.")
    if at > work.now + MAX_CLOCK_SKEW:
        raise InvalidReport("The time is in the future: check the computer's clock.")
    return min(at, work.now)


def _find_viewer(work: Work, provider: object, found: Subscriber) -> Viewer:
    """The reported viewer. A report without provider may be from an unsupported platform such as
    YouTube, where subscribing is free and has no tier: so id and name must both match one viewer,
    or it must have a login with a tier, which then belongs to the connected account's platform.
    Raises InvalidReport."""
    platform = plain_text(provider).strip().lower()
    if provider in (None, "") and found.user_id is None and found.tier != "subscriber":
        account = find_account(work)
        platform = account.platform if account else ""
    if provider not in (None, "") and platform not in PLATFORMS:
        raise InvalidReport("The platform must be Twitch or Kick.")
    if platform and found.user_id is None:
        viewer = find_by_name(work.tx, work.guild_id, f"{platform}:{found.login}")
        known = [] if viewer is None or viewer.platform_user_id < 0 else [viewer]
    elif found.user_id is None:
        known = []
    else:
        same = select(Viewer).where(
            Viewer.platform_user_id == found.user_id,
            Viewer.platform.in_((platform,) if platform else PLATFORMS),
        )
        known = list(work.scalars(same))
    if not platform:
        names = {found.login.casefold(), found.name.casefold()}
        known = [viewer for viewer in known if names_of(viewer) & names]
        if len(known) != 1:
            raise InvalidReport("The platform is missing, and no viewer has this id and name.")
    if not known:
        raise InvalidReport("This viewer hasn't been seen in chat yet.")
    return known[0]
